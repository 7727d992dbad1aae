"""A player: answers every call, plays a file into it, and hangs up when it has been played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.bots.answering import Answering
from bot.bots.sounds import sound
from bot.call import Call
from bot.model import CallState

__all__ = ["Player"]


class Player(Answering):
    """Plays a file or a signal, for ever when ``loop`` is set; the rest is as in Answering."""

    def __init__(self, play: Path, *, loop: bool = False, **answering: Any) -> None:
        super().__init__(**answering)
        self._file = sound(play)
        self._loop = loop

    def on_call_state(self, call: Call, state: CallState) -> None:
        if state is CallState.CONFIRMED:
            call.play(self._file, loop=self._loop)

    def on_played(self, call: Call, complete: bool) -> None:
        if complete:
            call.hangup()
