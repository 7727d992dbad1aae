"""Detector of tones and call progress signals (ITU-T E.180, E.182)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio.levels import SINE_DB, Flags, runs
from media.audio.wav import Audio, AudioError, resample

__all__ = ["CADENCES", "Cadence", "SignalHeard", "Step", "ToneHeard", "find_tones", "recognise", "signals"]

Floats = NDArray[np.float64]
Samples = NDArray[np.float32]

RATE = 8000  # tones are searched in the telephone band
LOWEST_HZ, HIGHEST_HZ = 300.0, 3700.0
WINDOW = 800  # 100 ms: the Hann window's nulls are 20 Hz away, which separates 440 Hz from 480 Hz
HOP = 160
BINS = 2048  # of the transform: 3.9 Hz apart, sufficient to interpolate to 0.1 Hz
SHORTEST_S = 0.07
BEGUN_S = 0.03  # a tone that begins within this time may have begun before the audio
INFINITE = float("inf")
MIN_FIT = 160  # samples for the fit of a sine
DOUBTFUL = 4000  # samples: speech may hold a pitch for a shorter time
CONSTANT = 0.97  # share of the explained power in 100 ms that the sines explain over all of a doubtful tone
CHUNK = 2048  # frames processed at a time: bounds memory
BIN_HZ = RATE / BINS
APART = 7  # bins on each side of a peak, 27 Hz, that belong to it
TWIST_DB = 15.0  # a second tone that is weaker by more is ignored
PURITY = 0.8  # of the energy is one or two constant sines: 6 dB above everything else
STEADY_HZ = 3.0  # maximum change of the frequency from frame to frame; speech changes faster
GAP_S = 0.045  # a shorter interruption of a tone is two lost packets at most


@dataclass(frozen=True, slots=True)
class ToneHeard:
    """One or two sines of constant frequency and level.

    `frequencies` in Hz, the lower one first; `level_dbfs` is that of both together (a single sine
    at full scale is 0 dBFS).
    """

    frequencies: tuple[float, ...]
    start_s: float
    end_s: float
    level_dbfs: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Step:
    """A tone of a cadence: its frequencies in Hz, how long it sounds, and the pause that follows it.

    Both durations are in seconds, (least, most).
    """

    frequencies: tuple[float, ...]
    on_s: tuple[float, float]
    off_s: tuple[float, float] = (0.0, 0.0)
    tolerance_hz: float = 12.0


@dataclass(frozen=True, slots=True)
class Cadence:
    """The cadence of a signal: repeating steps, of which `least` consecutive ones must be detected.

    `name` is the name in ITU-T E.182 (congestion tone is called reorder in North America). `plan` is the
    national plan; "E.180" is the recommendation of the ITU, used in most of Europe.
    """

    name: str
    plan: str
    steps: tuple[Step, ...]
    least: int = 2


@dataclass(frozen=True, slots=True)
class SignalHeard:
    """A named signal: `name` as in the cadence, `plan` of its region, `tones` of which it consists."""

    name: str
    plan: str
    tones: tuple[ToneHeard, ...]

    @property
    def start_s(self) -> float:
        """The start of its first tone, in seconds."""
        return self.tones[0].start_s

    @property
    def end_s(self) -> float:
        """The end of its last tone, in seconds."""
        return self.tones[-1].end_s


_SIT_S, _SIT_GAP_S, _SIT_HZ = (0.2, 0.46), (0.0, 0.07), 55.0

CADENCES: tuple[Cadence, ...] = (
    Cadence("ringback", "E.180", (Step((425,), (0.67, 1.5), (2.5, 5.5), 25),), 1),
    Cadence("ringback", "US", (Step((440, 480), (0.3, 2.4), (2.5, 5.5)),), 1),
    Cadence(
        "ringback",
        "UK",
        (Step((400, 450), (0.3, 0.5), (0.12, 0.3)), Step((400, 450), (0.3, 0.5), (1.5, 2.5))),
    ),
    Cadence("busy", "E.180", (Step((425,), (0.36, 0.66), (0.36, 0.75), 25),)),
    Cadence("busy", "US", (Step((480, 620), (0.4, 0.6), (0.4, 0.6)),)),
    Cadence("congestion", "E.180", (Step((425,), (0.14, 0.34), (0.14, 0.34), 25),)),
    Cadence("congestion", "US", (Step((480, 620), (0.18, 0.34), (0.18, 0.34)),)),
    Cadence(
        "congestion",
        "UK",
        (Step((400,), (0.34, 0.46), (0.29, 0.41)), Step((400,), (0.18, 0.28), (0.46, 0.6))),
    ),
    Cadence("dial", "E.180", (Step((425,), (2.0, INFINITE), tolerance_hz=25),), 1),
    Cadence("dial", "US", (Step((350, 440), (1.0, INFINITE)),), 1),
    Cadence(
        "special information",
        "E.180",
        (
            Step((950,), _SIT_S, _SIT_GAP_S, _SIT_HZ),
            Step((1400,), _SIT_S, _SIT_GAP_S, _SIT_HZ),
            Step((1800,), _SIT_S, (0.7, 1.3), _SIT_HZ),
        ),
        3,
    ),
    Cadence("milliwatt", "US", (Step((1004,), (1.6, INFINITE), tolerance_hz=3),), 1),
    Cadence("beep", "", (Step((1150,), (0.08, 1.6), tolerance_hz=350),), 1),
)
"""Known signals: ITU-T E.180 with Supplement 2 (the tones of nations), limits widened by what a
detector needs: 10 ms at each end of a tone. The beep and the milliwatt (1004 Hz) follow common practice."""


def find_tones(audio: Audio, shortest_s: float = 0.08, quietest_dbfs: float = -50.0) -> tuple[ToneHeard, ...]:
    """All intervals with one or two sines of constant frequency and level, in order.

    The sines are from 300 Hz to 3700 Hz, at least 30 Hz and at most 15 dB apart, and 6 dB above all else
    in the telephone band. Music holds such tones, a singing vowel may be one of 0.1 s. A tone
    shorter than `shortest_s` seconds (0.07 at least) or quieter than `quietest_dbfs` is left out.
    Raises AudioError when `shortest_s` is below that.
    """
    if not shortest_s >= SHORTEST_S:
        least = f"give {SHORTEST_S:g} or more"
        raise AudioError(f"a tone of {shortest_s:g} s is too short to be told from speech; {least}")
    samples = resample(audio, RATE).samples
    if not len(samples):
        return ()
    frames = _frames(samples - samples.mean(dtype=np.float64).astype(np.float32))
    quietest = 10 ** ((quietest_dbfs - SINE_DB) / 10)
    tones = [tone for run in _steady(frames, quietest) if (tone := _tone(samples, frames, run)) is not None]
    return tuple(tone for tone in _joined(tones) if tone.duration_s >= shortest_s)


def signals(audio: Audio) -> tuple[SignalHeard, ...]:
    """The named signals in the audio, in order; tones without a signal are left out.

    A signal's first tone may have begun before the audio, and its last one may have been cut off.
    """
    return recognise(find_tones(audio))


def recognise(tones: Sequence[ToneHeard]) -> tuple[SignalHeard, ...]:
    """Assign names to tones: the cadence with the most matching consecutive tones wins."""
    found = []
    at = 0
    while at < len(tones):
        lengths = [_follow(tones, at, cadence) for cadence in CADENCES]
        length = max(lengths, default=0)
        if length:
            cadence = CADENCES[lengths.index(length)]
            found.append(SignalHeard(cadence.name, cadence.plan, tuple(tones[at : at + length])))
        at += max(1, length)
    return tuple(found)


def _follow(tones: Sequence[ToneHeard], at: int, cadence: Cadence) -> int:
    """Number of tones from one on that match a cadence, from any of its steps on; 0 if too few."""
    lengths = [
        _agree(tones, at, cadence.steps[phase:] + cadence.steps[:phase])
        for phase in range(len(cadence.steps))
    ]
    return max(lengths) if max(lengths) >= cadence.least else 0


def _agree(tones: Sequence[ToneHeard], at: int, steps: tuple[Step, ...]) -> int:
    """Number of tones that match steps; the first may have begun early, the last may be cut off."""
    whole = True
    for index in range(at, len(tones)):
        tone, step = tones[index], steps[(index - at) % len(steps)]
        if not _has_frequencies(tone, step) or tone.duration_s > step.on_s[1]:
            return index - at if whole or index - at > 1 else 0
        if tone.duration_s < step.on_s[0]:
            if index > at:
                return index - at + 1
            whole = False
            if tone.start_s > BEGUN_S:
                return 0
        pause = tones[index + 1].start_s - tone.end_s if index + 1 < len(tones) else INFINITE
        if not step.off_s[0] <= pause <= step.off_s[1]:
            return index - at + 1 if whole or index > at else 0
    return 0


def _has_frequencies(tone: ToneHeard, step: Step) -> bool:
    pairs = zip(tone.frequencies, step.frequencies, strict=False)
    same_count = len(tone.frequencies) == len(step.frequencies)
    return same_count and all(abs(a - b) <= step.tolerance_hz for a, b in pairs)


@dataclass(frozen=True, slots=True)
class _Frames:
    """The content of each 100 ms window, one window every 20 ms, the first centred on the first sample.

    `low` and `high` are the frequencies of the two sines, the same where there is one; `power` is theirs
    and `purity` their share of the whole.
    """

    low: Floats
    high: Floats
    power: Floats
    purity: Floats


def _frames(samples: Samples) -> _Frames:
    half = WINDOW // 2
    padded = np.concatenate([np.zeros(half, np.float32), samples, np.zeros(half + HOP, np.float32)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    parts = [_analyse(windows[start : start + CHUNK]) for start in range(0, len(windows), CHUNK)]
    return _Frames(*np.concatenate(parts, axis=1))


def _analyse(windows: Samples) -> Floats:
    """Low and high frequency, power and purity of windows of shape (frames, WINDOW), as four rows."""
    hann = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
    total = float(hann.sum())
    energy = np.einsum("ij,ij,j->i", windows, windows, hann) + np.float32(1e-12)
    spectra = np.fft.rfft(windows * hann, BINS)
    power = np.asarray(np.square(spectra.real) + np.square(spectra.imag), dtype=np.float32)
    power[:, : int(LOWEST_HZ / BIN_HZ)] = 0
    power[:, int(HIGHEST_HZ / BIN_HZ) :] = 0
    first = power.argmax(axis=1)
    frequency, peak = _interpolated(power, first)
    near = np.clip(first[:, None] + np.arange(-APART, APART + 1), 0, power.shape[1] - 1)
    others = power.copy()
    np.put_along_axis(others, near, 0, axis=1)
    second = others.argmax(axis=1)
    other, weaker = _interpolated(power, second)
    two = (weaker >= peak * 10 ** (-TWIST_DB / 10)) & _is_peak(power, second)
    explained = 2 * (_is_peak(power, first) * peak + two * weaker) / total  # of the energy in the window
    low = np.where(two, np.minimum(frequency, other), frequency)
    high = np.where(two, np.maximum(frequency, other), frequency)
    return np.stack([low, high, explained / total, explained / energy])


def _is_peak(power: Samples, bins: NDArray[np.intp]) -> Flags:
    rows = np.arange(len(power))
    inner = np.clip(bins, 1, power.shape[1] - 2)
    here = power[rows, inner]
    return np.asarray((here > power[rows, inner - 1]) & (here >= power[rows, inner + 1]))


def _interpolated(power: Samples, bins: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Frequency in Hz and height of a peak, by the parabola through three logarithms."""
    rows = np.arange(len(power))
    inner = np.clip(bins, 1, power.shape[1] - 2)
    left, here, right = (np.log(power[rows, inner + step].astype(np.float64) + 1e-20) for step in (-1, 0, 1))
    bend = np.minimum(left - 2 * here + right, -1e-9)
    offset = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    return (inner + offset) * BIN_HZ, np.exp(here - 0.25 * (left - right) * offset)


def _steady(frames: _Frames, quietest: float) -> list[tuple[int, int]]:
    """Runs of at least two frames with the same tone: index of the first, index after the last."""
    pure = (frames.purity >= PURITY) & (frames.power >= quietest)
    two = frames.high > frames.low
    same = np.zeros(len(pure), np.bool_)
    change = np.maximum(np.abs(np.diff(frames.low)), np.abs(np.diff(frames.high)))
    same[1:] = pure[1:] & pure[:-1] & (two[1:] == two[:-1]) & (change < STEADY_HZ)
    return [(first - 1, after) for first, after in runs(same)]


def _tone(samples: Samples, frames: _Frames, run: tuple[int, int]) -> ToneHeard | None:
    """The tone of a run of frames; None if no constant sine fits between its ends."""
    first, after = run
    low, high = float(np.median(frames.low[first:after])), float(np.median(frames.high[first:after]))
    frequencies = (low,) if low == high else (low, high)
    begin, end = first * HOP, min((after - 1) * HOP, len(samples))
    start = begin - _before(samples[::-1], len(samples) - begin, end - begin, frequencies)
    stop = end + _before(samples, end, end - begin, frequencies)
    if stop - start < MIN_FIT:
        return None
    purity = float(np.median(frames.purity[first:after]))
    power = float(np.median(frames.power[first:after]))
    if stop - start < DOUBTFUL:
        share, power = _fitted(samples[start:stop], frequencies)
        if share < CONSTANT * purity:
            return None
    return ToneHeard(frequencies, start / RATE, stop / RATE, float(10 * np.log10(power) + SINE_DB))


def _before(samples: Samples, at: int, inside: int, frequencies: Sequence[float]) -> int:
    """Number of samples by which the tone extends beyond `at`; it has sounded for `inside` samples.

    The best fitting sines are continued; the tone ends where the sum of 2xs - s^2, the reduction of the
    energy of x by the subtraction of s, is largest.
    """
    fit = max(MIN_FIT, min(inside, WINDOW // 2))
    first, after = max(0, at - fit), min(len(samples), at + WINDOW)
    sines = _sines(np.arange(first - at, after - at), frequencies)
    values = samples[first:after].astype(np.float64)
    weights = np.linalg.lstsq(sines[: at - first + 1], values[: at - first + 1], rcond=None)[0]
    model = sines @ weights
    gain = np.cumsum(2 * values * model - np.square(model))
    return int(gain.argmax()) + 1 - (at - first)


def _fitted(samples: Samples, frequencies: Sequence[float]) -> tuple[float, float]:
    """The share of the power that the best-fitting sines over all samples explain, and their power."""
    sines = _sines(np.arange(len(samples)), frequencies)
    values = samples.astype(np.float64)
    model = sines @ np.linalg.lstsq(sines, values, rcond=None)[0]
    whole, power = np.square(values).mean(), np.square(model).mean()
    return float(power / max(whole, 1e-12)), float(power)


def _sines(places: NDArray[np.intp], frequencies: Sequence[float]) -> Floats:
    angle = 2 * np.pi * np.outer(places / RATE, frequencies)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def _joined(tones: Sequence[ToneHeard]) -> Iterator[ToneHeard]:
    """Tones in order; tones separated by a short interruption are joined."""
    last: ToneHeard | None = None
    for tone in tones:
        if last is not None and tone.start_s - last.end_s < GAP_S and _alike(last, tone):
            longer = max(last, tone, key=lambda candidate: candidate.duration_s)
            last = ToneHeard(longer.frequencies, last.start_s, tone.end_s, longer.level_dbfs)
            continue
        if last is not None:
            yield last
        last = tone
    if last is not None:
        yield last


def _alike(first: ToneHeard, second: ToneHeard) -> bool:
    pairs = list(zip(first.frequencies, second.frequencies, strict=False))
    return len(first.frequencies) == len(second.frequencies) and all(abs(a - b) < STEADY_HZ for a, b in pairs)
