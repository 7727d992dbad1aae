"""Owns what is asked of a recording, what was found in it, and the verdict; not how it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from media.calibration import Limits, limits_of
from media.echo import Echo
from media.measure import Totals, Window

__all__ = ["Comparison", "Findings", "Gap", "Insertion", "Options", "faults", "total_ms"]

LISTED = 5  # stretches that a reason names
SURE_MS, SURE_SHARE = 300.0, 0.75  # other speech has shorter pieces in common, and never so much


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a recording.

    `codec`: what the audio passed, by name (``GSM``, ``speex/16000``); what a clean call through it scores
    is then known, and what it cannot carry is forgiven. Without it the weakest codec's limits hold.

    `packet_ms`: how much audio a packet carried.

    `ignore`: stretches of the reference, (start_s, end_s), that need not arrive, for instance while
    RFC 4733 digits replaced the audio.

    `max_missing_ms`: how much active audio in all may be missing between the first and the last that
    arrived. The default, three packets of 20 ms, forgives a lost packet or a jitter buffer that settles;
    a spoken syllable (100 ms and more) cannot hide in it.

    `max_concealed`: the share of it that the receiver may have made up in place of lost packets; at least
    `max_missing_ms` is allowed. None is the codec's limit.

    `max_edge_ms`: how much may be missing at the start and at the end, each: a recorder starts
    after the media, and the last packets are under way when a call ends.

    `max_inserted_ms`: by how much in all later audio may be delayed (the usual maximum of a jitter buffer).

    `min_correlation` of the waveforms and `min_similarity` of the sound, after alignment; None is the
    codec's limit. `max_distance_db`: by how much the spectra may differ in nine tenths of the frames; None
    asks for nothing.

    `min_snr_db`: ask for quality too; None asks for nothing. `max_drift_ppm`: how far two clocks may be
    apart.

    `level_db`: least and greatest change of level. `window_s`: how long a window of the result is.
    """

    codec: str | None = None
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
    level_db: tuple[float, float] = (-30.0, 20.0)
    window_s: float = 0.5

    @property
    def limits(self) -> Limits:
        """The codec's limits, with what was asked for in their place."""
        usual = limits_of(self.codec)
        return Limits(
            correlation=usual.correlation if self.min_correlation is None else self.min_correlation,
            similarity=usual.similarity if self.min_similarity is None else self.min_similarity,
            concealed=usual.concealed if self.max_concealed is None else self.max_concealed,
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of the reference that did not arrive; `start_s` in the reference.

    `concealed`: the receiver put something of its own there instead.
    """

    start_s: float
    duration_ms: float
    concealed: bool = False


@dataclass(frozen=True, slots=True)
class Insertion:
    """A stretch between matched parts that the reference does not have; `start_s` in the recording.

    `repeated`: it is what was heard just before once more.
    """

    start_s: float
    duration_ms: float
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a recording says of a reference; a number that could not be measured is None.

    `reasons` is empty when `matched`. `delay_ms` is where in the recording the reference begins, negative
    when the recording misses its beginning; `drift_ppm` is by how many millionths the delay grows (the
    receiver's clock is that much slower). `level_db` is the recording relative to the reference.

    `snr_db` and `correlation` are of what arrived, after alignment and gain in each window, between 300 Hz
    and 0.45 of `rate`; `snr_db` is the ratio to everything that is not the reference: noise, codec,
    foreign audio, also in pauses. `segmental_snr_db` is the mean over segments of 20 ms that are not
    pauses, each between -10 and 35 dB. `similarity` is the correlation of the spectrograms, which codecs
    keep that do not keep the waveform. `distance_db` is what the spectra differ by at most in nine tenths
    of the frames.

    `missing_ms` is how much of the reference did not arrive: the `gaps` with nothing there, and what the
    receiver concealed, by expectation: the `gaps` list the concealed stretches that are sure,
    `concealed_ms` counts the doubtful ones by their probability. `inserted_ms` is the sum of the
    `insertions`. Insertions and gaps with nothing have a resolution of 10 ms and are seen from 20 ms on.

    `clipped` is the fraction of the recording's samples at full scale. `echo` is the party's own audio in the
    recording, when it was given. `rate` is the rate in Hz at which the two were compared: 8000 when the
    recording has no audio above 4 kHz, else up to 16000.
    """

    matched: bool
    reasons: tuple[str, ...]
    delay_ms: float | None = None
    drift_ppm: float | None = None
    correlation: float | None = None
    similarity: float | None = None
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
    """What the verdict rests on.

    `edges` are the first and last moments of the reference that count, in s. `judged_ms` is how much of it
    concealment could be looked for in, `arrived_ms` how much of its `active_ms` arrived.
    """

    edges: tuple[float, float]
    gaps: tuple[Gap, ...]
    insertions: tuple[Insertion, ...]
    totals: Totals
    similarity: float | None
    distance_db: float
    drift_ppm: float | None
    concealed_ms: float | None
    judged_ms: float
    arrived_ms: float
    active_ms: float


def faults(found: Findings, options: Options) -> tuple[str, ...]:
    """Why the recording does not hold what it should; nothing when it does."""
    return (*_incomplete(found, options), *_concealed(found, options), *_poor(found, options))


def _incomplete(found: Findings, options: Options) -> list[str]:
    """What is missing or too much."""
    reasons = []
    if found.arrived_ms < min(SURE_MS, SURE_SHARE * found.active_ms):
        little = f"only {found.arrived_ms:.0f} of {found.active_ms:.0f} ms were recognised"
        reasons.append(f"{little}, as much as other audio may have in common with the reference")
    first, last = found.edges
    silent = [gap for gap in found.gaps if not gap.concealed]
    head = [gap for gap in silent if gap.start_s <= first]
    tail = [gap for gap in silent if gap.start_s + gap.duration_ms / 1000 >= last]
    middle = [gap for gap in silent if gap not in head and gap not in tail]
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
    """Lost packets that the receiver made up for."""
    allowed = max(options.max_missing_ms, options.limits.concealed * found.judged_ms)
    if found.concealed_ms is None or found.concealed_ms <= allowed:
        return []
    listed = [gap for gap in found.gaps if gap.concealed]
    where = f" ({_where(listed)})" if listed else ""
    share = found.concealed_ms / max(found.judged_ms, 1)
    lost = f"about {found.concealed_ms:.0f} ms were lost and concealed{where}, {share:.1%} of the audio"
    return [f"{lost}; at most {allowed:.0f} ms may be"]


def _poor(found: Findings, options: Options) -> list[str]:
    """What is wrong with the quality of what arrived."""
    totals, limits = found.totals, options.limits
    if totals.correlation is None or totals.level_db is None:
        return ["what arrived is too weak to be measured"]
    poor = []
    if totals.correlation < limits.correlation:
        asked = f"at least {limits.correlation:g} is asked"
        poor.append(f"the waveforms correlate by {totals.correlation:.2f}, {asked}")
    if found.similarity is not None and found.similarity < limits.similarity:
        asked = f"at least {limits.similarity:g} is asked"
        poor.append(f"the sound is similar by {found.similarity:.2f}, {asked}")
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
    low, high = options.level_db
    if not low <= totals.level_db <= high:
        poor.append(f"the level changed by {totals.level_db:+.1f} dB, {low:+g} to {high:+g} dB are allowed")
    return poor


def total_ms(stretches: Sequence[Gap | Insertion]) -> float:
    """Their lengths together, in ms."""
    return round(sum(one.duration_ms for one in stretches), 1)


def _where(stretches: Sequence[Gap | Insertion]) -> str:
    listed = ", ".join(f"{one.duration_ms:.0f} ms at {one.start_s:.2f} s" for one in stretches[:LISTED])
    return f"{listed} and {len(stretches) - LISTED} more" if len(stretches) > LISTED else listed
