"""Search for pieces of a reference in a recording, by block-wise normalised cross-correlation.

The waveforms are correlated in blocks of a second. A block is looked for where its neighbours were
found; only those that are not there are looked for everywhere. The first guess is where the
spectral envelopes of the two files agree best, so that even a steady tone is found as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from media.audio.spectra import HOP_S, Floats, Signal, frame_power, smooth
from media.compare.envelope import envelope_guesses

__all__ = ["Track", "find_closer", "find_tracks", "sharpened"]

BLOCK_S, STEP_S = 1.0, 0.5
NEAR_S = 0.024  # around a known delay: more than one packet of 20 ms
CLOSE_S = 0.06  # around the delays beside a gap: three packets of 20 ms
PIECE_S = 0.2  # of a gap, in which delays may have followed one another
LONGEST_GAP_S = 10.0  # longer delays or larger jumps are not from a jitter buffer; bounds memory
LOCAL_S = 2.0  # if a search of the whole file would take too long
APART_S = 0.002  # closer peaks are one peak
PEAKS = 4
SURE = 0.5  # a correlation in a block that chance does not reach
SHARE = 0.85  # a block is found if it reaches this share of the correlation of good blocks
WEAK = 0.99  # a lower share of it is looked for around other delays too
FAINT = 0.2  # lower peaks are ignored
SCANS, LONG_SCANS = 24, 8  # failed searches of the whole recording; then only near known delays
LONG_S = 600.0
NEAR_SCANS = 240  # failed searches near known delays
FAR_S = 0.1  # larger than the step of a jitter buffer
BESIDE_S = 0.04  # jitter buffer movement within such a position, with NEAR_S 64 ms
REPEATS = 6  # positions at which the same piece is searched
CHUNK = 1 << 18
MAX_TRACKS = 48
SEVERAL, FASTEST = 4, 0.001  # blocks that show the drift of a delay, of 1000 ppm at most
JUMP_S, DRIFT = 0.0005, 0.0003  # permitted variation of a track's delay: 0.5 ms, or 300 ppm (two clocks)


@dataclass(frozen=True, slots=True)
class Track:
    """A delay that applies to a part of the reference; it may drift. All values in samples."""

    at: Floats  # centres of the matched blocks in the reference
    delay: Floats  # the delay of each block
    score: float  # sum of the correlations
    start: int
    end: int

    def delays(self, at: NDArray[np.floating]) -> Floats:
        """The delay at positions in the reference; extrapolated with the same drift beyond the blocks."""
        first, last = self.at[[0, -1]]
        slope = (self.delay[-1] - self.delay[0]) / (last - first) if len(self.at) >= SEVERAL else 0.0
        beyond = at - np.clip(at, first, last)
        return np.asarray(np.interp(at, self.at, self.delay) + np.clip(slope, -FASTEST, FASTEST) * beyond)


@dataclass(frozen=True, slots=True)
class _Point:
    block: int
    delay: float
    correlation: float


def find_tracks(reference: Signal, recording: Signal, rate: int, active: NDArray[np.bool_]) -> list[Track]:
    """Candidate delays of parts of the reference in the recording, the most likely first.

    Both signals have the same `rate`; `active` says for each frame of 10 ms of the reference whether
    it is worth looking for.
    """
    search = _Search(reference, recording, rate, active)
    guesses = envelope_guesses(reference, recording, rate)
    points = [search.follow(search.blocks, guesses)]
    found = search.found(points[0])
    lost = [block for block in search.blocks if block not in found]
    scanned = search.scan(lost)
    points.append(scanned)
    points.append(search.follow(lost, [point.delay for point in scanned if point.correlation > SURE]))
    tracks = _tracks([point for group in points for point in group], search)
    beside = (0.0, -BESIDE_S * rate, BESIDE_S * rate)
    again = [
        point
        for delay in _far_apart(tracks, rate)
        for point in search.follow(search.blocks, [delay + offset for offset in beside])
    ]
    weak = search.weak(points[0])
    for track in tracks[:2]:  # around another delay they may match better: music almost repeats itself
        again += search.follow(weak, [float(np.median(track.delay))])
    return _tracks([point for group in (*points, again) for point in group], search) if again else tracks


class _Search:
    def __init__(self, reference: Signal, recording: Signal, rate: int, active: NDArray[np.bool_]) -> None:
        self.reference, self.recording, self.rate = reference, recording, rate
        self.size = min(round(BLOCK_S * rate), len(reference))
        self.step = max(1, round(STEP_S * rate))
        hop = max(1, round(HOP_S * rate))
        counts = np.concatenate([[0], np.cumsum(active)])
        last = max(0, len(reference) - self.size)
        starts = sorted({*range(0, last + 1, self.step), last})
        worth = [counts[min(len(active), (at + self.size) // hop)] - counts[at // hop] for at in starts]
        least = min(10, max(worth, default=0))
        self.blocks = [at for at, frames in zip(starts, worth, strict=True) if frames >= max(1, least)]
        self.floor = _floor(recording, rate) * self.size

    def follow(self, blocks: list[int], delays: list[float]) -> list[_Point]:
        """Search each block near the known delays, and update these from the matches."""
        known = list(dict.fromkeys(delays))[:8]
        points = []
        for block in blocks:
            best: _Point | None = None
            for index, delay in enumerate(known):
                point = self._near(block, delay)
                if point is not None and (best is None or point.correlation > best.correlation):
                    best = point
                    if point.correlation > SURE:
                        known.insert(0, known.pop(index))
                        known[0] = point.delay
                        break
            if best is not None:
                points.append(best)
        return points

    def found(self, points: list[_Point]) -> set[int]:
        """The blocks whose correlation is as good as that of most blocks."""
        if not points:
            return set()
        usual = float(np.percentile([point.correlation for point in points], 75))
        enough = max(SURE, SHARE * usual)
        return {point.block for point in points if point.correlation >= enough}

    def weak(self, points: list[_Point]) -> list[int]:
        """The blocks whose correlation is lower than that of most blocks."""
        usual = float(np.percentile([point.correlation for point in points], 75)) if points else 0.0
        return [point.block for point in points if point.correlation < WEAK * usual]

    def scan(self, blocks: list[int]) -> list[_Point]:
        """Search blocks in the whole recording, distant blocks first; only nearby after repeated failures."""
        points: list[_Point] = []
        known: list[float] = []
        scans = SCANS if len(self.recording) <= LONG_S * self.rate else LONG_SCANS
        fruitless = 0
        for block in _spread(blocks):
            if fruitless >= scans and (not known or fruitless >= scans + NEAR_SCANS):
                break
            near = [point for delay in known[-4:] if (point := self._near(block, delay)) is not None]
            good = [point for point in near if point.correlation >= SHARE]
            if good:
                points += good
                continue
            whole = fruitless < scans
            here = block + (known[-1] if known else 0)
            margin = round(LOCAL_S * self.rate)
            low, high = int(here) - margin, int(here) + margin + self.size
            if whole:
                low, high = 0, len(self.recording)
            peaks = self._scan(block, low, high)
            points += peaks
            best = max(peaks, key=lambda point: point.correlation, default=None)
            if best is not None and best.correlation > SURE:
                known.append(best.delay)
            else:
                fruitless += 1
        return points

    def _near(self, block: int, delay: float) -> _Point | None:
        margin = round(NEAR_S * self.rate)
        first = block + round(delay) - margin
        correlation = self._correlate(block, first, self.size + 2 * margin)
        if correlation is None:
            return None
        top = float(correlation.max())
        peaks = np.flatnonzero(correlation >= top - 0.01)
        peak = int(peaks[np.argmin(np.abs(peaks - margin))])
        while 0 < peak < len(correlation) - 1 and correlation[peak + 1] > correlation[peak]:
            peak += 1
        while peak > 0 and correlation[peak - 1] > correlation[peak]:
            peak -= 1
        return _Point(block, first - block + peak + _vertex(correlation, peak), float(correlation[peak]))

    def _scan(self, block: int, low: int, high: int) -> list[_Point]:
        """The best peaks of a block's correlation with recording[low:high], and half a block beyond."""
        low, high = max(low, 0) - self.size // 2, min(high, len(self.recording)) + self.size // 2
        apart = max(1, round(APART_S * self.rate))
        points: list[_Point] = []
        for first in range(low, high - self.size + 1, CHUNK):
            length = min(CHUNK + self.size, high - first)
            correlation = self._correlate(block, first, length)
            if correlation is None:
                continue
            rest = correlation.copy()
            for _ in range(PEAKS):
                peak = int(rest.argmax())
                if rest[peak] < FAINT:
                    break
                rest[max(0, peak - apart) : peak + apart + 1] = -1
                exact = first - block + peak + _vertex(correlation, peak)
                points.append(_Point(block, exact, float(correlation[peak])))
        return sorted(points, key=lambda point: -point.correlation)[:PEAKS]

    def _correlate(self, block: int, first: int, length: int) -> Floats | None:
        """Normalised correlation of a block with the positions from recording[first] on, or None."""
        piece = self.reference[block : block + self.size]
        return _correlation(piece, self.recording, first, length, self.floor)


def find_closer(
    reference: Signal, recording: Signal, rate: int, gaps: Iterable[tuple[int, int, float, float]]
) -> list[Track]:
    """Delays of parts that are too short for `find_tracks`, as after short jitter buffer slips.

    Each gap has its first sample in the reference, the sample after its last one, and the delays before and
    after it. Audio keeps its order, so the search covers the range between these delays and a little more.
    """
    floor = _floor(recording, rate)
    tracks = [track for gap in gaps for track in _within(gap, reference, recording, rate, floor)]
    return sorted(tracks, key=lambda track: -track.score)[:MAX_TRACKS]


def sharpened(
    track: Track, pieces: Iterable[tuple[int, int]], reference: Signal, recording: Signal, rate: int
) -> Track:
    """The track measured again in the pieces (first sample, sample after the last) to which it applies.

    A block of one second that spans a change of the delay yields a value between the two delays.
    """
    half, floor = BLOCK_S * rate / 2, _floor(recording, rate)
    ends = [(start, end) for start, end in pieces if end > start]
    inside = np.array([any(a <= at - half and at + half <= b for a, b in ends) for at in track.at], np.bool_)
    points = list(zip(track.at[inside].tolist(), track.delay[inside].tolist(), strict=True))
    for start, end in ends:
        size = min(round(BLOCK_S * rate), end - start)
        for first in {start, end - size}:
            middle = first + size / 2
            guess = round(float(track.delays(np.array([middle]))[0]))
            margin = round(JUMP_S * rate) + 1
            place, width = first + guess - margin, size + 2 * margin
            found = _correlation(reference[first : first + size], recording, place, width, floor * size)
            if found is not None and found.max() > SURE:
                peak = int(found.argmax())
                points.append((middle, guess - margin + peak + _vertex(found, peak)))
    if not points:
        return track
    at, delay = np.array(sorted(dict(points).items())).T
    return replace(track, at=at, delay=delay)


def _within(
    gap: tuple[int, int, float, float], reference: Signal, recording: Signal, rate: int, floor: float
) -> list[Track]:
    """The matches in one gap, as a whole and piece by piece; of pieces at the same delay the first."""
    start, end, before, after = gap
    margin = round(CLOSE_S * rate)
    low, high = round(min(before, after)) - margin, round(max(before, after)) + margin
    if max(end - start, high - low) > LONGEST_GAP_S * rate:
        return []
    tracks: list[Track] = []
    for first, last in _pieces(start, end, round(PIECE_S * rate)):
        piece, width = reference[first:last], last - first + high - low
        correlation = _correlation(piece, recording, first + low, width, floor * len(piece))
        if correlation is None or correlation.max() < SURE:
            continue
        peak = int(correlation.argmax())
        delay = low + peak + _vertex(correlation, peak)
        if all(abs(track.delay[0] - delay) >= JUMP_S * rate for track in tracks):
            tracks.append(
                Track(
                    at=np.array([(first + last) / 2]),
                    delay=np.array([delay]),
                    score=float(correlation[peak]),
                    start=max(0, start - margin),
                    end=min(len(reference), end + margin),
                )
            )
    return tracks


def _pieces(start: int, end: int, size: int) -> list[tuple[int, int]]:
    """The whole gap and, if it is longer, half-overlapping pieces of `size` samples."""
    inner = range(start, max(start, end - size), size // 2)
    return [(start, end), *((at, at + size) for at in inner), *([(end - size, end)] if inner else [])]


def _floor(recording: Signal, rate: int) -> float:
    """The power per sample below which a recording counts as silent."""
    loud = float(np.percentile(frame_power(recording, rate), 99)) if len(recording) else 0.0
    return max(1e-4 * loud, 1e-12)


def _correlation(piece: Signal, recording: Signal, first: int, length: int, floor: float) -> Floats | None:
    """Normalised correlation of a piece with the positions in recording[first : first + length], or None.

    `floor` is the minimum energy assumed for a position.
    """
    begin, end = max(first, 0), min(first + length, len(recording))
    if begin >= end or length < len(piece):
        return None
    region = np.zeros(length, np.float32)
    region[begin - first : end - first] = recording[begin:end]
    size = smooth(length)
    spectrum = np.fft.rfft(region, size) * np.conj(np.fft.rfft(piece, size))
    product = np.fft.irfft(spectrum, size)[: length - len(piece) + 1].astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(np.square(region), dtype=np.float64)])
    energy = np.maximum(sums[len(piece) :] - sums[: -len(piece)], floor)
    own = float(np.square(piece).sum(dtype=np.float64))
    return np.asarray(product / np.sqrt(energy * max(own, 1e-12)))


def _tracks(points: list[_Point], search: _Search) -> list[Track]:
    """Combine points with similar delays into tracks."""
    chains: list[list[_Point]] = []
    for point in sorted(points, key=lambda point: (point.block, -point.correlation)):
        if point.correlation < FAINT:
            continue
        for chain in reversed(chains):
            last = chain[-1]
            if abs(point.delay - last.delay) <= JUMP_S * search.rate + DRIFT * (point.block - last.block):
                if point.block > last.block:
                    chain.append(point)
                break
        else:
            chains.append([point])
    reach = search.size
    tracks = [
        Track(
            at=np.array([point.block + search.size / 2 for point in chain]),
            delay=np.array([point.delay for point in chain]),
            score=sum(point.correlation for point in chain),
            start=max(0, chain[0].block - reach),
            end=min(len(search.reference), chain[-1].block + search.size + reach),
        )
        for chain in chains
    ]
    return sorted(tracks, key=lambda track: -track.score)[:MAX_TRACKS]


def _far_apart(tracks: list[Track], rate: int) -> list[float]:
    """The delays of the most likely tracks, if they differ by more than a jitter buffer moves.

    Then audio was cut out or the reference repeats itself, and each block may have any of the delays.
    """
    delays: list[float] = []
    for track in tracks:
        delay = float(np.median(track.delay))
        if all(abs(delay - other) > FAR_S * rate for other in delays):
            delays.append(delay)
    return delays[:REPEATS] if len(delays) > 1 else []


def _spread(blocks: list[int]) -> list[int]:
    """The blocks in an order from distant to near: every 16th, then those between."""
    order: list[int] = []
    for stride in (16, 8, 4, 2, 1):
        order += blocks[::stride]
    return list(dict.fromkeys(order))


def _vertex(values: Floats, peak: int) -> float:
    """The top of the parabola through a peak and its neighbours, relative to the peak."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = values[peak - 1 : peak + 2]
    bend = before - 2 * top + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
