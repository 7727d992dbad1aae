"""Owns the verdict whether a recording holds a reference, and its numbers; it must not know of calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from media.align import Alignment, Flags, Stretch, active_frames, align, gaps_of
from media.measure import Totals, Window, measure
from media.spectra import HOP_S, Signal, frame_power
from media.wav import Audio, AudioError, resample

__all__ = ["Comparison", "Gap", "Insertion", "Options", "Window", "compare"]

LOWEST_RATE, NARROWBAND, WIDEBAND = 4000, 8000, 16000
SILENT_POWER = 10**-6.5  # -65 dBFS
FULL_SCALE = 0.98  # the largest values of A-law and mu-law are 0.984 and 0.980
LISTED = 5  # stretches that a reason names
DC = 1e-5  # a third of a 16-bit step
FOUND = 0.15  # with less of the reference recognised, numbers would describe chance
NARROW = 0.1  # of the expected power above 4 kHz


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a recording.

    `ignore`: stretches of the reference, (start_s, end_s), that need not arrive, for instance while
    RFC 4733 digits replaced the audio.

    `max_missing_ms`: how much active audio in all may be missing between the first and the last that
    arrived. The default, three packets of 20 ms, forgives a lost packet or a jitter buffer that settles;
    a spoken syllable (100 ms and more) cannot hide in it.

    `max_edge_ms`: how much may be missing at the start and at the end, each: a recorder starts
    after the media, and the last packets are under way when a call ends.

    `max_inserted_ms`: by how much in all later audio may be delayed (the usual maximum of a jitter buffer).

    `min_correlation`: of the waveforms, after alignment. Codecs in real calls gave 0.90 (iLBC, GSM, speex)
    to 1.00 (G.711, G.722); noise or another voice as strong as the speech gives 0.73.

    `max_distance_db`: a codec that keeps the sound but not the waveform may correlate by half of that,
    if the spectra differ by no more than this in nine tenths of the frames. Codecs in real calls gave
    0.1 to 2.8 dB, another voice as strong as the speech 10 dB, other speech more than 25 dB.

    `min_snr_db`: ask for quality too; None asks for nothing.

    `level_db`: least and greatest change of level. `window_s`: how long a window of the result is.
    """

    ignore: Sequence[tuple[float, float]] = ()
    max_missing_ms: float = 60.0
    max_edge_ms: float = 200.0
    max_inserted_ms: float = 200.0
    min_correlation: float = 0.75
    max_distance_db: float = 4.0
    min_snr_db: float | None = None
    level_db: tuple[float, float] = (-30.0, 20.0)
    window_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of the reference that is not in the recording; `start_s` in the reference."""

    start_s: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Insertion:
    """A stretch between matched parts that the reference does not have; `start_s` in the recording."""

    start_s: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a recording says of a reference; a number that could not be measured is None.

    `reasons` is empty when `matched`. `delay_ms` is where in the recording the reference begins, negative
    when the recording misses its beginning. `level_db` is the recording relative to the reference.
    `snr_db` and `correlation` are of what arrived, after alignment and gain in each window; `snr_db`
    is the ratio to everything that is not the reference: noise, codec, foreign audio, also in pauses,
    below 0.45 of `rate` (what resamplers let through).
    `missing_ms` is the sum of the `gaps`, `inserted_ms` of the `insertions`; both have a resolution
    of about 10 ms and see nothing shorter than 20 ms, or what a codec conceals. `distance_db` is what the
    spectra differ by at most in nine tenths of the frames. `clipped` is the fraction of the recording's
    samples at full scale. `rate` is the rate in Hz at which the two were compared: 8000 when the
    recording has no audio above 4 kHz, else up to 16000.
    """

    matched: bool
    reasons: tuple[str, ...]
    delay_ms: float | None = None
    correlation: float | None = None
    level_db: float | None = None
    snr_db: float | None = None
    distance_db: float | None = None
    missing_ms: float | None = None
    gaps: tuple[Gap, ...] = ()
    inserted_ms: float | None = None
    insertions: tuple[Insertion, ...] = ()
    windows: tuple[Window, ...] = field(default=(), repr=False)
    clipped: float | None = None
    silent: bool = False
    rate: int = NARROWBAND


def compare(reference: Audio, recording: Audio, *, options: Options | None = None) -> Comparison:
    """Whether the reference is in the recording, where, and how well.

    The recording may have more before and after, and the reference several times in a row: the first
    whole one counts. Only the reference's active parts are judged. Where a steady tone begins is known
    to about 10 ms. Inverted polarity is not recognised. Raises AudioError when the reference is silent,
    a rate is below 4000 Hz, or `options` make no sense.
    """
    options = options or Options()
    if options.window_s < 2 * HOP_S:
        raise AudioError(f"a window of {options.window_s:g} s is too short; use at least {2 * HOP_S:g} s")
    low = min(NARROWBAND, reference.rate, recording.rate) // 100 * 100  # a whole number of samples in 10 ms
    if low < LOWEST_RATE:
        raise AudioError(
            f"audio at less than {LOWEST_RATE} Hz cannot be compared; use a file at 8000 Hz or more"
        )
    narrow_reference, narrow_recording = _at(reference, low), _at(recording, low)
    active = active_frames(narrow_reference, low)
    judged = active & ~_ignored(len(active), options.ignore)
    if not judged.any():
        ignored = " that is not ignored" if active.any() else ""
        raise AudioError(f"the reference is silent: nothing{ignored} is above -60 dBFS; use one with audio")
    reason = _unheard(recording, narrow_recording, low)
    if reason:
        return _nothing(reason, _gaps(gaps_of(np.full(len(judged), -1), judged)), recording, low, silent=True)

    alignment = align(narrow_reference, narrow_recording, low, active, judged)
    gaps = _gaps(alignment.gaps)
    share = int(alignment.arrived.sum()) / int(judged.sum())
    if share < FOUND:
        reason = f"the reference is not in the recording: {share:.0%} of its active audio was recognised"
        return _nothing(reason, gaps, recording, low)
    signals = narrow_reference, narrow_recording
    rate = _common_rate(reference, recording, signals, low)
    if rate != low:
        signals = resample(reference, rate).samples, resample(recording, rate).samples
    totals, windows = measure(signals, rate, alignment, low, options.window_s)
    insertions = tuple(Insertion(*_rounded(one)) for one in alignment.insertions)
    distance = float(np.percentile(alignment.distance_db[alignment.arrived], 90))
    reasons = (*_incomplete(options, alignment, gaps, insertions), *_poor(options, totals, distance))
    return Comparison(
        matched=not reasons,
        reasons=reasons,
        delay_ms=_delay_ms(alignment, low),
        correlation=totals.correlation,
        level_db=totals.level_db,
        snr_db=totals.snr_db,
        distance_db=distance,
        missing_ms=_total(gaps),
        gaps=gaps,
        inserted_ms=_total(insertions),
        insertions=insertions,
        windows=windows,
        clipped=_clipped(recording),
        rate=rate,
    )


def _at(audio: Audio, rate: int) -> Signal:
    """The samples at a rate, without their DC."""
    samples = resample(audio, rate).samples
    mean = float(samples.mean(dtype=np.float64)) if len(samples) else 0.0
    return samples if abs(mean) < DC else samples - np.float32(mean)


def _ignored(count: int, stretches: Sequence[tuple[float, float]]) -> Flags:
    """Frames that touch a stretch, and one on each side, whose window does."""
    ignored = np.zeros(count, np.bool_)
    for start_s, end_s in stretches:
        if not 0 <= start_s < end_s:
            raise AudioError(f"cannot ignore {start_s:g} s to {end_s:g} s; give start and end in this order")
        ignored[max(0, int(start_s / HOP_S) - 1) : int(np.ceil(end_s / HOP_S)) + 1] = True
    return ignored


def _unheard(recording: Audio, narrow: Signal, rate: int) -> str:
    """Why there is nothing to compare with: the recording is empty or silent; or nothing."""
    if len(narrow) == 0:
        return "the recording is empty"
    loudest = float(frame_power(narrow, rate).max())
    if loudest >= SILENT_POWER:
        return ""
    level = "digital silence" if loudest <= 0 else f"at most {10 * np.log10(loudest):.0f} dBFS"
    return f"the recording is silent: {recording.duration_s:.1f} s of {level}"


def _nothing(
    reason: str, gaps: tuple[Gap, ...], recording: Audio, rate: int, *, silent: bool = False
) -> Comparison:
    """The verdict on a recording without the reference: what was not found has no delay, no SNR, no level."""
    missing = _total(gaps)
    return Comparison(
        False, (reason,), missing_ms=missing, gaps=gaps, clipped=_clipped(recording), silent=silent, rate=rate
    )


def _common_rate(reference: Audio, recording: Audio, narrow: tuple[Signal, Signal], low: int) -> int:
    """16 kHz when both have that much and the recording's share above 4 kHz is like the reference's."""
    if min(reference.rate, recording.rate) < WIDEBAND:
        return low
    expected, heard = _high_share(reference, narrow[0]), _high_share(recording, narrow[1])
    return WIDEBAND if heard >= NARROW * expected else low


def _high_share(audio: Audio, narrow: Signal) -> float:
    """The share of the power, up to 8 kHz, that is above 4 kHz."""
    whole = _power(resample(audio, WIDEBAND).samples)
    return max(0.0, 1 - _power(narrow) / whole) if whole > 0 else 0.0


def _power(samples: Signal) -> float:
    """Mean power without DC, in no more memory than the samples have."""
    mean = float(samples.mean(dtype=np.float64))
    return max(0.0, float(np.vdot(samples, samples)) / len(samples) - mean**2)


def _clipped(recording: Audio) -> float | None:
    if not len(recording.samples):
        return None
    samples = recording.samples
    return int(np.count_nonzero(samples >= FULL_SCALE) + np.count_nonzero(samples <= -FULL_SCALE)) / len(
        samples
    )


def _delay_ms(alignment: Alignment, rate: int) -> float | None:
    """The delay of the first stretch that arrived."""
    frames = np.flatnonzero(alignment.arrived)
    if not len(frames):
        return None
    first = alignment.tracks[int(alignment.track[frames[0]])]
    return round(float(first.delays(np.array([frames[0] * HOP_S * rate]))[0]) * 1000 / rate, 3) + 0.0


def _rounded(stretch: Stretch) -> tuple[float, float]:
    """Start in s and duration in ms."""
    return round(stretch.start_s, 4), round(1000 * (stretch.end_s - stretch.start_s), 1)


def _gaps(stretches: Sequence[Stretch]) -> tuple[Gap, ...]:
    return tuple(Gap(*_rounded(stretch)) for stretch in stretches)


def _total(stretches: Sequence[Gap | Insertion]) -> float:
    return round(sum(one.duration_ms for one in stretches), 1)


def _incomplete(
    options: Options, alignment: Alignment, gaps: tuple[Gap, ...], insertions: tuple[Insertion, ...]
) -> list[str]:
    """What is missing or too much."""
    reasons = []
    judged = np.flatnonzero(alignment.judged) * HOP_S
    head = [gap for gap in gaps if gap.start_s <= judged[0] + HOP_S / 2]
    tail = [gap for gap in gaps if gap.start_s + gap.duration_ms / 1000 >= judged[-1] + HOP_S / 2]
    middle = [gap for gap in gaps if gap not in head and gap not in tail]
    for edge, name in ((head, "beginning"), (tail, "end")):
        lost = _total(edge)
        if lost > options.max_edge_ms:
            allowed = f"at most {options.max_edge_ms:g} ms may be"
            reasons.append(f"{lost:.0f} ms of the {name} are missing, {allowed}")
    lost = _total(middle)
    if lost > options.max_missing_ms:
        allowed = f"at most {options.max_missing_ms:g} ms may be"
        reasons.append(f"{lost:.0f} ms are missing ({_where(middle)}), {allowed}")
    inserted = _total(insertions)
    if inserted > options.max_inserted_ms:
        allowed = f"at most {options.max_inserted_ms:g} ms may be"
        reasons.append(f"{inserted:.0f} ms were inserted ({_where(insertions)}), {allowed}")
    return reasons


def _where(stretches: Sequence[Gap | Insertion]) -> str:
    listed = ", ".join(f"{one.duration_ms:.0f} ms at {one.start_s:.2f} s" for one in stretches[:LISTED])
    return f"{listed} and {len(stretches) - LISTED} more" if len(stretches) > LISTED else listed


def _poor(options: Options, totals: Totals, distance_db: float) -> list[str]:
    """What is wrong with the quality of what arrived."""
    poor = []
    if totals.correlation is None or totals.level_db is None:
        return ["what arrived is too weak to be measured"]
    similar = distance_db <= options.max_distance_db
    if totals.correlation < options.min_correlation * (0.5 if similar else 1.0):
        poor.append(
            f"the waveforms correlate by {totals.correlation:.2f}, at least {options.min_correlation:g} "
            f"is asked, and the spectra differ by {distance_db:.1f} dB, "
            f"at most {options.max_distance_db:g} dB may be"
        )
    if options.min_snr_db is not None and (totals.snr_db is None or totals.snr_db < options.min_snr_db):
        measured = "could not be measured" if totals.snr_db is None else f"is {totals.snr_db:.1f} dB"
        poor.append(f"the SNR {measured}, at least {options.min_snr_db:g} dB is asked")
    low, high = options.level_db
    if not low <= totals.level_db <= high:
        poor.append(f"the level changed by {totals.level_db:+.1f} dB, {low:+g} to {high:+g} dB are allowed")
    return poor
