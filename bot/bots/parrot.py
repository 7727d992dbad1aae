"""Bot ``parrot``: answers every call and echoes the received audio, at once or later; ``#`` ends the call."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Any

from bot.bots.base import Answering, play_once, record
from bot.errors import ConfigError
from bot.model import CallState, MediaState
from bot.ua import Call, Digit, Recording

__all__ = ["Parrot"]

LONGEST_S = 60.0
"""Largest delay in seconds; the audio is on the disk during the delay."""
ALONE_S = 2.0
"""A ``#`` less than this many seconds after another digit ends a number, not the call."""


class Parrot(Answering):
    """Echoes audio at once; with ``delay`` it records that many seconds, plays them, and starts again."""

    def __init__(self, *, delay: float = 0.0, **answering: Any) -> None:
        super().__init__(**answering)
        if not 0 <= delay <= LONGEST_S:
            raise ConfigError(f"delay: expected 0 to {LONGEST_S:g} seconds, got {delay:g}")
        self._delay = delay
        self._recordings: dict[int, Recording] = {}

    def on_media_state(self, call: Call, media: MediaState) -> None:
        if media.active and not self._delay:
            call.loopback()
        elif media.active and call.number not in self._recordings:
            self._listen(call)

    def on_played(self, call: Call, complete: bool) -> None:
        if complete:
            self._listen(call)

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        if digit.digit == "#" and is_alone(call, digit):
            call.hangup()

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        if state is CallState.DISCONNECTED and call.number in self._recordings:
            self._recordings.pop(call.number).path.unlink(missing_ok=True)

    def _listen(self, call: Call) -> None:
        path = Path(tempfile.gettempdir(), f"parrot-{secrets.token_hex(8)}.wav")
        recording = record(self.endpoint, call, path)
        if recording is None:
            call.hangup()
            return
        self._recordings[call.number] = recording
        self.after(self._delay, lambda: self._repeat(call, recording))

    def _repeat(self, call: Call, recording: Recording) -> None:
        if self._recordings.get(call.number) is recording:
            play_once(call, recording.stop(linger=0).path)
            recording.path.unlink()


def is_alone(call: Call, digit: Digit) -> bool:
    """Whether no other digit was received in the last seconds (``ALONE_S``)."""
    return not any(
        other.at != digit.at and 0 <= digit.at - other.at < ALONE_S for other in call.facts.received
    )
