"""Bot ``player``: answers every call, plays a file or a signal, and hangs up at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.audio_files import audio_at
from bot.bots.base import Answering
from bot.model import CallState
from bot.ua import Call

__all__ = ["Player"]


class Player(Answering):
    """Plays a file or a signal after the answer; with ``loop`` until the call ends."""

    def __init__(self, play: Path, *, loop: bool = False, **answering: Any) -> None:
        super().__init__(**answering)
        self._file = audio_at("play", play)
        self._loop = loop

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        if state is CallState.CONFIRMED:
            call.play(self._file, loop=self._loop)

    def on_played(self, call: Call, complete: bool) -> None:
        if complete:
            call.hangup()
