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
        self._all: list[Listener] = []
        self._free: SimpleQueue[Listener] = SimpleQueue()

    def __enter__(self) -> Self:
        for _ in range(self.processes):
            self._add()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in self._all:
            listener.close()

    def listen(self, path: Path, identity: int) -> Heard:
        """Search a recording for a marker; waits for a free process. Raises NativeError when that dies."""
        listener = self._free.get()
        try:
            heard = listener.ask(Question(str(path), identity))
        except (OSError, msgspec.DecodeError):
            self._add()
            raise NativeError(f"{path}: the process that searched it died: {listener.close()}") from None
        self._free.put(listener)
        return heard

    def _add(self) -> None:
        listener = Listener()
        self._all.append(listener)
        self._free.put(listener)


class Listener:
    """A process that searches one recording after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bot.load.listener"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,  # only the parent handles an interrupt from the terminal
            env=process_environment() | SETTINGS,
        )
        self._answers = msgspec.json.Decoder(Heard)

    def ask(self, question: Question) -> Heard:
        """Its answer; raises OSError, msgspec.DecodeError when the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(question) + b"\n")
        self._process.stdin.flush()
        return self._answers.decode(self._process.stdout.readline())

    def close(self) -> str:
        """End the process; how it ended."""
        self._process.kill()
        self._process.communicate()
        return f"exit status {self._process.returncode}"
