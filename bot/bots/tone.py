"""Bot ``tone``: answers every call with a continuous sine, by default the digital milliwatt (ITU-T G.711)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from bot.audio_files import kept
from bot.bots.base import Answering
from bot.errors import ConfigError
from bot.model import CallState
from bot.ua import Call

__all__ = ["Tone"]

LOOP_S = 10
"""Duration of the loop in seconds: a whole number of periods, so that the loop has no click."""
FADE_S = 1
MILLIWATT_HZ, MILLIWATT_DBFS = 1004, -3.17
"""0 dBm0 in mu-law (ITU-T G.711); 1004 Hz, because 1000 Hz is a divisor of the sampling rate."""


class Tone(Answering):
    """Plays ``hz`` at ``level`` dBFS until the caller hangs up."""

    def __init__(self, *, hz: int = MILLIWATT_HZ, level: float = MILLIWATT_DBFS, **answering: Any) -> None:
        super().__init__(**answering)
        if not 0 < hz < 4000:
            raise ConfigError(f"hz: expected 1 to 3999, the audio band of every codec, got {hz}")
        if not -90 <= level <= 0:
            raise ConfigError(f"level: expected -90 to 0 dBFS, got {level:g}")
        self._hz = hz
        self._level = level

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        if state is CallState.CONFIRMED:
            call.play(self._file(), loop=True)

    def _file(self) -> Path:
        rate = self.endpoint.started.conference_rate
        return kept(
            f"sine-{self._hz}-{self._level:g}-{rate}.wav", partial(write_sine, self._hz, self._level, rate)
        )


def write_sine(hz: int, level: float, rate: int, path: Path) -> None:
    """Write a sine without fades at its ends, at the playback rate, because resampling adds fades."""
    from media.audio.wav import Audio, write
    from media.signals.tones import tone

    sine = tone([hz], LOOP_S + 2 * FADE_S, rate, level)
    write(path, Audio(sine.samples[FADE_S * rate : (FADE_S + LOOP_S) * rate], rate))
