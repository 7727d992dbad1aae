"""A parrot: answers every call and sends back what it hears, at once or later; a lone ``#`` ends it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bot.bots.answering import Answering
from bot.bots.sounds import play_once
from bot.call import Call, Recording
from bot.errors import ConfigError
from bot.model import CallState, MediaState
from bot.record import Digit

__all__ = ["Parrot"]

LONGEST_S = 60.0
"""Of the delay: what strangers say is on the disk meanwhile."""
ALONE_S = 2.0
"""A ``#`` sooner after another digit is the end of a number that is dialled, and not of the call."""


class Parrot(Answering):
    """Echoes audio as soon as it flows; with a ``delay`` it listens so long, repeats that, and so on."""

    def __init__(self, *, delay: float = 0.0, **answering: Any) -> None:
        super().__init__(**answering)
        if not 0 <= delay <= LONGEST_S:
            raise ConfigError(f"delay: expected 0 to {LONGEST_S:g} seconds, got {delay:g}")
        self._delay = delay
        self._heard: dict[int, Recording] = {}

    def on_media_state(self, call: Call, media: MediaState) -> None:
        if media.active and not self._delay:
            call.loopback()
        elif media.active and call.number not in self._heard:
            self._listen(call)

    def on_played(self, call: Call, complete: bool) -> None:
        if complete:
            self._listen(call)

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        if digit.digit == "#" and is_alone(call, digit):
            call.hangup()

    def on_call_state(self, call: Call, state: CallState) -> None:
        if state is CallState.DISCONNECTED and call.number in self._heard:
            self._heard.pop(call.number).path.unlink(missing_ok=True)

    def _listen(self, call: Call) -> None:
        with tempfile.NamedTemporaryFile(prefix="parrot-", suffix=".wav", delete=False) as file:
            path = Path(file.name)
        heard = self._heard[call.number] = call.record(path)
        self.after(self._delay, lambda: self._repeat(call, heard))

    def _repeat(self, call: Call, heard: Recording) -> None:
        if self._heard.get(call.number) is heard:
            play_once(call, heard.stop(linger=0).path)
            heard.path.unlink()


def is_alone(call: Call, digit: Digit) -> bool:
    """Whether no other digit came shortly before."""
    return not any(one is not digit and 0 <= digit.at - one.at < ALONE_S for one in call.known.received)
