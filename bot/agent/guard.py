"""What becomes of a Python exception in one of the library's callbacks: the bindings would swallow it."""

from __future__ import annotations

import functools
import time
import traceback
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from bot.events import CallbackFailed, Wired

__all__ = ["guarded"]

P = ParamSpec("P")


class Reporter(Protocol):
    """Whoever has callbacks."""

    report: Callable[[Wired], None]


S = TypeVar("S", bound=Reporter)


def guarded(callback: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """Report what a callback raises as CallbackFailed: the bindings would print and swallow it."""

    @functools.wraps(callback)
    def guard(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception:
            where = f"{type(self).__name__}.{callback.__name__}"
            self.report(CallbackFailed(at=time.monotonic(), where=where, traceback=traceback.format_exc()))

    return guard
