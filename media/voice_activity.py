"""Owns when somebody speaks, told while the audio comes in; it must not know what is said, nor who listens.

A causal and cheap relative of `media.voice`, which looks at a whole file: speech is what rises above the
level that was not left in the last two seconds. So steady tones and steady noise are silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.wav import AudioError

__all__ = ["HANGOVER_S", "Turn", "VoiceActivity"]

FRAME_S = 0.02
STEADY_S = 2.0  # what stays for this long is floor, as in `media.voice`
ABOVE = 10**0.9  # 9 dB above the floor
AUDIBLE = 10**-5.5  # mean square; about -52 dBFS: what codecs make of silence is below
SILENT = 10**-6.5
ONSET = 3  # frames in a row: what is shorter is a click
HANGOVER_S = 0.4  # a pause shorter than this belongs to the speech around it


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody began to speak, or fell silent, `at_s` seconds after the beginning."""

    speaking: bool
    at_s: float


class VoiceActivity:
    """Feed it audio in pieces of any length; it tells when speech began (60 ms later) or ended (0.4 s)."""

    def __init__(self, rate: int) -> None:
        if rate <= 0:
            raise AudioError(f"a sample rate must be a positive number of Hz, not {rate}")
        self._rate = rate
        self._size = max(1, round(FRAME_S * rate))
        self._rest: NDArray[np.float32] = np.empty(0, np.float32)
        self._recent: deque[float] = deque([SILENT], maxlen=round(STEADY_S / FRAME_S))
        self._frames = 0
        self._row = 0
        self._last_voiced = 0
        self.speaking = False
        """Whether somebody speaks, or did within the hangover."""

    @property
    def heard_s(self) -> float:
        """How much audio there was so far, in seconds."""
        return (self._frames * self._size + len(self._rest)) / self._rate

    def feed(self, samples: NDArray[np.float32]) -> list[Turn]:
        """What changed in these samples, in order."""
        joined = np.concatenate([self._rest, samples])
        count = len(joined) // self._size
        frames = joined[: count * self._size].astype(np.float64).reshape(count, self._size)
        self._rest = joined[count * self._size :].astype(np.float32)
        powers = np.square(frames).mean(axis=1) if count else np.empty(0)
        return [turn for power in powers if (turn := self._take(float(power))) is not None]

    def _take(self, power: float) -> Turn | None:
        """One frame: a new turn, if it decides one."""
        floor = max(SILENT, min(self._recent))
        self._recent.append(power)
        self._frames += 1
        if power > max(AUDIBLE, floor * ABOVE):
            self._row += 1
            self._last_voiced = self._frames
            if not self.speaking and self._row >= ONSET:
                self.speaking = True
                return Turn(True, self._seconds(self._frames - self._row))
            return None
        self._row = 0
        if self.speaking and self._seconds(self._frames - self._last_voiced) >= HANGOVER_S:
            self.speaking = False
            return Turn(False, self._seconds(self._last_voiced))
        return None

    def _seconds(self, frames: int) -> float:
        return frames * self._size / self._rate
