"""A rejecter: refuses every call with one status code."""

from __future__ import annotations

from bot.call import Call
from bot.controller import Controller
from bot.errors import ConfigError

__all__ = ["Rejecter", "checked_code"]


class Rejecter(Controller):
    """Answers with ``code``, for instance 486 Busy Here, its reason phrase, and Retry-After in seconds."""

    def __init__(self, code: int = 486, *, reason: str = "", retry_after: int | None = None) -> None:
        if retry_after is not None and not 0 <= retry_after < 2**32:
            raise ConfigError(f"retry_after: expected seconds, 0 or more, got {retry_after}")
        self._code = checked_code(code)
        self._reason = reason
        self._headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    def on_incoming_call(self, call: Call) -> None:
        call.answer(self._code, reason=self._reason, headers=self._headers)


def checked_code(code: int) -> int:
    """A code that refuses a call; raises ConfigError for any other."""
    if not 300 <= code <= 699:
        raise ConfigError(f"code: {code} does not refuse a call; expected 300 to 699")
    return code
