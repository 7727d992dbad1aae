"""Voice activity detection on a live audio stream.

A causal, cheap variant of `media.detect.voice`, which needs a whole file. Speech is audio that rises above
the minimum level of the last two seconds. So steady tones and steady noise are silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import AudioError

__all__ = ["HANGOVER_S", "Turn", "VoiceActivity"]

FRAME_S = 0.02
STEADY_S = 2.0  # a level that lasts this long is floor, as in `media.detect.voice`
ABOVE = 10**0.9  # 9 dB above the floor
AUDIBLE = 10**-5.5  # mean square; about -52 dBFS: codec noise in silence is lower
SILENT = 10**-6.5
ONSET = 3  # consecutive frames: shorter sounds are clicks
HANGOVER_S = 0.4  # a shorter pause belongs to the speech around it


@dataclass(frozen=True, slots=True)
class Turn:
    """Speech began or ended, `at_s` seconds after the start of the audio."""

    speaking: bool
    at_s: float


class VoiceActivity:
    """Feed it audio in pieces of any length.

    It reports the start (60 ms later) and end (0.4 s later) of speech.
    """

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
        """Duration of the audio so far, in seconds."""
        return (self._frames * self._size + len(self._rest)) / self._rate

    def feed(self, samples: NDArray[np.float32]) -> list[Turn]:
        """The changes in these samples, in order."""
        joined = np.concatenate([self._rest, samples])
        count = len(joined) // self._size
        frames = joined[: count * self._size].astype(np.float64).reshape(count, self._size)
        self._rest = joined[count * self._size :].astype(np.float32)
        powers = np.square(frames).mean(axis=1) if count else np.empty(0)
        return [turn for power in powers if (turn := self._take(float(power))) is not None]

    def _take(self, power: float) -> Turn | None:
        """Process one frame; returns a new turn if the frame decides one."""
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
