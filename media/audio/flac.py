"""FLAC of one or two channels in memory: lossless, half the size of WAV, and every browser plays it."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from media.audio.wav import Audio, resample

__all__ = ["flac", "side_by_side"]

HIGHEST_HZ = 48000
"""Highest sample rate in Hz; browsers resample anyway, and libFLAC's subset ends there."""


def flac(*channels: Audio) -> bytes:
    """The channels, 16-bit, at the highest of their rates; the shorter one ends with silence."""
    rate = min(max(one.rate for one in channels), HIGHEST_HZ)
    samples = [resample(one, rate).samples for one in channels]
    length = max(map(len, samples))
    padded = [np.pad(one, (0, length - len(one))) for one in samples]
    out = io.BytesIO()
    soundfile.write(out, np.column_stack(padded), rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def side_by_side(left: Audio, right: Audio, delay_s: float) -> tuple[Audio, Audio]:
    """Both with silence before the later one; ``right`` begins ``delay_s`` after ``left``, or before it."""
    return after(left, -delay_s), after(right, delay_s)


def after(audio: Audio, silence_s: float) -> Audio:
    """The audio after some silence; unchanged for a negative time."""
    before = np.zeros(round(max(silence_s, 0.0) * audio.rate), np.float32)
    return Audio(np.concatenate([before, audio.samples]), audio.rate)
