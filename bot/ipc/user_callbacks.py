"""Calls of user callbacks on threads that must not fail: an exception becomes an event.

An observer of a journal runs under the journal's lock, often on the thread that reads from the agent.
``on_log`` always runs on that thread. A blocking call there would wait for an answer that no thread reads.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import ParamSpec

from bot.errors import CalledFromObserver
from bot.ipc.events import CallbackFailed

__all__ = ["forbid_waiting_here", "raised_by", "raised_by_observer"]

P = ParamSpec("P")
_thread = threading.local()


def raised_by(
    where: str, callback: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> CallbackFailed | None:
    """Call a user callback; an exception is returned as an event, ``sys.exit`` and ``pytest.fail`` included.

    On the main thread, KeyboardInterrupt and similar exceptions propagate, because the callback does not
    cause them.
    """
    try:
        callback(*args, **kwargs)
    except Exception:
        return failed(where)
    except BaseException:
        if threading.current_thread() is threading.main_thread():
            raise
        return failed(where)
    return None


def raised_by_observer(
    where: str, callback: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> CallbackFailed | None:
    """Like ``raised_by``, for a callback that must not wait."""
    outer, _thread.observes = observes(), True
    try:
        return raised_by(where, callback, *args, **kwargs)
    finally:
        _thread.observes = outer


def forbid_waiting_here() -> None:
    """Raise CalledFromObserver if this thread is inside a callback that must not wait."""
    if observes():
        raise CalledFromObserver(
            "an observer or on_log cannot wait: it runs on the thread that would bring the answer; "
            "call this from another thread, or use a Controller, whose callbacks may wait"
        )


def observes() -> bool:
    """Whether this thread is inside such a callback."""
    return getattr(_thread, "observes", False)


def failed(where: str) -> CallbackFailed:
    """The current exception as an event."""
    return CallbackFailed(at=time.monotonic(), where=where, traceback=traceback.format_exc())
