"""Searches for markers in recordings, by processes beside the calls.

A search takes about 3 ms of a processor for a section of 2 s, and 5 ms when its audio jumped; a full
comparison with the reference takes 55 ms.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import msgspec

from bot.errors import NativeError
from bot.ipc.process_environment import process_environment
from bot.load.listener import Heard, Question

__all__ = ["Hearing"]

ARRAYS_KEPT = str(1 << 26)
SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": ARRAYS_KEPT,
    "MALLOC_TRIM_THRESHOLD_": ARRAYS_KEPT,
}
"""Threads of numpy, and memory that goes back to the system after each array (mallopt(3)), cost more than
they save with arrays of this size: half of the time of a search."""


class Hearing:
    """Context manager around the processes that search recordings; they end with this one at the latest."""

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or max(1, (os.cpu_count() or 2) // 2)
        """Number of recordings that are searched at the same time."""
        self._listeners = [Listener() for _ in range(self.processes)]
        self._free: SimpleQueue[Listener] = SimpleQueue()

    def __enter__(self) -> Self:
        for listener in self._listeners:
            listener.start()
            self._free.put(listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in self._listeners:
            listener.close()

    def listen(self, path: Path, identity: int) -> Heard:
        """Search a recording for a marker; waits for a free process. Raises NativeError when that dies."""
        listener = self._free.get()
        try:
            return listener.ask(Question(str(path), identity))
        except (OSError, msgspec.DecodeError):
            raise NativeError(f"{path}: the process that searched it died: {listener.close()}") from None
        finally:
            self._free.put(listener)


class Listener:
    """A process that searches one recording after another; one that died is followed by another."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = msgspec.json.Decoder(Heard)

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started if there is none; raises OSError."""
        self._process = self._process or subprocess.Popen(
            [sys.executable, "-P", "-m", "bot.load.listener"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,  # only the parent handles an interrupt from the terminal
            env=process_environment() | SETTINGS,
        )
        return self._process

    def ask(self, question: Question) -> Heard:
        """Its answer; raises OSError, msgspec.DecodeError when the process has ended."""
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(question) + b"\n")
        process.stdin.flush()
        return self._answers.decode(process.stdout.readline())

    def close(self) -> str:
        """End the process; how it ended."""
        process, self._process = self._process, None
        if process is None:
            return "it was not started"
        process.kill()
        process.communicate()
        return f"exit status {process.returncode}"
