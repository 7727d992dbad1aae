"""Call progress tones such as ringback and busy (ITU-T E.180)."""

from __future__ import annotations

import math
from itertools import cycle

import numpy as np

from media.audio.wav import Audio, AudioError
from media.signals.tones import silence, tone

__all__ = ["REGIONS", "SIT_LENGTH_S", "TONES", "exchange_tone", "special_information", "usual_length"]

LEAST_S = 3.0  # the default length: whole cycles, at least this long
SIT_HZ, SIT_S = (950.0, 1400.0, 1800.0), 0.33  # special information tone: ITU-T E.180
SIT_LENGTH_S = len(SIT_HZ) * SIT_S

Cadence = tuple[tuple[float, ...], tuple[float, ...]]

# Frequencies in Hz, then on and off times in s: ITU-T E.180 Supplement 2. "eu": most of Europe.
CADENCES: dict[str, dict[str, Cadence]] = {
    "us": {
        "dial": ((350, 440), (3.0,)),
        "ringback": ((440, 480), (2.0, 4.0)),
        "busy": ((480, 620), (0.5, 0.5)),
        "reorder": ((480, 620), (0.25, 0.25)),
    },
    "eu": {
        "dial": ((425,), (3.0,)),
        "ringback": ((425,), (1.0, 4.0)),
        "busy": ((425,), (0.5, 0.5)),
        "reorder": ((425,), (0.25, 0.25)),
    },
    "uk": {
        "dial": ((350, 440), (3.0,)),
        "ringback": ((400, 450), (0.4, 0.2, 0.4, 2.0)),
        "busy": ((400,), (0.375, 0.375)),
        "reorder": ((400,), (0.4, 0.35, 0.225, 0.525)),
    },
}
REGIONS = tuple(CADENCES)
TONES = tuple(CADENCES["us"])


def usual_length(name: str, region: str) -> float:
    """Duration in seconds of the fewest whole cycles that last three seconds or more."""
    period = sum(_cadence(name, region)[1])
    return math.ceil(LEAST_S / period - 1e-9) * period


def exchange_tone(name: str, region: str, s: float, rate: int, level_dbfs: float = -20) -> Audio:
    """A call progress tone of `s` seconds, cut at its end; each of its sines has `level_dbfs`.

    Raises AudioError for an unknown tone or region, or when the sum exceeds full scale.
    """
    frequencies, steps = _cadence(name, region)
    if len(steps) == 1:
        return tone(frequencies, s, rate, level_dbfs)
    count, made, parts = round(s * rate), 0, [silence(0, rate).samples]
    for index, step in cycle(enumerate(steps)):
        if made >= count:
            break
        length = min(step, (count - made) / rate)
        part = silence(length, rate) if index % 2 else tone(frequencies, length, rate, level_dbfs)
        parts.append(part.samples)
        made += max(1, len(part.samples))
    return Audio(np.concatenate(parts), rate)


def special_information(rate: int, level_dbfs: float = -20) -> Audio:
    """The special information tone: three rising tones before an announcement (ITU-T E.180)."""
    return Audio(np.concatenate([tone([hertz], SIT_S, rate, level_dbfs).samples for hertz in SIT_HZ]), rate)


def _cadence(name: str, region: str) -> Cadence:
    if region not in CADENCES:
        raise AudioError(f"no region is called {region!r}; there are {', '.join(REGIONS)}")
    if name not in CADENCES[region]:
        raise AudioError(f"no tone of the exchange is called {name!r}; there are {', '.join(TONES)}")
    return CADENCES[region][name]
