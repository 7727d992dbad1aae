"""A bot that talks: what it says in each call, what comes after that, and what when nobody answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.bots.answering import Answering
from bot.bots.sounds import play_once
from bot.call import Call, Playback
from bot.events import VoiceChanged
from bot.model import CallState, DtmfMethod
from bot.record import Digit

__all__ = ["Talk", "Talking"]

Then = Callable[[], None]


class Talk:
    """One call of a bot that talks; override what the caller's doings lead to.

    It lives from the answer until the end of the call, or until another one takes its place.
    """

    def __init__(self, bot: Talking, call: Call) -> None:
        self.bot = bot
        self.call = call
        self._playing: Playback | None = None
        self._then: Then | None = None
        self._timers: dict[str, object] = {}

    # ---- to override

    def begin(self) -> None:
        """It is its turn."""

    def digit(self, digit: str) -> None:
        """The caller pressed a key."""

    def voice(self, voice: VoiceChanged) -> None:
        """The caller began to speak or fell silent; only when the call is listened to."""

    def end(self) -> None:
        """The call has ended."""

    # ---- to use

    def say(self, sound: Path, then: Then, *, private: bool = False) -> None:
        """Play a file in place of what plays, then do something; a ``private`` one stays out of the cache."""
        self.hush()
        self._then = then
        self._playing = play_once(self.call, sound) if private else self.call.play(sound)

    def hush(self) -> None:
        """Stop what plays, and forget what would have come after it."""
        playing, self._playing, self._then = self._playing, None, None
        if playing is not None and playing.complete is None:
            playing.stop()

    def later(self, name: str, seconds: float, job: Then) -> None:
        """Do something in so many seconds, unless a timer of that name is set again or ``never`` wanted."""
        token = self._timers[name] = object()

        def due() -> None:
            if self._timers.get(name) is token:
                del self._timers[name]
                job()

        self.bot.after(seconds, due)

    def never(self, name: str) -> None:
        """Forget a timer."""
        self._timers.pop(name, None)

    def hang_up(self, why: str = "") -> None:
        """End the call; ``why`` goes into the Reason header of the BYE (RFC 3326)."""
        self.call.hangup(headers={"Reason": f'SIP ;cause=480 ;text="{why}"'} if why else None)

    # ---- for the bot

    def over(self) -> None:
        """Nothing that is still due is to happen."""
        self._timers.clear()
        self._playing = self._then = None

    def played(self) -> None:
        """Something was played to its end: if it is what plays now, go on."""
        if self._playing is not None and self._playing.complete and (then := self._then):
            self._playing = self._then = None
            then()


class Talking(Answering):
    """Answers every call with a talk of its own."""

    def on_start(self) -> None:
        self.talks: dict[int, Talk] = {}

    def new_talk(self, call: Call) -> Talk:
        """What to begin a call with."""
        return Talk(self, call)

    def turn_to(self, talk: Talk) -> None:
        """Let this be the talk in its call from now on."""
        before = self.talks.get(talk.call.number)
        if before is not None:
            before.hush()
            before.over()
        self.talks[talk.call.number] = talk
        talk.begin()

    def on_call_state(self, call: Call, state: CallState) -> None:
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
    """Whether a digit was heard in the audio of a caller who also signals his digits, as many phones do."""
    inband = digit.method is DtmfMethod.INBAND
    return inband and any(one.method is not DtmfMethod.INBAND for one in call.known.received)
