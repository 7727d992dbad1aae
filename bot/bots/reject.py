"""Bot ``reject``: rejects every call with a final response."""

from __future__ import annotations

from bot.errors import ConfigError
from bot.sip import is_failure
from bot.ua import Call, Controller

__all__ = ["Rejecter", "checked_code"]


class Rejecter(Controller):
    """Responds with ``code``, for instance 486 Busy Here, a reason phrase, and Retry-After in seconds."""

    def __init__(self, code: int = 486, *, reason: str = "", retry_after: int | None = None) -> None:
        if retry_after is not None and not 0 <= retry_after < 2**32:
            raise ConfigError(f"retry_after: expected seconds, 0 or more, got {retry_after}")
        self._code = checked_code(code)
        self._reason = reason
        self._headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    def on_incoming_call(self, call: Call) -> None:
        call.answer(self._code, reason=self._reason, headers=self._headers)


def checked_code(code: int) -> int:
    """A status code from 300 to 699; raises ConfigError for other codes."""
    if not is_failure(code):
        raise ConfigError(f"code: {code} does not refuse a call; expected 300 to 699")
    return code
