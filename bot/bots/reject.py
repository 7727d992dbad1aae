"""A rejecter: refuses every call with one status code."""

from __future__ import annotations

from bot.call import Call
from bot.controller import Controller

__all__ = ["Rejecter"]


class Rejecter(Controller):
    """Answers with ``code``, for instance 486 Busy Here."""

    def __init__(self, code: int = 486) -> None:
        self._code = code

    def on_incoming_call(self, call: Call) -> None:
        call.answer(self._code)
