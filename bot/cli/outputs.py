"""Standard output and standard error: a failed write is reported once, and no write raises.

The reader of a pipe may close it (EPIPE), and a disk may be full (ENOSPC). Writers continue, on all threads;
their text is dropped. The command is notified, and hangs up its calls and ends.

While a command serves calls, no write waits for a reader: a thread writes the queued lines. When the queue is
full, further lines are dropped and counted. Output at the end, such as the verdict, is never dropped: the
command waits until it is written.
"""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from bot.cli.signals import INTERRUPTS
from bot.harmless import escaped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["dropped", "end", "finish", "follow", "give_up", "never_block", "problem", "terminal", "watch"]

TROUBLE = 3
READER_GONE = {errno.EPIPE, errno.ECONNRESET}
NAMES = {1: "standard output", 2: "standard error"}
QUEUED_BYTES = {1: 8 << 20, 2: 1 << 20}
"""Largest size of unread output in bytes; standard output may have results of thousands of calls."""
PIECE = 4096
PATIENCE_S = 5.0
"""Time without any progress after which an interrupted command stops waiting for the reader, in seconds."""


class _State:
    """State of both outputs."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.reader_is_gone = False
        self.listener: Callable[[], None] = lambda: None
        self.queues = False
        """Whether a thread writes the output."""
        self.is_final = False
        """Whether the command is ending; output at its end is not dropped."""
        self.gives_up = False


class _Channel:
    """Output to one file descriptor: its queue, and the thread that writes it."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.lines_dropped = 0
        self._failed = False
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._written = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, data: bytes) -> None:
        """Write the data, or queue it; does nothing after a failed write."""
        if not _state.queues:
            self.write_now(data)
            return
        with self._changed:
            if self._failed:
                return
            if not _state.is_final and self._size + len(data) > QUEUED_BYTES[self.handle]:
                self.lines_dropped += data.count(b"\n") or 1
                return
            self._waiting.append(data)
            self._size += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="srtpbot-output", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def write_now(self, data: bytes) -> None:
        """Write on this thread; waits for the reader."""
        left = memoryview(data)
        while left and not self._failed:
            try:
                left = left[os.write(self.handle, left[:PIECE]) :]
                self._written += PIECE
            except BlockingIOError:
                select.select([], [self.handle], [])  # somebody made the pipe non-blocking, and it is full
            except OSError as error:
                self._fail(error)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                data = self._waiting[0]
            self.write_now(data)
            with self._changed:
                self._waiting.popleft()
                self._size -= len(data)
                self._changed.notify_all()

    def settle(self) -> bool:
        """Wait until everything is written; False without a reader after an interrupt."""
        progress, since = self._written, time.monotonic()
        with self._changed:
            while self._waiting and not self._failed:
                self._changed.wait(0.1)
                if self._written != progress:
                    progress, since = self._written, time.monotonic()
                elif time.monotonic() - since > PATIENCE_S:
                    if _state.gives_up:
                        return False
                    for number in INTERRUPTS:  # a second interrupt now ends the process
                        signal.signal(number, signal.SIG_DFL)
        return True

    def _fail(self, error: OSError) -> None:
        self._failed = True
        gone = error.errno in READER_GONE
        fail(self.handle, "its reader has closed it" if gone else error.strerror or str(error), gone=gone)


_state = _State()
_channels = {handle: _Channel(handle) for handle in NAMES}


def fail(handle: int, why: str, *, gone: bool = False) -> None:
    """Store the first failure and call the listener."""
    if _state.problem is None:
        _state.reader_is_gone = gone
        _state.problem = f"{NAMES[handle]} cannot be written: {why}"
        _state.listener()


class _Watched(io.RawIOBase):
    """Binary stream on a file descriptor; its writes never raise."""

    def __init__(self, handle: int) -> None:
        super().__init__()
        self._handle = handle

    def writable(self) -> bool:
        """Always true."""
        return True

    def fileno(self) -> int:
        """The number of the file descriptor."""
        return self._handle

    def isatty(self) -> bool:
        """Whether the output is a terminal."""
        try:
            return os.isatty(self._handle)
        except OSError:
            return False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all data."""
        content = bytes(data)
        _channels[self._handle].write(content)
        return len(content)


class _Printed(io.TextIOWrapper):
    """Text stream without terminal control characters; colours stay on a terminal, or if they are forced."""

    def write(self, text: str, /) -> int:
        """Write the text; returns its length."""
        super().write(escaped(text, colours=self.isatty() or bool(os.environ.get("FORCE_COLOR"))))
        return len(text)


def watch() -> None:
    """Replace both streams; the output to a missing file descriptor is discarded."""
    sys.stdout = _watched(sys.stdout, 1)
    sys.stderr = _watched(sys.stderr, 2)


def never_block() -> None:
    """Write on threads from now on, so that writers do not wait for a reader."""
    _state.queues = True


def finish() -> None:
    """Mark the end of the command: its output is not dropped."""
    _state.is_final = True


def give_up() -> None:
    """Limit the time to wait for a reader after an interrupt."""
    _state.gives_up = True


def dropped(*handles: int) -> str | None:
    """The dropped output of the file descriptors as text."""
    lost = [
        channel
        for handle, channel in _channels.items()
        if channel.lines_dropped and handle in (handles or NAMES)
    ]
    parts = [f"{one.lines_dropped} lines of {NAMES[one.handle]}" for one in lost]
    return f"{' and '.join(parts)} were dropped: nobody read them" if parts else None


def _watched(stream: TextIO | None, handle: int) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    writer = io.BufferedWriter(_Watched(handle))
    at_once = handle == 2 or writer.isatty()
    return _Printed(writer, stream.encoding, "backslashreplace", line_buffering=at_once)


def terminal() -> TextIO:
    """Standard error without the filter, for a writer that moves the cursor."""
    if not isinstance(sys.stderr, _Printed):
        return sys.stderr
    writer = io.BufferedWriter(_Watched(2))
    return io.TextIOWrapper(writer, sys.stderr.encoding, "backslashreplace", line_buffering=True)


def problem() -> str | None:
    """The first failure of an output."""
    return _state.problem


def follow(listener: Callable[[], None]) -> None:
    """Call ``listener`` when one fails, or now if one has. It must not write: it comes from a write."""
    _state.listener = listener
    if _state.problem is not None:
        listener()


def end(status: int) -> int:
    """The exit status of a command that has ended with ``status``; lost output turns success into an error.

    A reader that closes the pipe after the end of all work is no error.
    """
    finish()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if (lost := dropped()) is not None:
        sys.stderr.write(f"srtpbot: {lost}\n")
    if not settled() or (_state.problem is not None and not _state.reader_is_gone):
        sys.stderr.write(f"srtpbot: {_state.problem}\n")
        settled()
        return status or TROUBLE
    return status


def settled() -> bool:
    """Wait until everything is written; False, and a failure, without a reader."""
    for channel in _channels.values():
        if not channel.settle():
            fail(channel.handle, "nobody reads it")
            return False
    return True
