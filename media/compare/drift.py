"""Clock drift between two parties, estimated from an aligned recording (Theil-Sen estimator).

The delay is measured again in short blocks near the known delay. Clocks 1000 ppm apart shift a block of one
second by 8 samples within itself, which blurs its correlation; a block of 200 ms shifts by less than two
samples. The drift is the median slope over pairs of blocks without a jitter buffer step between them.
"""

from __future__ import annotations

import numpy as np

from media.audio.spectra import HOP_S, Floats, Signal, smooth

__all__ = ["drift_ppm"]

BLOCK_S, STEP_S = 0.2, 0.1
REACH_S = 0.003  # around the known delay: half a period of a deep voice
ALIKE = 0.6  # of the waveforms: a smaller one does not locate a block
EQUAL = 0.01  # peaks that differ by less are equal, and the nearest one counts (a steady tone)
LEAST, SPAN_S = 12, 3.0  # minimum number of blocks, and the span that contains them
NEAR_S, FAR_S = 0.6, 4.0  # distance of the two blocks of a pair
JUMP_S, FASTEST = 0.001, 0.003  # a larger change of the delay from block to block is a step, not drift
CERTAIN_PPM = 100.0  # a slope with a larger standard error is not reported
MOST = 1200  # maximum number of blocks; longer files use fewer per second
BATCH = 512  # blocks processed at a time: bounds memory
TINY = 1e-12


def drift_ppm(reference: Signal, recording: Signal, rate: int, delays: Floats) -> float | None:
    """The growth of the delay in parts per million; None if too little of the recording matches.

    `delays` are those of the reference's frames of 10 ms in samples, NaN for those that did not arrive.
    """
    at, delay = _places(reference, recording, rate, delays)
    if len(at) < LEAST or float(at[-1] - at[0]) < SPAN_S * rate:
        return None
    slopes = _slopes(at, delay, rate)
    if len(slopes) < LEAST:
        return None
    slope = float(np.median(slopes))
    if _error(at, delay - slope * at, rate) > CERTAIN_PPM * 1e-6:
        return None
    return round(1e6 * slope, 2) + 0.0


def _error(at: Floats, rest: Floats, rate: int) -> float:
    """The standard error of the slope, from non-overlapping blocks (least squares)."""
    span = min(float(at[-1] - at[0]), FAR_S * rate)
    deviation = 1.4826 * float(np.median(np.abs(rest[2:] - rest[:-2]))) / 2**0.5
    return float(deviation * (12 / (len(at) * STEP_S / BLOCK_S)) ** 0.5 / span)


def _places(reference: Signal, recording: Signal, rate: int, delays: Floats) -> tuple[Floats, Floats]:
    """The centres of the matched blocks and their delays, in samples."""
    frames, step, size = round(BLOCK_S / HOP_S), round(STEP_S / HOP_S), round(BLOCK_S * rate)
    count = len(reference) // round(HOP_S * rate)
    firsts = np.arange(0, max(0, count - frames + 1), step)
    if not len(firsts):
        return np.zeros(0), np.zeros(0)
    block_delays = np.lib.stride_tricks.sliding_window_view(delays, frames)[firsts]
    firsts, block_delays = (
        values[np.ptp(block_delays, axis=1) < REACH_S * rate] for values in (firsts, block_delays)
    )  # false for NaN
    thin = slice(None, None, -(-len(firsts) // MOST) or 1)
    starts = (firsts[thin] * HOP_S * rate).round().astype(np.intp)
    guess = np.rint(np.median(block_delays[thin], axis=1)).astype(np.intp)
    reach = round(REACH_S * rate)
    padded = np.pad(recording, (size + reach, size + reach))
    own = np.lib.stride_tricks.sliding_window_view(reference, size)
    received = np.lib.stride_tricks.sliding_window_view(padded, size + 2 * reach)
    where = np.clip(starts + guess + size, 0, len(received) - 1)
    parts = [
        _nearby(own[starts[at : at + BATCH]], received[where[at : at + BATCH]])
        for at in range(0, len(starts), BATCH)
    ]
    moved, alike = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else ((), ())
    clear = np.asarray(alike) > ALIKE
    return (starts + size / 2)[clear], (guess + moved)[clear]


def _nearby(own: Signal, received: Signal) -> tuple[Floats, Floats]:
    """The offset at which each row correlates best within the wider row `heard`, and that correlation."""
    size, reach = own.shape[1], (received.shape[1] - own.shape[1]) // 2
    points = smooth(received.shape[1])
    cross = np.fft.rfft(received, points) * np.conj(np.fft.rfft(own, points))
    sums = np.cumsum(np.pad(np.square(received, dtype=np.float64), ((0, 0), (1, 0))), axis=1)
    energy = (sums[:, size:] - sums[:, :-size]) * np.square(own, dtype=np.float64).sum(axis=1, keepdims=True)
    alike = np.fft.irfft(cross, points)[:, : 2 * reach + 1] / np.sqrt(np.maximum(energy, 0) + TINY)
    far = np.abs(np.arange(-reach, reach + 1))
    top = alike.max(axis=1, keepdims=True)
    rows, peak = np.arange(len(alike)), np.where(alike >= top - EQUAL, far, reach + 1).argmin(axis=1)
    for _ in range(2):  # the nearest good position may be beside the top of its peak
        inner = np.clip(peak, 1, 2 * reach - 1)
        peak = inner - 1 + np.stack([alike[rows, inner + by] for by in (-1, 0, 1)]).argmax(axis=0)
    inner = np.clip(peak, 1, 2 * reach - 1)
    before, middle, after = (alike[rows, inner + by] for by in (-1, 0, 1))
    bend = before - 2 * middle + after
    vertex = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend), where=bend < -TINY)
    on_edge = (peak == 0) | (peak == 2 * reach)
    place = inner - reach + np.clip(vertex, -0.5, 0.5)
    return np.asarray(place, np.float64), np.where(on_edge, 0.0, middle)


def _slopes(at: Floats, delay: Floats, rate: int) -> Floats:
    """The slopes between near but non-overlapping blocks without a step between them."""
    slopes = [np.zeros(0)]
    part = _parts(at, delay, rate)
    for apart in range(1, min(len(at), round(FAR_S / STEP_S) + 1)):
        time, change = at[apart:] - at[:-apart], delay[apart:] - delay[:-apart]
        near = (time >= NEAR_S * rate) & (time <= FAR_S * rate)
        near &= part[apart:] == part[:-apart]
        slopes.append(change[near] / time[near])
    return np.concatenate(slopes)


def _parts(at: Floats, delay: Floats, rate: int) -> Floats:
    """A number for each block; it changes where the median of three delays does by a step."""
    middle = np.lib.stride_tricks.sliding_window_view(np.pad(delay, 1, "edge"), 3)
    steps = np.abs(np.diff(np.median(middle, axis=1))) > JUMP_S * rate + FASTEST * np.diff(at)
    return np.concatenate([[0.0], np.cumsum(steps)])
