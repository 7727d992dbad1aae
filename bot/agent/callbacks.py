"""Exceptions in callbacks of the library, which the bindings would only print."""

from __future__ import annotations

import functools
import time
import traceback
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import msgspec

from bot.ipc import CallbackFailed, Wired
from bot.sip import redact

__all__ = ["CommandRefused", "Failures", "guarded"]

P = ParamSpec("P")
MOST_FAILURES, SHOWN_CHARACTERS = 64, 120


class Reporter(Protocol):
    """A class with callbacks."""

    report: Callable[[Wired], None]


S = TypeVar("S", bound=Reporter)


def guarded(callback: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """Report exceptions of callbacks as CallbackFailed; the bindings would only print them."""

    @functools.wraps(callback)
    def guard(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception:
            where = f"{type(self).__name__}.{callback.__name__}"
            self.report(CallbackFailed(at=time.monotonic(), where=where, traceback=traceback.format_exc()))

    return guard


class Failures:
    """Passes events on, but each exception in a callback only once, with the current message.

    The repeated message of a peer causes one report.
    """

    def __init__(self, emit: Callable[[Wired], None]) -> None:
        self._emit = emit
        self._seen: set[tuple[str, str]] = set()
        self.message: Callable[[], str] = lambda: ""
        """The SIP message that the library is dealing with."""

    def __call__(self, event: Wired) -> None:
        """Emit the event, unless it is a repeated exception."""
        if isinstance(event, CallbackFailed):
            failure = event.where, event.traceback
            if failure in self._seen or len(self._seen) >= MOST_FAILURES:
                return
            self._seen.add(failure)
            start = self.message().partition("\n")[0].strip()[:SHOWN_CHARACTERS]
            if start:
                event = msgspec.structs.replace(
                    event, where=f"{event.where}, dealing with {redact(start)!r},"
                )
        self._emit(event)


class CommandRefused(Exception):
    """Becomes a CommandFailed; ``kind`` is as there."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
