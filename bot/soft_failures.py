"""The failures of soft expectations, kept until the end of a test or of an endpoint.

A collector takes them while it is open. The pytest plugin opens one for each phase of a test; an endpoint has
one of its own, for programs without the plugin.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, TracebackType

from bot.errors import ExpectationFailed

__all__ = ["SoftExpectationsFailed", "SoftFailure", "SoftFailures", "active_collector", "listed"]

INTERNAL = {"bot", "media", "contextlib", "dataclasses"}
INDENT = "   "


def caller() -> TracebackType | None:
    """The innermost line outside of srtpbot on this thread, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in INTERNAL:
        frame = frame.f_back
    if frame is None or frame.f_globals.get("__name__") == "threading":
        return None
    return TracebackType(None, frame, frame.f_lasti, frame.f_lineno)


@dataclass(frozen=True)
class SoftFailure:
    """A failed soft expectation."""

    subject: str
    """The call or the endpoint."""
    text: str
    """The expected and the observed value."""
    history: tuple[str, ...] = ()
    """The last states and SIP messages of the call."""
    traceback: TracebackType | None = field(default_factory=caller, compare=False, repr=False)
    """The line of the user's code."""
    at: float = field(default_factory=time.monotonic)
    """Monotonic seconds."""

    @property
    def where(self) -> str:
        """The user's line, ``test_calls.py:12``; empty where no code of the user called."""
        if self.traceback is None:
            return ""
        file = self.traceback.tb_frame.f_code.co_filename
        near = os.path.relpath(file) if os.path.isabs(file) else file
        return f"{file if near.startswith('..') else near}:{self.traceback.tb_lineno}"


class SoftExpectationsFailed(ExpectationFailed):
    """Soft expectations failed; ``failures`` has all failures in the order of time."""

    def __init__(self, failures: Sequence[SoftFailure], other: BaseException | None = None) -> None:
        self.failures = tuple(sorted(failures, key=lambda one: one.at))
        self.other = other
        """The exception that ended the same block."""
        text = listed(self.failures)
        if other is not None:
            what = f"{type(other).__name__}: {other}".rstrip(": ")
            text += f"\nand then {what}"
        super().__init__(text)


class SoftFailures:
    """A collector of soft failures, closed at first; any thread may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: list[SoftFailure] | None = None

    def open(self) -> None:
        """Take failures from now on."""
        with self._lock:
            self._failures = self._failures or []

    def add(self, failure: SoftFailure) -> bool:
        """Keep a failure; False when the collector is closed, so that nobody would ever see it."""
        with self._lock:
            if self._failures is None:
                return False
            self._failures.append(failure)
            return True

    def close(self) -> list[SoftFailure]:
        """Take no more failures; returns those that were kept."""
        with self._lock:
            failures, self._failures = self._failures or [], None
            return failures

    def finish(self, error: BaseException | None) -> None:
        """Close, and raise the collected failures together with the ``error`` that ends the same block.

        An interrupt stays an interrupt, with a note.
        """
        failures = self.close()
        if not failures:
            return
        if isinstance(error, SoftExpectationsFailed):
            raise SoftExpectationsFailed([*error.failures, *failures], error.other) from error.other
        if isinstance(error, Exception):
            raise SoftExpectationsFailed(failures, error) from error
        if error is not None and not succeeds(error):
            error.add_note(listed(failures))
            return
        raise SoftExpectationsFailed(failures) from None

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Take the failures of every endpoint within the block; they stay here at its end."""
        self.open()
        _collectors.append(self)
        try:
            yield
        finally:
            _collectors.remove(self)


_collectors: list[SoftFailures] = []


def active_collector() -> SoftFailures | None:
    """The collector of the innermost ``collecting`` block, in whatever thread that is."""
    return _collectors[-1] if _collectors else None


def succeeds(error: BaseException) -> bool:
    """Whether a program ends successfully with this exception."""
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code)


def listed(failures: Sequence[SoftFailure]) -> str:
    """All failures with their numbers; the history of a call once, after its last failure."""
    count = len(failures)
    lines = [f"{count} soft expectation{'s' if count > 1 else ''} failed"]
    for number, one in enumerate(failures, start=1):
        first, *rest = one.text.splitlines()
        lines.append(f"{number}. {f'{one.where}: ' if one.where else ''}{first}")
        lines += [f"{INDENT}{line}" for line in rest]
        if one.subject not in {later.subject for later in failures[number:]}:
            lines += [f"{INDENT}{line}" for line in one.history]
    return "\n".join(lines)
