"""Base classes of interactive bots: prompts, DTMF input and timers of each call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.bots.base import Answering, play_once
from bot.ipc import VoiceChanged
from bot.model import CallState, DtmfMethod
from bot.ua import Call, Digit, Playback

__all__ = ["Talk", "Talking"]

Then = Callable[[], None]


class Talk:
    """Dialogue with one caller; override the methods for its events.

    It exists from the answer until the end of the call, or until another dialogue replaces it.
    """

    def __init__(self, bot: Talking, call: Call) -> None:
        self.bot = bot
        self.call = call
        self._playing: Playback | None = None
        self._then: Then | None = None
        self._timers: dict[str, object] = {}

    # ---- to override

    def begin(self) -> None:
        """The dialogue starts."""

    def digit(self, digit: str) -> None:
        """The caller sent a DTMF digit."""

    def voice(self, voice: VoiceChanged) -> None:
        """The caller started or stopped to speak; only after ``Call.listen``."""

    def end(self) -> None:
        """The call has ended."""

    # ---- to use

    def say(self, sound: Path, then: Then, *, private: bool = False) -> None:
        """Stop the playback, play a file, then call ``then``; ``private``: no copy stays in the cache."""
        self.hush()
        self._then = then
        self._playing = play_once(self.call, sound) if private else self.call.play(sound)

    def hush(self) -> None:
        """Stop the playback without its next action."""
        playing, self._playing, self._then = self._playing, None, None
        if playing is not None and playing.complete is None:
            playing.stop()

    def later(self, name: str, seconds: float, job: Then) -> None:
        """Start the timer ``name``: call ``job`` after ``seconds``; a restart or ``never`` cancels it."""
        token = self._timers[name] = object()

        def due() -> None:
            if self._timers.get(name) is token:
                del self._timers[name]
                job()

        self.bot.after(seconds, due)

    def never(self, name: str) -> None:
        """Cancel a timer."""
        self._timers.pop(name, None)

    def hang_up(self, why: str = "") -> None:
        """End the call; ``why`` is the text of the Reason header field in BYE (RFC 3326)."""
        self.call.hangup(headers={"Reason": f'SIP ;cause=480 ;text="{why}"'} if why else None)

    # ---- for the bot

    def over(self) -> None:
        """Cancel all timers and the action after the playback."""
        self._timers.clear()
        self._playing = self._then = None

    def played(self) -> None:
        """A playback has ended: if it is the current playback, call its next action."""
        if self._playing is not None and self._playing.complete and (then := self._then):
            self._playing = self._then = None
            then()


class Talking(Answering):
    """Answers every call and starts a dialogue with the caller."""

    def on_start(self) -> None:
        self.talks: dict[int, Talk] = {}

    def new_talk(self, call: Call) -> Talk:
        """The first dialogue of a call."""
        return Talk(self, call)

    def turn_to(self, talk: Talk) -> None:
        """Replace the current dialogue of the call."""
        before = self.talks.get(talk.call.number)
        if before is not None:
            before.hush()
            before.over()
        self.talks[talk.call.number] = talk
        talk.begin()

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        if state is CallState.CONFIRMED and call.number not in self.talks:
            self.turn_to(self.new_talk(call))
        elif state is CallState.DISCONNECTED and call.number in self.talks:
            talk = self.talks.pop(call.number)
            talk.over()
            talk.end()

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        if call.number in self.talks and not is_echo(call, digit):
            self.talks[call.number].digit(digit.digit)

    def on_played(self, call: Call, complete: bool) -> None:
        if complete and call.number in self.talks:
            self.talks[call.number].played()

    def on_voice(self, call: Call, voice: VoiceChanged) -> None:
        if call.number in self.talks:
            self.talks[call.number].voice(voice)


def is_echo(call: Call, digit: Digit) -> bool:
    """Whether a digit is the in-band copy of a signalled digit: many phones send both."""
    inband = digit.method is DtmfMethod.INBAND
    return inband and any(other.method is not DtmfMethod.INBAND for other in call.facts.received)
