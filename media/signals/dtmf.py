"""DTMF signal generator (ITU-T Q.23, Q.24)."""

from __future__ import annotations

import numpy as np

from media.audio.wav import Audio, AudioError
from media.signals.tones import silence, tone

__all__ = ["DIGITS", "FREQUENCIES", "synthesise"]

_LOW = (697, 770, 852, 941)
_HIGH = (1209, 1336, 1477, 1633)
_KEYPAD = ("123A", "456B", "789C", "*0#D")

FREQUENCIES: dict[str, tuple[int, int]] = {
    digit: (low, high)
    for low, row in zip(_LOW, _KEYPAD, strict=True)
    for high, digit in zip(_HIGH, row, strict=True)
}
"""Each digit's low and high group frequency in Hz (ITU-T Q.23)."""

DIGITS = "0123456789*#ABCD"
"""Every DTMF digit, in the order of the event codes 0 to 15 of RFC 4733."""

PAUSE_S = 0.5  # the duration of a comma


def synthesise(
    digits: str, rate: int, on_ms: float = 100, off_ms: float = 100, level_dbfs: float = -10
) -> Audio:
    """Digits as audio at `rate` Hz; a comma is a pause of 0.5 s, letters may be lower case.

    Each digit sounds for `on_ms` and is followed by `off_ms` of silence (ITU-T Q.24 receivers accept
    40 ms of each or more); each of its two frequencies has `level_dbfs`, so their sum stays within
    full scale up to -6 dBFS. Raises AudioError for a bad digit, naming it and its position from 1.
    """
    parts = []
    for position, digit in enumerate(digits.upper(), start=1):
        if digit == ",":
            parts.append(silence(PAUSE_S, rate))
        elif digit in FREQUENCIES:
            parts += [tone(FREQUENCIES[digit], on_ms / 1000, rate, level_dbfs), silence(off_ms / 1000, rate)]
        else:
            raise AudioError(
                f"{digits[position - 1]!r} at position {position} of {digits!r} is no DTMF digit; "
                f"use {DIGITS} and ',' for a pause"
            )
    return Audio(np.concatenate([silence(0, rate).samples, *(part.samples for part in parts)]), rate)
