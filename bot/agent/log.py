"""The agent's log: lines on its standard error, a pipe that the parent reads, or does not for a while.

A line is written at once, since the next thing may be an abort, and never waited for: a pipe that is full
loses lines, and says how many as soon as there is room.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

__all__ = ["never_wait", "write_line"]

STDERR = 2
ROOM = 1 << 20
"""Size of the pipe in bytes, if the system allows it."""


class _Log:
    """Writer of standard error; counts the lines that could not be written."""

    def __init__(self) -> None:
        self._lost = 0
        self._broken = False

    def write(self, text: str) -> None:
        """Write a line, or count it."""
        lost = f"({self._lost} lines were lost here: the log was not read)\n" if self._lost else ""
        line = ("\n" if self._broken else "") + lost + text + "\n"
        content = line.encode("utf-8", "replace")
        try:
            written = os.write(STDERR, content)
        except BlockingIOError:
            self._lost += 1
            return
        except OSError:  # the parent is dead
            return
        self._broken = written < len(content)
        self._lost = int(self._broken)


_log = _Log()


def write_line(text: str) -> None:
    """To standard error at once; to nobody once the parent is dead."""
    _log.write(text)


def never_wait() -> None:
    """Make writes to standard error non-blocking, also in C libraries."""
    os.set_blocking(STDERR, False)
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(STDERR, fcntl.F_SETPIPE_SZ, ROOM)
