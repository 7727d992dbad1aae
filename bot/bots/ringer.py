"""A ringer: lets every call ring, and never answers; the caller gives up, or the time runs out."""

from __future__ import annotations

from bot.call import Call
from bot.controller import Controller

__all__ = ["Ringer"]


class Ringer(Controller):
    """Sends 180 Ringing, or 183 Session Progress with early media."""

    def __init__(self, *, early_media: bool = False) -> None:
        self._code = 183 if early_media else 180

    def on_incoming_call(self, call: Call) -> None:
        call.ring(self._code)
