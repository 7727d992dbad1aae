"""Runs the srtpbot command at a terminal, and shows what a person would see on its screen."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pyte

__all__ = ["Terminal"]

OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
"""So that Ctrl-C, typed at it, becomes a signal."""
COMMAND = [sys.executable, "-c", f"{OWN_TERMINAL}; from bot.cli.main import main; main()"]


class Terminal:
    """A process whose standard streams are a terminal of this size; ``stdout`` may be a file instead."""

    def __init__(
        self,
        *arguments: object,
        folder: Path,
        environment: Mapping[str, str],
        columns: int = 120,
        lines: int = 30,
        stdout: IO[bytes] | None = None,
    ) -> None:
        self.raw = b""
        """Everything that was written to the terminal."""
        self.times: list[float] = []
        """When each piece of it came."""
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=folder,
            env=dict(environment),
            stdin=theirs,
            stdout=stdout if stdout is not None else theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._ours = ours
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def screen(self) -> list[str]:
        """The lines that are not empty."""
        with self._changed:
            return [line.rstrip() for line in self._screen.display if line.strip()]

    @property
    def cursor_hidden(self) -> bool:
        """Whether the terminal was left without its cursor."""
        with self._changed:
            return bool(self._screen.cursor.hidden)

    def until(self, shows: Callable[[str], bool], timeout: float = 20.0) -> str:
        """Wait until the screen is as wanted; what it shows then."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not shows(text := "\n".join(line.rstrip() for line in self._screen.display)):
                left = deadline - time.monotonic()
                assert left > 0, f"not so within {timeout:g} s:\n{text}"
                assert self._reader.is_alive(), f"it ended first:\n{text}"
                self._changed.wait(min(left, 0.2))
        return text

    def look(self, seconds: float) -> None:
        """Wait for something on the screen, but not for longer than this."""
        with self._changed:
            self._changed.wait(seconds)

    def press(self, keys: bytes) -> None:
        """Type at the terminal; b"\\x03" is Ctrl-C."""
        os.write(self._ours, keys)

    def end(self, timeout: float = 30.0) -> int:
        """The exit status, once everything was read."""
        status = self._process.wait(timeout)
        self._reader.join(5)
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._ours, 65536)
            except OSError:  # on Linux, the end of a terminal
                piece = b""
            with self._changed:
                self._changed.notify_all()
                if not piece:
                    return
                self.raw += piece
                self.times.append(time.monotonic())
                self._stream.feed(piece)
