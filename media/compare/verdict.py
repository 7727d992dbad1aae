"""Options, result and verdict of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from media.compare.calibration import Limits, limits_of
from media.compare.echo import Echo
from media.compare.measure import Totals, Window
from media.compare.similarity import Similarity

__all__ = ["Comparison", "Findings", "Gap", "Insertion", "Options", "faults", "total_ms"]

PAUSED_MS = 10.0  # a gap of one frame, as a step of the delay causes
LISTED = 5  # maximum number of intervals in a reason
SURE_MS, SURE_SHARE = 300.0, 0.75  # other speech has shorter pieces in common, and never as many


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a comparison.

    `codec`: name of the worst codec on the path (``GSM``, ``speex/16000``). It selects the limits of a
    clean call through that codec; its artefacts are then tolerated. Without it the limits of the worst
    codec apply.

    `passes`: number of passes through the codec: 1, or 2 when the peer sent the audio back. Each pass adds
    distortion.

    `packet_ms`: duration of a packet.

    `ignore`: intervals of the reference, (start_s, end_s), that may be missing, for instance where RFC 4733
    digits replaced the audio.

    `max_missing_ms`: total active audio that may be missing between the first and the last matched audio.
    The default, three packets of 20 ms, tolerates a lost packet or an adapting jitter buffer. A missing
    spoken syllable (100 ms and more) exceeds it. Through GSM and speex a lost packet damages more than that
    in about half of the places (see `calibration`), and may count as more than a packet.

    `max_concealed`: share of that audio that the receiver may conceal after packet loss; at least
    `max_missing_ms` is allowed. None is the limit of the codec.

    `max_edge_ms`: audio that may be missing at the start and at the end, each: a recorder starts after the
    media, and the last packets are in flight when a call ends.

    `max_inserted_ms`: total delay that insertions may add (the usual maximum of a jitter buffer).

    `min_correlation` of the waveforms and `min_similarity` of the spectrograms, after alignment. None is
    the limit of the codec, which depends on the reference (see `calibration.Limits`). `max_distance_db`:
    maximum difference of the spectra in nine tenths of the frames; None sets no limit.

    `min_snr_db`: minimum SNR; None sets no limit. `max_drift_ppm`: maximum clock drift.
    `max_level_step_db`: maximum level change between consecutive intervals of 200 ms, relative to the
    reference. No clean codec exceeds the default; halving the amplitude does.

    `level_db`: minimum and maximum change of level. `window_s`: duration of a window of the result.
    """

    codec: str | None = None
    passes: int = 1
    packet_ms: float = 20.0
    ignore: Sequence[tuple[float, float]] = ()
    max_missing_ms: float = 60.0
    max_concealed: float | None = None
    max_edge_ms: float = 200.0
    max_inserted_ms: float = 200.0
    min_correlation: float | None = None
    min_similarity: float | None = None
    max_distance_db: float | None = None
    min_snr_db: float | None = None
    max_drift_ppm: float = 500.0
    max_level_step_db: float = 4.5
    level_db: tuple[float, float] = (-30.0, 20.0)
    window_s: float = 0.5

    @property
    def limits(self) -> Limits:
        """The limits of the codec, replaced by the explicit options."""
        limits = limits_of(self.codec, self.passes)
        if self.max_concealed is not None:
            limits = replace(limits, concealed=self.max_concealed)
        if self.min_correlation is not None:
            limits = replace(limits, correlation=self.min_correlation, hiss_loss=0.0)
        if self.min_similarity is not None:
            limits = replace(limits, similarity=self.min_similarity, deviation_db=0.0)
        return limits


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the reference that did not arrive; `start_s` in the reference.

    `concealed`: the receiver replaced it by its own audio.
    """

    start_s: float
    duration_ms: float
    concealed: bool = False


@dataclass(frozen=True, slots=True)
class Insertion:
    """Audio between matched parts that is not in the reference; `start_s` in the recording.

    `repeated`: it repeats the audio directly before it.
    """

    start_s: float
    duration_ms: float
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison; a value that could not be measured is None.

    `reasons` is empty when `matched`. `delay_ms` is the start of the reference in the recording, negative
    when the recording lacks its beginning. `drift_ppm` is the growth of the delay in parts per million (the
    receiver's clock is slower by that). `level_db` is the level of the recording relative to the reference,
    `level_step_db` its largest change between consecutive intervals of 200 ms.

    `snr_db` and `correlation` are measured on the matched audio, after alignment and gain adjustment in
    each window, between 300 Hz and 0.45 of `rate`. The noise of `snr_db` is everything that is not the
    reference: noise, codec distortion, foreign audio, also in pauses. `segmental_snr_db` is the mean over
    segments of 20 ms that are not pauses, each limited to -10 to 35 dB. `similarity` is the correlation of
    the spectrograms; codecs that change the waveform preserve it. `deviation_db` is the root mean square of
    their difference. `distance_db` is the maximum difference of the spectra in nine tenths of the frames.

    `missing_ms` is the duration of the reference that did not arrive: the `gaps` without audio, and the
    expected value of the concealed audio. The `gaps` list the certain concealed intervals; `concealed_ms`
    weighs the doubtful ones by their probability. `inserted_ms` is the sum of the `insertions`. Insertions
    and gaps without audio have a resolution of 10 ms and are detected from 20 ms on.

    `clipped` is the fraction of the recording's samples at full scale. `echo` is the party's own audio in
    the recording, if that audio was given. `rate` is the sample rate of the comparison in Hz: 8000 when the
    recording has no audio above 4 kHz, else up to 16000.
    """

    matched: bool
    reasons: tuple[str, ...]
    delay_ms: float | None = None
    drift_ppm: float | None = None
    level_step_db: float | None = None
    correlation: float | None = None
    similarity: float | None = None
    deviation_db: float | None = None
    level_db: float | None = None
    snr_db: float | None = None
    segmental_snr_db: float | None = None
    distance_db: float | None = None
    missing_ms: float | None = None
    concealed_ms: float | None = None
    gaps: tuple[Gap, ...] = ()
    inserted_ms: float | None = None
    insertions: tuple[Insertion, ...] = ()
    windows: tuple[Window, ...] = field(default=(), repr=False)
    clipped: float | None = None
    echo: Echo | None = None
    silent: bool = False
    rate: int = 8000


@dataclass(frozen=True, slots=True)
class Findings:
    """The facts behind the verdict.

    `edges` are the first and last relevant times of the reference in s. `judged_ms` is the duration in
    which concealment is detectable. `arrived_ms` is the matched part of `active_ms`. `hiss` is the share of
    hiss in the reference's power (see `hiss`), 0 if no verdict depends on it.
    """

    edges: tuple[float, float]
    gaps: tuple[Gap, ...]
    insertions: tuple[Insertion, ...]
    totals: Totals
    similarity: Similarity | None
    hiss: float
    distance_db: float
    drift_ppm: float | None
    level_step_db: float | None
    concealed_ms: float | None
    judged_ms: float
    arrived_ms: float
    active_ms: float


def faults(found: Findings, options: Options) -> tuple[str, ...]:
    """Why the recording does not match; empty if it matches."""
    return (*_incomplete(found, options), *_concealed(found, options), *_poor(found, options))


def _incomplete(found: Findings, options: Options) -> list[str]:
    """Missing and surplus audio."""
    reasons = []
    if found.arrived_ms < min(SURE_MS, SURE_SHARE * found.active_ms):
        little = f"only {found.arrived_ms:.0f} of {found.active_ms:.0f} ms were recognised"
        reasons.append(f"{little}, as much as other audio may have in common with the reference")
    first, last = found.edges
    silent, middle = [gap for gap in found.gaps if not gap.concealed], _within(found)
    head = [gap for gap in silent if gap.start_s <= first]
    tail = [gap for gap in silent if gap.start_s + gap.duration_ms / 1000 >= last]
    for edge, name in ((head, "beginning"), (tail, "end")):
        lost = total_ms(edge)
        if lost > options.max_edge_ms:
            allowed = f"at most {options.max_edge_ms:g} ms may be"
            reasons.append(f"{lost:.0f} ms of the {name} are missing, {allowed}")
    lost = total_ms(middle)
    if lost > options.max_missing_ms:
        allowed = f"at most {options.max_missing_ms:g} ms may be"
        reasons.append(f"{lost:.0f} ms are missing ({_where(middle)}), {allowed}")
    inserted = total_ms(found.insertions)
    if inserted > options.max_inserted_ms:
        allowed = f"at most {options.max_inserted_ms:g} ms may be"
        reasons.append(f"{inserted:.0f} ms were inserted ({_where(found.insertions)}), {allowed}")
    return reasons


def _concealed(found: Findings, options: Options) -> list[str]:
    """Concealed or replaced audio, together with the missing audio beside it: it is the same loss."""
    allowed = max(options.max_missing_ms, options.limits.concealed * found.judged_ms)
    missing = sum(gap.duration_ms for gap in _within(found) if gap.duration_ms > PAUSED_MS)
    if not found.concealed_ms or found.concealed_ms + missing <= allowed:
        return []
    listed = [gap for gap in found.gaps if gap.concealed]
    where = f" ({_where(listed)})" if listed else ""
    share = found.concealed_ms / max(found.judged_ms, 1)
    lost = f"about {found.concealed_ms:.0f} ms were lost and concealed{where}, {share:.1%} of the audio"
    beside = f", and {missing:.0f} ms are missing" if missing else ""
    return [f"{lost}{beside}; at most {allowed:.0f} ms may be"]


def _poor(found: Findings, options: Options) -> list[str]:
    """Quality faults of the matched audio."""
    totals, limits = found.totals, options.limits
    if totals.correlation is None or totals.level_db is None:
        return ["what arrived is too weak to be measured"]
    poor = []
    asked = limits.correlation_of(found.hiss)
    if totals.correlation < asked:
        poor.append(
            f"the waveforms correlate by {totals.correlation:.2f}, at least {round(asked, 3):g} is asked"
        )
    alike = found.similarity
    if (
        alike is not None
        and alike.correlation < limits.similarity
        and alike.deviation_db > limits.deviation_db
    ):
        poor.append(
            f"the sound is similar by {alike.correlation:.2f}, at least {limits.similarity:g} is asked"
        )
    if options.max_distance_db is not None and found.distance_db > options.max_distance_db:
        allowed = f"at most {options.max_distance_db:g} dB may be"
        poor.append(f"the spectra differ by {found.distance_db:.1f} dB, {allowed}")
    if options.min_snr_db is not None and (totals.snr_db is None or totals.snr_db < options.min_snr_db):
        measured = "could not be measured" if totals.snr_db is None else f"is {totals.snr_db:.1f} dB"
        poor.append(f"the SNR {measured}, at least {options.min_snr_db:g} dB is asked")
    if found.drift_ppm is not None and abs(found.drift_ppm) > options.max_drift_ppm:
        poor.append(
            f"the clocks drift by {found.drift_ppm:+.0f} ppm, at most {options.max_drift_ppm:g} ppm may be"
        )
    if found.level_step_db is not None and found.level_step_db > options.max_level_step_db:
        allowed = f"at most {options.max_level_step_db:g} dB may be"
        poor.append(f"the level steps by {found.level_step_db:.1f} dB within the recording, {allowed}")
    low, high = options.level_db
    if not low <= totals.level_db <= high:
        poor.append(f"the level changed by {totals.level_db:+.1f} dB, {low:+g} to {high:+g} dB are allowed")
    return poor


def _within(found: Findings) -> list[Gap]:
    """The gaps without audio that are neither at the start nor at the end."""
    first, last = found.edges
    inner = [gap for gap in found.gaps if gap.start_s > first]
    return [gap for gap in inner if not gap.concealed and gap.start_s + gap.duration_ms / 1000 < last]


def total_ms(stretches: Sequence[Gap | Insertion]) -> float:
    """Total duration of the gaps in ms."""
    return round(sum(stretch.duration_ms for stretch in stretches), 1)


def _where(stretches: Sequence[Gap | Insertion]) -> str:
    listed = ", ".join(
        f"{stretch.duration_ms:.0f} ms at {stretch.start_s:.2f} s" for stretch in stretches[:LISTED]
    )
    return f"{listed} and {len(stretches) - LISTED} more" if len(stretches) > LISTED else listed
