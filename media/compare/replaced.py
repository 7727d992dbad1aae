"""Detection of replaced audio: intervals of a recording that differ from the reference.

A receiver that repeats, stretches or interpolates audio, and a peer that plays earlier audio, preserve level
and spectrum but not the waveform: its coherence with the reference decreases in bands that the codec
preserves, and copied audio resembles its own past more than the reference does. The weights of these features
were measured for each codec (`replaced_models`). A single moment may be chance; replaced audio lasts for
several moments (`chain`). The output of a decoder that recovers from a lost packet does not count
(`recovery`).

Not detected: a steady note or vowel replaced by itself, because the waveform is the same; a copy shifted by a
few milliseconds, which looks like a jitter buffer adjustment; and audio with a decreasing error of up to 190
ms, of which 40 ms count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from media.audio.levels import Flags, Stretch, runs
from media.audio.spectra import HOP_S, Floats, Signal, smooth, windows_at
from media.compare.chain import best_sums, chained
from media.compare.purity import purity
from media.compare.recovery import recovering
from media.compare.replaced_models import Weights

__all__ = ["Placed", "Replaced", "evidence", "features", "replaced"]

RATE = 8000
HOP, WINDOW, POINTS = 80, 200, 256  # samples: 25 ms around every 10 ms
EDGES_HZ = (300.0, 800.0, 1500.0, 2500.0, 3500.0)
FLOOR_DB = -40.0  # relative to the loud frames: what is below in a band says nothing
USUAL_DB = -20.0  # frames as loud as that show what is usual in the recording
JUDGED_DB = -25.0
PIECE, SHORTEST, LONGEST = 120, 20, 240  # samples: 15 ms, compared with what was 2.5 to 30 ms before
EDGE = 2  # frames beside a change of the delay, whose windows reach across it
PURE, KEPT = 0.98, 0.8  # share of one or two sines, and coherence, of a tone that was not replaced
RIGHT = -4.0  # its evidence
MOST, SAFE = 12.0, 0.4  # evidence of a frame, at most; the share that is not its neighbours' as well
SIGNIFICANT = 3.0  # with a smaller likelihood ratio (natural logarithm) in all, nothing was replaced
BEGINS, ENDS = 1 / 3000, 1 / 5  # of a frame: once in 30 s, for 50 ms on average
OFTEN, SURPRISE = 1 / 300, 0.7  # or once in 3 s, as when packets are lost; in every other recording
PLAIN, STEEP = (
    4.0,
    2.0,
)  # evidence with which a frame counts by half, and how steeply: hiss and recoveries have less
CHANGE = 5  # the number of the change of level among the features, in powers of ten
FADED, LOUDER = -1.0, 1.0  # silence where the reference is not, and loud audio where it is quiet
CHUNK = 2048  # frames at a time: bounds memory
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Placed:
    """A reference and where it lies in a recording, both at 8 kHz as `band.in_band` leaves them.

    Of each frame of 10 ms: its `track` (-1: missing), its delay in samples, and whether it counts.
    """

    reference: Signal
    recording: Signal
    track: NDArray[np.intp]
    delays: Floats
    judged: Flags


@dataclass(frozen=True, slots=True)
class Replaced:
    """Replaced audio: likely stretches of the reference, their expected duration, the judged duration.

    `track` is that of the frames with those in it that are there after all (see `_refilled`).
    """

    stretches: tuple[Stretch, ...]
    total_s: float
    judged_s: float
    track: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Measured:
    """Of each frame: the powers and the product in each band."""

    own: Floats
    received: Floats
    both: Floats


def replaced(placed: Placed, weights: Weights) -> Replaced:
    """Find replaced audio by the evidence of consecutive frames."""
    values, loudness = features(placed)
    ratio = evidence(placed, values, weights)
    placed = replace(placed, track=_refilled(placed, ratio, values[:, CHANGE]))
    surplus = placed.judged & (values[:, CHANGE] > LOUDER) & (loudness + 10 * values[:, CHANGE] > USUAL_DB)
    ratio[surplus] = np.maximum(ratio[surplus], MOST)
    counted = _counted(placed, loudness) | (surplus & (placed.track >= 0))
    weighed = np.clip(ratio[counted], -MOST, MOST) * SAFE
    judged_s = len(weighed) * HOP_S
    if float(best_sums(weighed).max(initial=0)) < SIGNIFICANT:
        return Replaced((), 0.0, judged_s, placed.track)
    probability = np.zeros(len(ratio))
    probability[counted], score = _likeliest(weighed)
    if score < SIGNIFICANT:
        return Replaced((), 0.0, judged_s, placed.track)
    if weights.fall is not None:
        clipped = np.clip(ratio, -MOST, MOST)
        probability[recovering(clipped, probability > 0.5, weights.fall, weights.recovers)] = 0
    stretches = [Stretch(begin * HOP_S, end * HOP_S) for begin, end in runs(probability > 0.5)]
    amount = probability / (1 + np.exp(np.clip(STEEP * (PLAIN - ratio), -50, 50)))
    return Replaced(tuple(stretches), float(amount.sum()) * HOP_S, judged_s, placed.track)


def _refilled(placed: Placed, ratio: Floats, change: Floats) -> NDArray[np.intp]:
    """The track without gaps between frames of one delay at which the evidence is against other audio.

    The alignment looks at each frame alone, and misses soft consonants in noise that a codec has changed.
    """
    track = placed.track.copy()
    borders = [0, *(np.flatnonzero(np.diff(track)) + 1).tolist(), len(track)]
    for begin, end in pairwise(borders):
        if track[begin] >= 0 or begin == 0 or end == len(track) or track[begin - 1] != track[end]:
            continue
        frames = begin + np.flatnonzero(placed.judged[begin:end])
        against = float(np.clip(ratio[frames], -MOST, MOST).sum()) < 0
        if against and len(frames) and float(change[frames].mean()) > FADED:
            track[begin:end] = track[end]
    return track


def _likeliest(weighed: Floats) -> tuple[Floats, float]:
    """How probable each frame is, with the likelier one of the rates, and the score (see `chained`)."""
    often, seldom = (chained(weighed, begins, ENDS) for begins in (OFTEN, BEGINS))
    return (often[0], often[1] - SURPRISE) if often[1] - SURPRISE > seldom[1] else seldom


def evidence(placed: Placed, values: Floats, weights: Weights) -> Floats:
    """Of each frame, the logarithm of how much likelier it is when it was replaced.

    Windows beside a change of the delay reach across it: there the nearest frame with the same delay counts.
    """
    ratio = values @ np.array(weights.of_features) + weights.bias
    doubtful = np.flatnonzero((ratio > RIGHT) & (values[:, 0] > np.arctanh(KEPT)))
    ratio[doubtful[_tones(placed.reference, doubtful)]] = RIGHT
    track = placed.track
    borders = [0, *(np.flatnonzero(np.diff(track)) + 1).tolist(), len(track)]
    for begin, end in pairwise(borders):
        first = begin + (EDGE if begin else 0)
        last = end - (EDGE if end < len(track) else 0)
        if first < last:
            ratio[begin:first], ratio[last:end] = ratio[first], ratio[last - 1]
    return np.asarray(ratio)


def _tones(reference: Signal, frames: NDArray[np.intp]) -> Flags:
    """Frames of a tone or a sweep: the models know voices and music, whose waveform codecs carry better."""
    starts = frames * HOP - (WINDOW - HOP) // 2
    parts = (starts[at : at + CHUNK] for at in range(0, len(starts), CHUNK))
    pure = [purity(windows_at(reference, part, WINDOW)) > PURE for part in parts]
    return np.concatenate([np.zeros(0, np.bool_), *pure])


def features(placed: Placed) -> tuple[Floats, Floats]:
    """The features of each frame, of shape (frames, features), and its level relative to loud frames in dB.

    Only the counted frames and their neighbours are compared with their own past, the most expensive feature.
    """
    seen = _measured(placed)
    total = seen.own.sum(axis=1)
    loud = float(np.percentile(total[total > 1e-7], 90)) if (total > 1e-7).any() else 1e-7
    gain = max(float(seen.received.sum()), TINY) / max(float(seen.own.sum()), TINY)
    floor = loud * 10 ** (FLOOR_DB / 10) / seen.own.shape[1]
    own, received, both = seen.own + floor, seen.received / gain + floor, seen.both / gain**0.5
    band_level = 10 * np.log10(own / loud)
    weight = np.clip((band_level + 30) / 30, 0, 1.3)
    weight /= weight.sum(axis=1, keepdims=True) + 0.1
    bands = _spread(both / np.sqrt(own * received)) * weight
    distance = np.log((np.abs(10 * np.log10(received / own)) * weight).sum(axis=1) + 0.5)
    all_own, all_received, all_both = own.sum(axis=1), received.sum(axis=1), both.sum(axis=1)
    alike = _spread(all_both / np.sqrt(all_own * all_received))
    level = 10 * np.log10(all_own / loud)
    noise = 10 * np.log10((all_own + all_received - 2 * all_both + floor) / all_own)
    change = np.log10(all_received / all_own)
    usual = placed.judged & (placed.track >= 0) & (level > USUAL_DB)
    z, n = (values - np.median(values[usual]) if usual.any() else values for values in (alike, noise / 10))
    own_past, received_past = _pasts(placed, _counted(placed, level))
    voiced = _spread(np.clip(own_past, 0, 0.98))
    copied = _spread(np.clip(received_past, 0, 0.995)) - _spread(np.clip(own_past, 0, 0.995))
    mean, loudness = bands.sum(axis=1), level / 10
    columns = [alike, z, mean, n, distance, change, np.abs(change), voiced, loudness, copied]
    columns += [np.maximum(copied, 0), z * voiced, z * loudness, mean * loudness, distance * loudness]
    columns += [copied * loudness, alike**2, z**2, n**2, *bands.T]
    columns += [_moved(z, by) for by in (1, -1, 2, -2)] + [_moved(copied, by) for by in (1, -1)]
    return np.stack([*columns, np.minimum(_moved(z, 2), _moved(z, -2))], axis=1), np.asarray(level)


def _measured(placed: Placed) -> _Measured:
    frames = np.arange(len(placed.track))
    parts = [_chunk(placed, frames[at : at + CHUNK]) for at in range(0, len(frames), CHUNK)]
    return _Measured(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _chunk(placed: Placed, frames: NDArray[np.intp]) -> tuple[Floats, ...]:
    whole = np.rint(placed.delays[frames]).astype(np.intp)
    window = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
    at, hertz = frames * HOP, np.fft.rfftfreq(POINTS, 1 / RATE)
    first = at - (WINDOW - HOP) // 2
    own = np.fft.rfft(windows_at(placed.reference, first, WINDOW) * window, POINTS)
    received = np.fft.rfft(windows_at(placed.recording, first + whole, WINDOW) * window, POINTS)
    angle = np.outer(placed.delays[frames] - whole, 2 * np.pi / RATE * hertz).astype(np.float32)
    received *= np.cos(angle) + 1j * np.sin(angle)
    edges = np.searchsorted(hertz, EDGES_HZ)
    scale = 2 / (POINTS * float(np.square(window).sum()))
    powers = (np.square(own.real) + np.square(own.imag), np.square(received.real) + np.square(received.imag))
    product = own.real * received.real + own.imag * received.imag
    bands = (np.add.reduceat(spectrum, edges, axis=1)[:, :-1] * scale for spectrum in (*powers, product))
    return tuple(bands)


def _counted(placed: Placed, level: Floats) -> Flags:
    """The judged frames: received, and loud enough for the features."""
    return np.asarray(placed.judged & (placed.track >= 0) & (level > JUDGED_DB))


def _pasts(placed: Placed, counted: Flags) -> tuple[Floats, Floats]:
    """How alike reference and recording are to their own past, at frames that count and those near them."""
    frames = np.flatnonzero(np.convolve(counted, np.ones(2 * EDGE + 3), "same")[: len(counted)])
    at = frames * HOP - (PIECE - HOP) // 2
    moved = at + np.rint(placed.delays[frames]).astype(np.intp)
    pasts = np.zeros((2, len(counted)))
    for past, signal, starts in zip(pasts, (placed.reference, placed.recording), (at, moved), strict=True):
        for part in range(0, len(frames), CHUNK):
            past[frames[part : part + CHUNK]] = _past(signal, starts[part : part + CHUNK])
    return pasts[0], pasts[1]


def _past(signal: Signal, starts: NDArray[np.intp]) -> Signal:
    """The best similarity of 15 ms from each start with the audio 2.5 to 30 ms before."""
    first = starts - LONGEST
    wide = windows_at(signal, first, LONGEST + PIECE)
    own = wide[:, LONGEST:]
    points = smooth(wide.shape[1])
    cross = np.fft.rfft(wide, points) * np.conj(np.fft.rfft(own, points))
    count = LONGEST + 1 - SHORTEST
    low, high = int(first.min()), int(first.max()) + count + PIECE
    sums = np.cumsum(np.square(windows_at(signal, np.array([low - 1]), high - low + 1)[0], dtype=np.float64))
    energy = windows_at((sums[PIECE:] - sums[:-PIECE]).astype(np.float32), first - low, count)
    energy *= np.square(own).sum(axis=1, keepdims=True)
    return np.asarray(
        (np.fft.irfft(cross, points)[:, :count] / np.sqrt(energy + np.float32(1e-9))).max(axis=1)
    )


def _spread(coherence: Floats) -> Floats:
    """Coherence on a scale (Fisher's) on which its deviations are alike."""
    return np.asarray(np.arctanh(np.clip(coherence, -0.9, 0.9999)))


def _moved(values: Floats, by: int) -> Floats:
    """Each frame's neighbour's value; at the ends that of the last."""
    index = np.clip(np.arange(len(values)) - by, 0, max(len(values) - 1, 0))
    return np.asarray(values[index])
