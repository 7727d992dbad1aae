"""Levels of audio: active speech level (ITU-T P.56), RMS, peak, noise floor, silences.

Levels are in dBFS, where a sine that just reaches full scale is at 0 dBFS (AES17). P.56 counts in dBov,
where a square wave at full scale has 0 dBov: the same level in dBov is 3.01 dB lower.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio, AudioError

__all__ = ["SINE_DB", "Flags", "SpeechLevel", "Stretch", "dbfs", "runs", "silences", "speech_level"]

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# ITU-T P.56, 8.3: the values of the parameters of method B.
TIME_CONSTANT_S = 0.03
HANGOVER_S = 0.2
MARGIN_DB = 15.9
THRESHOLDS = 2.0 ** np.arange(-15, 0)  # of the envelope, one bit of a 16-bit sample to half of full scale

BLOCK = 1 << 16  # samples processed at a time: bounds memory
ROW = 64  # samples filtered by one product with a triangular matrix

SINE_DB = float(10 * np.log10(2))  # dB by which dBFS (AES17) exceeds dBov
FULL_SCALE = 0.98  # the largest values of A-law and mu-law are 0.984 and 0.980
STEP = 2.0**-16  # half of the smallest 16-bit step: digital silence is below it

FLOOR_FRAME_S = 0.02
FLOOR_SMOOTHING = 3  # frames: a noise dip or one lost packet is not a pause
FLOOR_SHARE = 0.03  # minimum share of the time that counts as pause ...
FLOOR_SPREAD_DB = 3.0  # ... and pauses include everything that is at most this much louder

SILENCE_FRAME_S = 0.005


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time interval of audio, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class SpeechLevel:
    """The speech level of audio. None stands for a value that could not be measured.

    `active_dbfs` is the active speech level, the level during speech. `activity` is the fraction of active
    time (0 to 1), both by ITU-T P.56 method B. Both are None for digital silence, clicks, and audio below
    about -71 dBFS, which P.56 treats as silence. `rms_dbfs` is over all the time, `peak_dbfs` the largest
    sample, on which a sine's peak equals its level. `noise_floor_dbfs` is the level of the pauses (without
    pauses, of the whole audio), None for digital silence. The constant component (DC), `dc` as a fraction of
    full scale, counts in `peak_dbfs` and `clipped` only. `clipped` is the fraction of samples at full scale,
    as A-law and mu-law reach it (0.98).
    """

    active_dbfs: float | None
    activity: float | None
    rms_dbfs: float | None
    peak_dbfs: float | None
    noise_floor_dbfs: float | None
    clipped: float | None
    dc: float | None


def speech_level(audio: Audio) -> SpeechLevel:
    """Measure how loud speech is (ITU-T P.56, method B).

    The band filter of P.56 10.2 (200 Hz to 5.5 kHz) is not applied, only DC is removed: telephone audio is
    inside of it. The factor between thresholds is 2, and between two of them the level is interpolated
    exactly (G.191's voltmeter stops within 0.5 dB).
    """
    samples = audio.samples
    if not len(samples):
        return SpeechLevel(None, None, None, None, None, None, None)
    mean = float(samples.mean(dtype=np.float64))
    meter = _Voltmeter(audio.rate)
    peak, clipped = 0.0, 0
    for block in _blocks(samples):
        size = np.abs(block)
        peak = max(peak, float(size.max()))
        clipped += int(np.count_nonzero(size >= FULL_SCALE))
        meter.feed(block.astype(np.float64) - mean)
    power = meter.energy / len(samples)
    active, activity = meter.active()
    return SpeechLevel(
        active_dbfs=active,
        activity=activity,
        rms_dbfs=dbfs(power),
        peak_dbfs=float(20 * np.log10(peak)) if peak >= STEP else None,
        noise_floor_dbfs=_noise_floor(samples, audio.rate, mean),
        clipped=clipped / len(samples),
        dc=mean,
    )


def silences(audio: Audio, threshold_dbfs: float = -50.0, shortest_s: float = 0.2) -> tuple[Stretch, ...]:
    """The intervals in which the audio stays below a level for at least `shortest_s` seconds, in order.

    The level is measured per 5 ms, without DC. An interval begins and ends at the samples next to those
    that reach the threshold. Raises AudioError when `shortest_s` is not positive.
    """
    if not shortest_s > 0:
        raise AudioError(f"silences of {shortest_s:g} s cannot be looked for; give a positive duration")
    samples, rate = audio.samples, audio.rate
    if not len(samples):
        return ()
    mean = float(samples.mean(dtype=np.float64))
    quietest = 10 ** ((threshold_dbfs - SINE_DB) / 20)  # the RMS value; some sample of the frame reaches it
    frame = max(1, round(SILENCE_FRAME_S * rate))
    found = []
    for first, after in runs(_powers(samples, frame, mean) < quietest**2):
        start = first * frame
        if first:
            loud = np.abs(samples[start - frame : start] - mean) >= quietest * (1 - 1e-6)
            start += int(np.flatnonzero(loud)[-1]) + 1 - frame if loud.any() else 0
        end = min(after * frame, len(samples))
        loud = np.abs(samples[end : end + frame] - mean) >= quietest * (1 - 1e-6)
        end += int(loud.argmax()) if loud.any() else 0
        if end - start >= round(shortest_s * rate):
            found.append(Stretch(start / rate, end / rate))
    return tuple(found)


def dbfs(power: float) -> float | None:
    """A mean power as a level in dBFS; None below half of a 16-bit step."""
    return float(10 * np.log10(power) + SINE_DB) if power >= STEP**2 else None


def runs(flags: Flags) -> list[tuple[int, int]]:
    """The runs of true values: index of the first, index after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


class _Voltmeter:
    """The speech voltmeter of ITU-T P.56 method B, fed in blocks of any length."""

    def __init__(self, rate: int) -> None:
        self.energy = 0.0
        self._count = 0
        self._smooth = (_Smoother(rate), _Smoother(rate))
        self._hangover = max(1, int(np.ceil(HANGOVER_S * rate)))
        self._recent = np.zeros(self._hangover)  # the envelope of the last 200 ms
        self._active = np.zeros(len(THRESHOLDS))

    def feed(self, samples: Floats) -> None:
        """Count the samples at which each threshold is exceeded, or was exceeded within the hangover time."""
        self.energy += float(np.square(samples).sum())
        self._count += len(samples)
        envelope = self._smooth[1].feed(self._smooth[0].feed(np.abs(samples)))
        history = np.concatenate([self._recent, envelope])
        self._recent = history[-self._hangover :]
        highest = _sliding_max(history, self._hangover + 1)
        reached = np.searchsorted(THRESHOLDS, highest, side="right")  # number of thresholds
        self._active += len(highest) - np.cumsum(np.bincount(reached, minlength=len(THRESHOLDS) + 1)[:-1])

    def active(self) -> tuple[float | None, float | None]:
        """Active level in dBFS and activity factor: the level that exceeds its threshold by the margin."""
        used = self._active[self._active > 0]
        if not len(used) or self.energy <= 0:
            return None, None
        level = 10 * np.log10(self.energy / used)
        above = level - 20 * np.log10(THRESHOLDS[: len(used)]) - MARGIN_DB
        first = int(np.argmax(above <= 0))
        if above[first] > 0 or above[0] < 0:
            return None, None
        if first:
            share = above[first - 1] / (above[first - 1] - above[first])
            active = float(level[first - 1] + share * (level[first] - level[first - 1]))
        else:
            active = float(level[0])
        activity = 10 ** ((10 * np.log10(self.energy / self._count) - active) / 10)
        return active + float(SINE_DB), min(1.0, float(activity))


class _Smoother:
    """The exponential average of P.56: y[n] = g y[n-1] + (1 - g) x[n] with g = exp(-1 / (rate 0.03 s)).

    Each row of 64 samples is filtered by a matrix product; the state at the end of each row follows the same
    recursion.
    """

    def __init__(self, rate: int) -> None:
        decay = np.exp(-1 / (rate * TIME_CONSTANT_S))
        lag = np.subtract.outer(np.arange(ROW), np.arange(ROW))
        self._inner = np.where(lag >= 0, decay ** np.maximum(lag, 0), 0.0).T * (1 - decay)
        self._carry = decay ** np.arange(1, ROW + 1)
        self._last = 0.0

    def feed(self, values: Floats) -> Floats:
        """The next averages, which continue those of the last call."""
        padded = np.concatenate([values, np.zeros(-len(values) % ROW**2)])
        # Square products are so small that BLAS uses no threads; threads would cost more than they gain.
        out = (padded.reshape(-1, ROW, ROW) @ self._inner).reshape(-1, ROW)
        rows = len(out)
        before = np.empty(rows)
        last, decay = self._last, float(self._carry[-1])
        for row, left in enumerate(out[:, -1].tolist()):
            before[row] = last
            last = left + decay * last
        smooth = (out + before[:, None] * self._carry).reshape(-1)[: len(values)]
        if len(values):
            self._last = float(smooth[-1])
        return np.asarray(smooth)


def _sliding_max(values: Floats, width: int) -> Floats:
    """The largest of each `width` values in a row, of shape (n - width + 1,) (van Herk's algorithm)."""
    count = len(values) - width + 1
    padded = np.concatenate([values, np.zeros(-len(values) % width)]).reshape(-1, width)
    forward = np.maximum.accumulate(padded, axis=1).reshape(-1)
    backward = np.maximum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    return np.asarray(np.maximum(backward[:count], forward[width - 1 : width - 1 + count]))


def _noise_floor(samples: Samples, rate: int, mean: float) -> float | None:
    """The mean level of the frames that are about as quiet as the quietest tenth of the frames.

    Digital silence before and after the audio does not count as pause.
    """
    powers = _powers(samples, max(1, round(FLOOR_FRAME_S * rate)), mean)
    sounding = np.flatnonzero(powers >= STEP**2)
    if not len(sounding):
        return None
    powers = powers[sounding[0] : sounding[-1] + 1]
    if len(powers) > FLOOR_SMOOTHING:
        sums = np.cumsum(np.concatenate([[0.0], powers]))
        smooth = (sums[FLOOR_SMOOTHING:] - sums[:-FLOOR_SMOOTHING]) / FLOOR_SMOOTHING
    else:
        smooth = powers
    quiet = max(float(np.quantile(smooth, FLOOR_SHARE)), 0.0)
    return dbfs(float(smooth[smooth <= quiet * 10 ** (FLOOR_SPREAD_DB / 10)].mean()))


def _powers(samples: Samples, frame: int, mean: float) -> Floats:
    """The mean power of each frame without DC; the last frame may be shorter."""
    parts = []
    for block in _blocks(samples, BLOCK // frame * frame or frame):
        values = block.astype(np.float64) - mean
        whole = len(values) // frame * frame
        frames = values[:whole].reshape(-1, frame)
        parts.append(np.einsum("ij,ij->i", frames, frames) / frame)
        if whole < len(values):
            parts.append(np.array([np.square(values[whole:]).mean()]))
    return np.concatenate(parts)


def _blocks(samples: Samples, size: int = BLOCK) -> Iterator[Samples]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]
