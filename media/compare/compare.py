"""Full-reference comparison of a recording with the played audio: position, missing audio, quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from media.audio.band import in_band
from media.audio.hiss import hiss_share
from media.audio.levels import Flags, Stretch
from media.audio.spectra import HOP_S, Floats, Signal, frame_power
from media.audio.wav import Audio, AudioError, resample
from media.compare.align import Alignment, active_frames, align, gaps_of
from media.compare.calibration import PASSES, keeps_waveform
from media.compare.concealment import Aligned, Concealment, concealment
from media.compare.drift import drift_ppm
from media.compare.echo import Echo, find_echo
from media.compare.level_steps import level_step_db
from media.compare.measure import Totals, Window, measure
from media.compare.remainder import remainder
from media.compare.replaced import Placed, Replaced, replaced
from media.compare.replaced_models import weights_of
from media.compare.similarity import similarity
from media.compare.verdict import Comparison, Findings, Gap, Insertion, Options, faults, total_ms

__all__ = ["Comparison", "Gap", "Insertion", "Options", "Window", "compare"]

LOWEST_RATE, NARROWBAND, WIDEBAND = 4000, 8000, 16000
SILENT_POWER = 10**-6.5  # -65 dBFS
FULL_SCALE = 0.98  # the largest values of A-law and mu-law are 0.984 and 0.980
BLOCK = 1 << 20  # samples processed at a time: bounds memory
LOUDEST = 1e3  # times full scale: the squares of far larger samples exceed the range of floats
TINY = 1e-20
LONG_S = 600.0  # longer audio is measured at 8 kHz, whatever it has: bounds memory
LEAST = 15  # frames: speech contains shorter matches by chance
FOUND = 0.15  # with a smaller recognised share, numbers would describe chance
NARROW = 0.1  # of the expected power above 4 kHz
SAME = 0.9  # correlation at which an insertion repeats the audio before it
LONGEST_REPEAT_S = 1.0  # the longest repetition of a jitter buffer
SLACK_S = 0.015  # a receiver that stretches audio repeats whole pitch periods, not just the inserted part


def compare(
    reference: Audio, recording: Audio, *, options: Options | None = None, sent: Audio | None = None
) -> Comparison:
    """Compare a recording with its reference: whether it is there, where, and how well.

    The recording may have more before and after, and the reference several times in a row: the first whole
    one counts. Only the reference's active parts are judged, between 300 Hz and 0.45 of the rate. Where a
    steady tone begins is known to about 10 ms. Inverted polarity is not recognised. `sent` is the audio
    that the recording party played from the start of the recording; it is searched for as echo. Raises
    AudioError when the reference (or `sent`) is silent or has less than 150 ms of audio, samples exceed
    full scale a thousand times, a rate is below 4000 Hz, or `options` make no sense.
    """
    options = options or Options()
    _check(options)
    _check_scale(reference, "the reference")
    _check_scale(recording, "the recording")
    low = min(NARROWBAND, reference.rate, recording.rate) // 100 * 100  # a whole number of samples in 10 ms
    if low < LOWEST_RATE:
        raise AudioError(
            f"audio at less than {LOWEST_RATE} Hz cannot be compared; use a file at 8000 Hz or more"
        )
    narrow = _at(reference, low), _at(recording, low)
    active = active_frames(narrow[0], low)
    ignored = _ignored(len(active), options.ignore)
    judged = active & ~ignored
    if not judged.any():
        left = " that is not ignored" if active.any() else ""
        where = f"between 300 and {0.45 * low:.0f} Hz"
        raise AudioError(
            f"the reference is silent: nothing{left} is above -60 dBFS {where}; use one with audio"
        )
    if judged.sum() < LEAST:
        short = f"the reference has only {1000 * HOP_S * int(judged.sum()):.0f} ms of audio"
        raise AudioError(f"{short}, which is found in any speech by chance; use one with 150 ms or more")
    reason = _silence_reason(recording, narrow[1], low)
    if reason:
        return _nothing(reason, _gaps(gaps_of(np.full(len(judged), -1), judged)), recording, low, silent=True)
    alignment = align(*narrow, low, active, judged)
    share = int(alignment.arrived.sum()) / int(judged.sum())
    if share < FOUND:
        echo = find_echo(sent, recording) if sent is not None else None
        reason = f"the reference is not in the recording: {share:.0%} of its active audio was recognised"
        return _nothing(reason, _gaps(alignment.gaps), recording, low, echo=echo)
    echo = None
    if sent is not None:
        echo = find_echo(sent, Audio(remainder(*narrow, low, _delays(alignment, low)), low))
    case = _Case(reference, recording, narrow, low)
    return _judged(case, alignment, options, ~ignored, echo)


@dataclass(frozen=True, slots=True)
class _Case:
    """The inputs of a comparison: the files as they are, and their telephone band at the rate `low`."""

    reference: Audio
    recording: Audio
    narrow: tuple[Signal, Signal]
    low: int


def _judged(
    case: _Case, alignment: Alignment, options: Options, counted: Flags, echo: Echo | None
) -> Comparison:
    """The measurements and the verdict for a recording with at least part of the reference."""
    narrow, low = case.narrow, case.low
    rate, signals = _common(case)
    other = _replaced(case, alignment, options, counted)
    if other:
        alignment = replace(alignment, track=other.track, gaps=gaps_of(other.track, alignment.judged))
    totals, windows = measure(signals, rate, alignment, low, options.window_s)
    delays = _delays(alignment, low)
    concealed = _concealed(case, alignment, options, counted)
    frames = np.flatnonzero(alignment.judged) * HOP_S
    worse = other if other and concealed and other.total_s > concealed.total_s else concealed
    gaps = _gaps(alignment.gaps, worse.stretches if worse else ())
    found = Findings(
        edges=(float(frames[0]) + HOP_S / 2, float(frames[-1]) + HOP_S / 2),
        gaps=gaps,
        insertions=tuple(_insertion(insertion, narrow[1], low) for insertion in alignment.insertions),
        totals=totals,
        similarity=similarity(*narrow, low, alignment),
        hiss=_hiss(case, alignment, totals, options),
        distance_db=float(np.percentile(alignment.distance_db[alignment.arrived], 90)),
        drift_ppm=drift_ppm(*narrow, low, delays),
        level_step_db=level_step_db(*narrow, low, delays, alignment.judged),
        concealed_ms=round(1000 * worse.total_s, 1) if worse else None,
        judged_ms=1000 * worse.judged_s if worse else 0.0,
        arrived_ms=1000 * HOP_S * int(alignment.arrived.sum()),
        active_ms=1000 * HOP_S * int(alignment.judged.sum()),
    )
    reasons = faults(found, options)
    if echo is not None:
        reasons = (
            *reasons,
            f"the own audio came back at {echo.level_db:+.0f} dB after {echo.delay_ms:.0f} ms",
        )
    silent = total_ms([gap for gap in gaps if not gap.concealed])
    return Comparison(
        matched=not reasons,
        reasons=reasons,
        delay_ms=_delay_ms(alignment, low),
        drift_ppm=found.drift_ppm,
        level_step_db=found.level_step_db,
        correlation=totals.correlation,
        similarity=found.similarity.correlation if found.similarity else None,
        deviation_db=found.similarity.deviation_db if found.similarity else None,
        level_db=totals.level_db,
        snr_db=totals.snr_db,
        segmental_snr_db=totals.segmental_snr_db,
        distance_db=found.distance_db,
        missing_ms=round(silent + (found.concealed_ms or 0.0), 1),
        concealed_ms=found.concealed_ms,
        gaps=gaps,
        inserted_ms=total_ms(found.insertions),
        insertions=found.insertions,
        windows=windows,
        clipped=_clipped(case.recording),
        echo=echo,
        rate=rate,
    )


def _check(options: Options) -> None:
    if options.window_s < 2 * HOP_S:
        raise AudioError(f"a window of {options.window_s:g} s is too short; use at least {2 * HOP_S:g} s")
    if options.passes not in PASSES:
        measured = " or ".join(map(str, PASSES))
        raise AudioError(f"{options.passes} passes of a codec were never measured; give {measured}")
    if not 5 <= options.packet_ms <= 200:
        raise AudioError(f"packets of {options.packet_ms:g} ms are not used in telephony; give 10 to 60 ms")


def _check_scale(audio: Audio, name: str) -> None:
    samples = audio.samples
    if len(samples) and max(float(samples.max()), -float(samples.min())) > LOUDEST:
        raise AudioError(f"{name} has samples beyond {LOUDEST:g}, where full scale is 1; divide by its peak")


def _hiss(case: _Case, alignment: Alignment, totals: Totals, options: Options) -> float:
    """The share of hiss in the reference, which may excuse its waveform; 0 if nothing needs an excuse."""
    limits = options.limits
    if not limits.hiss_loss or totals.correlation is None or totals.correlation >= limits.correlation:
        return 0.0
    return hiss_share(case.narrow[0], case.low, np.flatnonzero(alignment.judged))


def _concealed(case: _Case, alignment: Alignment, options: Options, counted: Flags) -> Concealment | None:
    """The concealed audio; None at rates without a model."""
    rate, (reference, recording) = case.low, case.narrow
    if rate != NARROWBAND:
        return None
    aligned = alignment.apply(recording, rate, len(reference))
    pair = Aligned(reference, aligned, rate, (alignment.track >= 0) & counted)
    twice = options.passes > 1 and not keeps_waveform(options.codec)
    return concealment(pair, packet_s=options.packet_ms / 1000, codec=options.codec, twice=twice)


def _replaced(case: _Case, alignment: Alignment, options: Options, counted: Flags) -> Replaced | None:
    """The replaced audio; None at rates without a model.

    The models apply to one pass of a codec: the waveform after a second pass looks replaced.
    """
    if case.low != NARROWBAND or (options.passes > 1 and not keeps_waveform(options.codec)):
        return None
    delays = alignment.delays(np.arange(len(alignment.track)), case.low)
    placed = Placed(*case.narrow, alignment.track, delays, alignment.judged & counted)
    return replaced(placed, weights_of(options.codec))


def _insertion(stretch: Stretch, recording: Signal, rate: int) -> Insertion:
    """An insertion, and whether it repeats the audio before it."""
    start, end = round(stretch.start_s * rate), round(stretch.end_s * rate)
    return Insertion(*_rounded(stretch), repeated=_repeats(recording, start, end - start, rate))


def _repeats(recording: Signal, start: int, size: int, rate: int) -> bool:
    """Whether `size` samples, from about `start` on, repeat the samples before them.

    Either of two equal parts may be called the inserted one, and so may any `size` samples across both: the
    second one begins anywhere between the start and the end of the insertion.
    """
    if not 0 < size <= LONGEST_REPEAT_S * rate:
        return False
    first = max(0, start - min(size // 2, round(HOP_S * rate)))
    piece = recording[first : start + 2 * size + (start - first)]
    own = _moving_sums(np.square(piece), size)
    slack = min(size // 4, round(SLACK_S * rate))
    for lag in range(size - slack, min(size + slack, first) + 1):
        before = recording[first - lag : first - lag + len(piece)]
        energy = own * _moving_sums(np.square(before), size)
        if bool((_moving_sums(piece * before, size) > SAME * np.sqrt(energy) + TINY).any()):
            return True
    return False


def _moving_sums(values: Signal, size: int) -> Floats:
    """The sums of `size` consecutive values from each position; never negative for squares."""
    sums = np.cumsum(np.concatenate([[0.0], values]), dtype=np.float64)
    return np.asarray(sums[size:] - sums[:-size]) if len(sums) > size else np.zeros(0)


def _at(audio: Audio, rate: int) -> Signal:
    """The telephone band of audio at a rate."""
    return in_band(resample(audio, rate).samples, rate)


def _ignored(count: int, stretches: Sequence[tuple[float, float]]) -> Flags:
    """The frames that touch an ignored interval, and one frame on each side (window overlap)."""
    ignored = np.zeros(count, np.bool_)
    for start_s, end_s in stretches:
        if not 0 <= start_s < end_s:
            raise AudioError(f"cannot ignore {start_s:g} s to {end_s:g} s; give start and end in this order")
        ignored[max(0, int(start_s / HOP_S) - 1) : int(np.ceil(end_s / HOP_S)) + 1] = True
    return ignored


def _silence_reason(recording: Audio, narrow: Signal, rate: int) -> str:
    """Why a comparison is impossible: the recording is empty or silent; None if it is possible."""
    if len(narrow) == 0:
        return "the recording is empty"
    loudest = float(frame_power(narrow, rate).max())
    if loudest >= SILENT_POWER:
        return ""
    level = "digital silence" if loudest <= 0 else f"at most {10 * np.log10(loudest):.0f} dBFS"
    return f"the recording is silent: {recording.duration_s:.1f} s of {level}"


def _nothing(
    reason: str,
    gaps: tuple[Gap, ...],
    recording: Audio,
    rate: int,
    *,
    silent: bool = False,
    echo: Echo | None = None,
) -> Comparison:
    """The verdict on a recording without the reference: delay, SNR and level are None."""
    reasons = [reason]
    if echo is not None:
        reasons.append(f"the own audio came back at {echo.level_db:+.0f} dB after {echo.delay_ms:.0f} ms")
    return Comparison(
        matched=False,
        reasons=tuple(reasons),
        missing_ms=total_ms(gaps),
        gaps=gaps,
        clipped=_clipped(recording),
        echo=echo,
        silent=silent,
        rate=rate,
    )


def _common(case: _Case) -> tuple[int, tuple[Signal, Signal]]:
    """Both signals at 16 kHz, if the recording has about the reference's share of power above 4 kHz."""
    longest_s = max(case.reference.duration_s, case.recording.duration_s)
    if min(case.reference.rate, case.recording.rate) < WIDEBAND or longest_s > LONG_S:
        return case.low, case.narrow
    wide = _at(case.reference, WIDEBAND), _at(case.recording, WIDEBAND)
    expected, received = (_high_share(signal) for signal in wide)
    return (WIDEBAND, wide) if received >= NARROW * expected else (case.low, case.narrow)


def _high_share(wide: Signal) -> float:
    """The share of the power above 4 kHz."""
    low = resample(Audio(wide, WIDEBAND), NARROWBAND).samples
    return max(0.0, 1 - _power(low) / max(_power(wide), TINY))


def _power(samples: Signal) -> float:
    return float(np.einsum("i,i->", samples, samples, dtype=np.float64)) / max(len(samples), 1)


def _clipped(recording: Audio) -> float | None:
    if not len(recording.samples):
        return None
    samples, count = recording.samples, 0
    for start in range(0, len(samples), BLOCK):
        count += int(np.count_nonzero(np.abs(samples[start : start + BLOCK]) >= FULL_SCALE))
    return count / len(samples)


def _delays(alignment: Alignment, rate: int) -> Floats:
    """The delay of each frame in samples, NaN for a missing frame."""
    frames = np.arange(len(alignment.track))
    return np.where(alignment.track >= 0, alignment.delays(frames, rate), np.nan)


def _delay_ms(alignment: Alignment, rate: int) -> float | None:
    """The delay of the first matched part."""
    frames = np.flatnonzero(alignment.arrived)
    if not len(frames):
        return None
    first = alignment.tracks[int(alignment.track[frames[0]])]
    return round(float(first.delays(np.array([frames[0] * HOP_S * rate]))[0]) * 1000 / rate, 3) + 0.0


def _rounded(stretch: Stretch) -> tuple[float, float]:
    """Start in s and duration in ms."""
    return round(stretch.start_s, 4), round(1000 * (stretch.end_s - stretch.start_s), 1)


def _gaps(silent: Sequence[Stretch], concealed: Sequence[Stretch] = ()) -> tuple[Gap, ...]:
    """Both kinds of gaps, in order of time."""
    gaps = [Gap(*_rounded(stretch)) for stretch in silent]
    gaps += [Gap(*_rounded(stretch), concealed=True) for stretch in concealed]
    return tuple(sorted(gaps, key=lambda gap: gap.start_s))
