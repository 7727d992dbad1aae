"""A tone: answers every call with a steady sine, the milliwatt unless told otherwise."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from bot.bots.answering import Answering
from bot.bots.sounds import kept
from bot.call import Call
from bot.errors import ConfigError
from bot.model import CallState

__all__ = ["Tone"]

LOOP_S = 10
"""It holds whole periods of every whole number of Hz, so that nothing is heard where it begins anew."""
FADE_S = 1
MILLIWATT_HZ, MILLIWATT_DBFS = 1004, -3.17
"""0 dBm0 in mu-law (ITU-T G.711); 1004 Hz rather than 1000, a divisor of the sampling rate."""


class Tone(Answering):
    """Plays ``hz`` at ``level`` dBFS until the caller hangs up."""

    def __init__(self, *, hz: int = MILLIWATT_HZ, level: float = MILLIWATT_DBFS, **answering: Any) -> None:
        super().__init__(**answering)
        if not 0 < hz < 4000:
            raise ConfigError(f"hz: expected 1 to 3999, which every codec has, got {hz}")
        if not -90 <= level <= 0:
            raise ConfigError(f"level: expected -90 to 0 dBFS, got {level:g}")
        self._hz = hz
        self._level = level

    def on_call_state(self, call: Call, state: CallState) -> None:
        if state is CallState.CONFIRMED:
            call.play(self._file(), loop=True)

    def _file(self) -> Path:
        assert self.endpoint.ready is not None
        rate = self.endpoint.ready.conference_rate
        return kept(
            f"sine-{self._hz}-{self._level:g}-{rate}.wav", partial(write_sine, self._hz, self._level, rate)
        )


def write_sine(hz: int, level: float, rate: int, path: Path) -> None:
    """A sine without its ends, which fade; at the rate of playing, since resampling fades them too."""
    from media.tones import tone
    from media.wav import Audio, write

    whole = tone([hz], LOOP_S + 2 * FADE_S, rate, level)
    write(path, Audio(whole.samples[FADE_S * rate : (FADE_S + LOOP_S) * rate], rate))
