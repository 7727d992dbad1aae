"""Alignment of a reference with a recording: the delay of each 10 ms frame of the reference.

Each frame of 10 ms either lies at one of the delays that `search` found or is missing; `path` finds the
cheapest sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from media.audio.levels import Flags, Stretch
from media.audio.spectra import (
    HOP_S,
    Floats,
    Likeness,
    Signal,
    coherence,
    frame_count,
    frame_power,
    likeness,
    logs,
)
from media.compare.path import cheapest
from media.compare.search import Track, find_closer, find_tracks, sharpened

__all__ = ["Alignment", "active_frames", "align", "gaps_of"]

QUIET = 1e-6  # -60 dBFS: quieter frames count as silence
ACTIVE_RANGE_DB = 30.0  # frames within this much of the loud frames are active
FLOOR_DB = 40.0  # spectra are compared down to this much below the loud frames
FOREIGN_DB = 6.0  # mean spectral difference at which a frame is equally likely foreign or present;
FOREIGN_COHERENCE = 0.3  # and the waveforms' coherence (codecs: 0-4 dB; other speech: 6-35 dB, under 0.3)
CHANCE = 0.45  # a run of frames with a smaller waveform correlation is a chance match;
LONG, LONG_CHANCE = (
    100,
    0.25,
)  # or with less than that for a second or more: whispering through GSM twice has 0.34
ALIKE = 0.7  # and a run without frames of half that correlation;
USUAL = 0.7  # of the usual correlation: a search this near may find another period of a voice
BRIEF = 0.9  # share of the usual correlation, for less than a moment: reversed audio reaches 0.8 somewhere
MOMENT = 15  # frames in all: a shorter delay is a chance match as well,
CLOSE_MOMENT = 5  # except where only the range between the delays beside it was searched
LOOKS = 2  # in the parts that the alignment leaves open
DOUBTFUL = 0.4  # a frame beside a gap with a higher cost belongs to the gap
LOST_DB = 20.0  # a frame whose level fell by this much was lost
DEAREST = 3.0  # maximum cost of a frame; a missing frame costs 1
ABSENT_PAUSE = 0.05  # a pause costs almost nothing anywhere, but is not missing without need
CHUNK = 4096  # frames aligned at a time: bounds memory
STEP_S = 0.005  # smaller changes of the delay are drift, not insertions


@dataclass(frozen=True, slots=True)
class Alignment:
    """The position of each 10 ms frame of the reference in the recording.

    `track` numbers the delay that each frame lies at, -1 where it is missing; `judged` are the frames
    that are active and not to be ignored; `distance_db` is how far each frame's spectrum is from its own.
    `gaps` are in the reference's time, `insertions` in the recording's.
    """

    tracks: tuple[Track, ...]
    track: NDArray[np.intp]
    judged: Flags
    distance_db: Floats
    gaps: tuple[Stretch, ...]
    insertions: tuple[Stretch, ...]

    @property
    def arrived(self) -> Flags:
        """The judged frames that are in the recording."""
        return self.judged & (self.track >= 0)

    def delays(self, frames: NDArray[np.intp], rate: int) -> Floats:
        """The delay of each frame in samples; a missing frame has the delay of its predecessor."""
        present = np.flatnonzero(self.track >= 0)
        if not len(present):
            return np.zeros(len(frames))
        before = np.clip(np.searchsorted(present, frames, side="right") - 1, 0, None)
        number = self.track[present[before]]
        delays = np.zeros(len(frames))
        for index in np.unique(number):
            here = number == index
            delays[here] = self.tracks[index].delays(frames[here] * HOP_S * rate)
        return delays

    def apply(self, recording: Signal, rate: int, length: int) -> Signal:
        """The recording with the delay removed, `length` samples; zeros beyond its ends."""
        hop = round(HOP_S * rate)
        aligned = np.zeros(length, np.float32)
        for first in range(0, frame_count(length, rate), CHUNK):
            frames = np.arange(first, min(first + CHUNK, frame_count(length, rate)))
            at = (frames * hop + self.delays(frames, rate))[:, None] + np.arange(hop)
            low = max(0, int(at.min()) - 1)
            part = recording[low : max(low, int(at.max()) + 2)]
            if len(part):
                places = np.arange(low, low + len(part))
                values = np.interp(at.ravel(), places, part, left=0, right=0)[: length - first * hop]
                aligned[first * hop : first * hop + len(values)] = values
        return aligned


def active_frames(signal: Signal, rate: int) -> Flags:
    """Which frames are active: within 30 dB of the loud ones, and above -60 dBFS."""
    power = frame_power(signal, rate)
    audible = power[power > QUIET]
    if not len(audible):
        return np.zeros(len(power), np.bool_)
    loud = float(np.percentile(audible, 95))
    return np.asarray(power > max(QUIET, loud * 10 ** (-ACTIVE_RANGE_DB / 10)))


def align(reference: Signal, recording: Signal, rate: int, active: Flags, judged: Flags) -> Alignment:
    """Align a reference with a recording at the same rate.

    Only the `judged` ones of its `active` frames count.
    """
    pair = _Pair(reference, recording, rate, active)
    candidates = [_candidate(track, pair) for track in find_tracks(reference, recording, rate, active)]
    alignment, astray = _along(candidates, judged, rate)
    for _ in range(LOOKS):  # the result may have parts that were explained badly without another delay
        closer = find_closer(reference, recording, rate, _worth_a_look(alignment, astray, rate))
        nearby = [_candidate(track, pair, near=True) for track in closer if _is_new(track, candidates)]
        if not nearby:
            break
        candidates = [*nearby, *candidates]  # of equal ones the first one is taken
        alignment, astray = _along(candidates, judged, rate)
    return _sharpened(alignment, reference, recording, rate)


def _sharpened(alignment: Alignment, reference: Signal, recording: Signal, rate: int) -> Alignment:
    """The alignment with exact delays near a change of the delay; without a change they are exact already."""
    pieces: dict[int, list[tuple[int, int]]] = {}
    for value, first, after in _runs(alignment.track):
        frames = first + np.flatnonzero(alignment.judged[first:after])
        if value >= 0 and len(frames) >= MOMENT:
            start, end = round(frames[0] * HOP_S * rate), round((frames[-1] + 1) * HOP_S * rate)
            pieces.setdefault(value, []).append((start, end))
    if sum(map(len, pieces.values())) < 2:
        return alignment
    tracks = list(alignment.tracks)
    for value, own in pieces.items():
        tracks[value] = sharpened(tracks[value], own, reference, recording, rate)
    return replace(alignment, tracks=tuple(tracks))


class _Pair:
    """The two signals, the active frames of the reference, and the level of its loud frames."""

    def __init__(self, reference: Signal, recording: Signal, rate: int, active: Flags) -> None:
        self.reference = reference
        self.recording = recording
        self.rate = rate
        self.active = active
        self.loud = _loud(reference, rate)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A delay track, the `frames` of the reference that it may apply to, and its cost for each of them.

    `facts` are the product and the powers of the waveforms and the distance of the spectra, (4, frames).
    One that was looked for `near` the delays beside it is there by chance less easily, or more so.
    """

    track: Track
    frames: NDArray[np.intp]
    cost: Signal
    facts: Floats
    near: bool


def _worth_a_look(alignment: Alignment, astray: Flags, rate: int) -> Iterator[tuple[int, int, float, float]]:
    """The parts where another delay could apply: both ends, and around changes of the delay."""
    settled = np.flatnonzero(~astray & (alignment.track >= 0))
    if not len(settled):
        return
    for value, first, after in _runs(astray.astype(np.intp)):
        frames = first + np.flatnonzero(alignment.judged[first:after])
        if value and len(frames) >= CLOSE_MOMENT:
            where = np.searchsorted(settled, first)
            beside = settled[np.clip([where - 1, where], 0, len(settled) - 1)]
            before, behind = alignment.delays(beside, rate)
            start, end = round(frames[0] * HOP_S * rate), round((frames[-1] + 1) * HOP_S * rate)
            yield start, end, float(before), float(behind)


def _candidate(track: Track, pair: _Pair, *, near: bool = False) -> _Candidate:
    frames = _frames(track, pair.rate, len(pair.active))
    delay = np.rint(track.delays(frames * HOP_S * pair.rate)).astype(np.intp)
    alike = likeness(pair.reference, pair.recording, pair.rate, frames, delay)
    gain_db = _gain_db(alike, pair.active[frames])
    distance = _distance_db(alike, gain_db, pair.loud)
    foreign = np.minimum(distance / FOREIGN_DB, (1 - alike.coherence) / (1 - FOREIGN_COHERENCE))
    cost = np.where(alike.lost > LOST_DB - gain_db, DEAREST, np.minimum(foreign, DEAREST))
    powers = alike.reference_power, alike.recording_power
    facts = np.stack([alike.product, *powers, distance])
    return _Candidate(track, frames, cost.astype(np.float32), facts, near)


def _is_new(track: Track, candidates: list[_Candidate]) -> bool:
    tracks = [candidate.track for candidate in candidates]
    return not any(other.start == track.start and other.delay[0] == track.delay[0] for other in tracks)


def _along(candidates: list[_Candidate], judged: Flags, rate: int) -> tuple[Alignment, Flags]:
    """The cheapest alignment with the delays of these tracks, and the frames that it does not explain.

    Unexplained frames are missing, or have another waveform with a similar spectrum.
    """
    tracks, count = [candidate.track for candidate in candidates], len(judged)
    cost = np.full((count, len(tracks) + 1), DEAREST, np.float32)
    for index, candidate in enumerate(candidates):
        cost[candidate.frames, index] = candidate.cost
    cost[~judged] = 0.0
    cost[:, -1] = np.where(judged, 1.0, ABSENT_PAUSE)
    delays = np.array([float(track.delay.mean()) for track in tracks]) / (HOP_S * rate)
    chosen = cheapest(cost[:, :-1], cost[:, -1], delays)
    facts = np.zeros((4, count))  # of each frame at its chosen delay
    for index, candidate in enumerate(candidates):
        here = chosen[candidate.frames] == index
        facts[:, candidate.frames[here]] = candidate.facts[:, here]
    chosen = _without_chance(
        chosen, facts[:3], judged, np.array([candidate.near for candidate in candidates], np.bool_)
    )
    chosen = _in_order(chosen, tracks, judged, rate)
    chosen = _without_doubt(chosen, cost[np.arange(count), chosen])
    around = np.stack([np.convolve(fact * judged, np.ones(CLOSE_MOMENT), "same") for fact in facts[:3]])
    astray = (chosen < 0) | (coherence(*around) < CHANCE)
    alignment = Alignment(
        tracks=tuple(tracks),
        track=chosen,
        judged=judged,
        distance_db=facts[3],
        gaps=gaps_of(chosen, judged),
        insertions=_insertions(chosen, tracks, judged, rate),
    )
    return alignment, _fill_pauses(astray.astype(np.intp), judged) > 0


def _frames(track: Track, rate: int, count: int) -> NDArray[np.intp]:
    hop = HOP_S * rate
    return np.arange(int(track.start / hop), min(count, int(np.ceil(track.end / hop))))


def _loud(reference: Signal, rate: int) -> float:
    power = frame_power(reference, rate)
    return float(np.percentile(power[power > QUIET], 90)) if (power > QUIET).any() else QUIET


def _gain_db(alike: Likeness, active: Flags) -> float:
    """The gain of the recording in dB at the most similar frames; 0 if neither signal has sound."""
    usable = active & (alike.reference_power > 0) & (alike.recording_power > 0)
    if not usable.any():
        return 0.0
    best = usable & (alike.coherence >= np.median(alike.coherence[usable]))
    return float(10 * np.log10(np.median(alike.recording_power[best] / alike.reference_power[best])))


def _distance_db(alike: Likeness, gain_db: float, loud: float) -> Floats:
    """Mean absolute difference of the spectra in dB without the gain, weighted by the level of the bands."""
    floor = loud / alike.reference.shape[1] * 10 ** (-FLOOR_DB / 10)
    expected = logs(alike.reference, floor)
    received = logs(alike.recording * np.float32(10 ** (-gain_db / 10)), floor)
    weight = np.maximum(expected, received) - np.float32(10 * np.log10(floor)) + np.float32(1e-3)
    difference = np.abs(received - expected)
    return np.asarray((weight * difference).sum(axis=1) / weight.sum(axis=1), dtype=np.float64)


def _runs(chosen: NDArray[np.intp]) -> list[tuple[int, int, int]]:
    """Runs of equal value: value, first frame, frame after the last."""
    if not len(chosen):
        return []
    edges = [0, *(np.flatnonzero(np.diff(chosen)) + 1).tolist(), len(chosen)]
    return [(int(chosen[a]), a, b) for a, b in pairwise(edges)]


def _without_chance(
    chosen: NDArray[np.intp], products: Floats, judged: Flags, near: Flags
) -> NDArray[np.intp]:
    """Mark runs as missing whose waveforms are not similar, and delays that apply for a moment only."""
    placed = judged & (chosen >= 0)
    held = np.bincount(chosen[placed], minlength=len(near))
    moment = np.minimum(np.where(near, CLOSE_MOMENT, MOMENT), int(judged.sum()) // 2)
    chosen = np.where(np.isin(chosen, np.flatnonzero(held < moment)), -1, chosen)
    usual = float(np.median(coherence(*products[:, placed]))) if placed.any() else 0.0
    for value, first, after in _runs(chosen):
        there = products[:, first:after][:, judged[first:after]]
        if value < 0 or not there.size:
            continue
        # a single loud frame at its end, which belongs to the next run, outweighs all others
        whole, middle = float(coherence(*there.sum(axis=1))), float(np.median(coherence(*there)))
        least = LONG_CHANCE if there.shape[1] >= LONG else CHANCE
        if near[value]:
            least = max(CHANCE, USUAL * usual)
        brief = near[value] and there.shape[1] < MOMENT and whole < BRIEF * usual
        if brief or (middle < ALIKE and whole < least):
            chosen[first:after] = -1
    return chosen


def _in_order(chosen: NDArray[np.intp], tracks: list[Track], judged: Flags, rate: int) -> NDArray[np.intp]:
    """Audio cannot arrive before its predecessor: keep the largest ordered part, mark the rest as missing."""
    hop = HOP_S * rate
    runs = []
    for value, first, after in _runs(chosen):
        frames = first + np.flatnonzero(judged[first:after])
        if value >= 0 and len(frames):
            place = (frames * hop + tracks[value].delays(frames * hop)) / hop
            runs.append((first, after, frames, place))
    begins = np.array([float(place[0]) for *_, place in runs])
    ends = np.array([float(place[-1]) + 1 for *_, place in runs])
    most = np.zeros(len(runs))
    previous = np.full(len(runs), -1)
    for index, (_, _, frames, _) in enumerate(runs):
        most[index] = len(frames)
        if index:
            overlap = np.maximum(ends[:index] - begins[index] - 1, 0)
            joined = most[:index] + np.where(ends[index] > ends[:index], len(frames) - overlap, -np.inf)
            best = int(joined.argmax())
            if joined[best] > most[index]:
                most[index], previous[index] = joined[best], best
    kept = []
    index = int(most.argmax()) if runs else -1
    while index >= 0:
        kept.append(index)
        index = int(previous[index])
    ordered = np.where(judged, -1, chosen)
    reached = -np.inf
    for index in reversed(kept):
        _, _, frames, place = runs[index]
        ordered[frames[place >= reached - 1]] = chosen[frames[0]]
        reached = max(reached, ends[index])
    return _fill_pauses(ordered, judged)


def _fill_pauses(chosen: NDArray[np.intp], judged: Flags) -> NDArray[np.intp]:
    """Assign pauses to the judged frame before them (at the start, to the frame after them)."""
    anchors = np.where(judged, np.arange(len(chosen)), -1)
    last = np.maximum.accumulate(anchors)
    first = int(np.argmax(judged))
    return chosen[np.where(last < 0, first, last)]


def _without_doubt(chosen: NDArray[np.intp], cost: Signal) -> NDArray[np.intp]:
    """A frame whose window reaches into a gap belongs to the gap if it resembles the gap."""
    missing = chosen < 0
    beside = np.zeros_like(missing)
    beside[1:] |= missing[:-1]
    beside[:-1] |= missing[1:]
    return np.where(beside & (cost > DOUBTFUL), -1, chosen)


def gaps_of(chosen: NDArray[np.intp], judged: Flags) -> tuple[Stretch, ...]:
    """The runs of missing judged frames; pauses at the ends of a gap are excluded."""
    gaps = []
    for value, first, after in _runs(np.minimum(chosen, 0)):
        frames = np.flatnonzero(judged[first:after])
        if value < 0 and len(frames):
            gaps.append(Stretch((first + int(frames[0])) * HOP_S, (first + int(frames[-1]) + 1) * HOP_S))
    return tuple(gaps)


def _insertions(
    chosen: NDArray[np.intp], tracks: list[Track], judged: Flags, rate: int
) -> tuple[Stretch, ...]:
    """The parts where the recording has more audio between two matched parts than the reference."""
    hop = HOP_S * rate
    insertions = []
    before: tuple[float, float] | None = None  # delay and end in the recording, in samples
    for value, first, after in _runs(chosen):
        frames = first + np.flatnonzero(judged[first:after])
        if value < 0 or not len(frames):
            continue
        place = frames[[0, -1]] * hop
        delay = tracks[value].delays(place)
        if before is not None and delay[0] - before[0] >= STEP_S * rate:
            start = float(place[0] + before[0])
            insertions.append(Stretch(start / rate, float(place[0] + delay[0]) / rate))
        before = (float(delay[1]), float(place[1] + delay[1]))
    return tuple(insertions)
