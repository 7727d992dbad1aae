"""Bot ``ringer``: rings, then answers or rejects the call after some time, or rings until CANCEL."""

from __future__ import annotations

from bot.audio_files import audio_file
from bot.bots.reject import checked_code
from bot.errors import ConfigError
from bot.model import CallState
from bot.ua import Call, Controller, Playback

__all__ = ["Ringer"]


class Ringer(Controller):
    """Sends 180 Ringing, or 183 Session Progress with ringback as early media.

    Answers after ``answer_after`` seconds, or rejects with ``code`` after ``give_up_after`` seconds; without
    both it rings until the caller cancels.
    """

    def __init__(
        self,
        *,
        early_media: bool = False,
        answer_after: float | None = None,
        give_up_after: float | None = None,
        code: int = 480,
        reason: str = "",
    ) -> None:
        if answer_after is not None and give_up_after is not None:
            raise ConfigError("give_up_after: excludes answer_after; remove one of them")
        self._ringback = audio_file("ringback") if early_media else None
        self._end = (200, "") if answer_after is not None else (checked_code(code), reason)
        self._after = answer_after if answer_after is not None else give_up_after
        self._playing: dict[int, Playback] = {}

    def on_incoming_call(self, call: Call) -> None:
        call.ring(183 if self._ringback else 180)
        if self._ringback:
            self._playing[call.number] = call.play(self._ringback, loop=True)
        if self._after is not None:
            code, reason = self._end
            call.answer(code, reason=reason, after=self._after)

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        if state in {CallState.CONFIRMED, CallState.DISCONNECTED} and call.number in self._playing:
            playing = self._playing.pop(call.number)
            if state is CallState.CONFIRMED:
                playing.stop()
