"""Tables of ``srtpbot audio show`` and ``compare``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bot.report.console import rendered, table

if TYPE_CHECKING:
    from media.compare.compare import Comparison
    from media.detect.summary import Facts
    from media.quality.pesq import Score

__all__ = ["described", "pesq_row", "verdict"]

LISTED = 12  # digits, gaps, silences ... that a table names
UNITS = {"_ms": " ms", "_db": " dB", "_ppm": " ppm", "_s": " s"}
APART = {"matched", "reasons", "windows", "gaps", "insertions", "clipped", "silent", "rate"}  # said otherwise


def described(found: Facts, file: str) -> list[tuple[str, str]]:
    """Rows with the properties of a recording."""
    import soundfile

    from media.plot.annotations import hertz

    form = soundfile.info(file)
    mixed = ", their mean is looked at" if form.channels > 1 else ""
    level = found.level
    clipped = level.clipped or 0.0
    rows = [
        ("duration", f"{found.duration_s:.3f} s"),
        ("format", f"{form.format} {form.subtype}, {found.rate} Hz, channels: {form.channels}{mixed}"),
        ("active level", f"{decibels(level.active_dbfs)} (ITU-T P.56; a full-scale sine is 0 dBFS)"),
        ("activity", "not measured" if level.activity is None else f"{level.activity:.0%} of the time"),
        ("RMS, peak", f"{decibels(level.rms_dbfs)}, {decibels(level.peak_dbfs)}"),
        ("noise floor", decibels(level.noise_floor_dbfs)),
        ("clipping", f"{clipped:.2%} of the samples are at full scale" if clipped else "none"),
        ("DC", "none" if not level.dc or abs(level.dc) < 1e-4 else f"{level.dc:+.2%} of full scale"),
        ("silences", listed([f"{silence.start_s:.2f}-{silence.end_s:.2f} s" for silence in found.silences])),
        ("digits", digits(found)),
        (
            "markers",
            sought(
                [f"{marker.identity} at {marker.start_s:.3f} s" for marker in found.markers or ()],
                found.markers,
            ),
        ),
        (
            "signals",
            sought(
                [
                    spanned(f"{signal.name}, {hertz(signal.tones[0].frequencies)}", signal)
                    for signal in found.signals or ()
                ],
                found.signals,
            ),
        ),
    ]
    tones = [spanned(hertz(tone.frequencies), tone) for tone in found.tones or ()]
    return [*rows, ("tones", sought(tones, found.tones))]


def digits(found: Facts) -> str:
    """The digits in order, each with its time."""
    if not found.digits:
        return sought([], found.digits)
    places = [
        f"{digit.digit} at {digit.start_s:.3f} s for {digit.duration_ms:.0f} ms" for digit in found.digits
    ]
    return f"{''.join(one.digit for one in found.digits)} ({listed(places)})"


def spanned(name: str, one: Any) -> str:
    """A name with its start and end time."""
    return f"{name} at {one.start_s:.2f}-{one.end_s:.2f} s"


def sought(texts: Sequence[str], result: object) -> str:
    """The results of a detector, or the reason why it did not run."""
    return "not looked for: the rate is too low" if result is None else listed(texts)


def listed(texts: Sequence[str]) -> str:
    """The first texts, and the number of further texts."""
    more = f" and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    return ", ".join(texts[:LISTED]) + more if texts else "none"


def decibels(value: float | None) -> str:
    """A level in dBFS."""
    return "silence" if value is None else f"{value:.1f} dBFS"


def pesq_row(found: Score | str) -> tuple[str, str]:
    """The row of the PESQ score, or the reason for a missing score."""
    if isinstance(found, str):
        return "PESQ", f"not measured: {found}"
    source = "P.862.2" if found.band == "wideband" else "P.862.1"
    return "PESQ", f"MOS-LQO {found.mos_lqo:.2f} ({found.band}, ITU-T {source})"


def verdict(
    comparison: Comparison, reference: str, recording: str, more_rows: Sequence[tuple[str, str]] = ()
) -> str:
    """The comparison as text: measurements, gaps, reasons of a failure."""
    rows = []
    for name in type(comparison).__dataclass_fields__:
        value = getattr(comparison, name)
        if name in APART or value is None or value == ():
            continue
        ending = next((one for one in UNITS if name.endswith(one)), "")
        label = name.removesuffix(ending).replace("_", " ").replace("snr", "SNR")
        rows.append((label, f"{plainly(value)}{UNITS.get(ending, '')}"))
    gaps = [f"{gap.duration_ms:.0f} ms at {gap.start_s:.2f} s of the reference" for gap in comparison.gaps]
    more = [
        f"{insertion.duration_ms:.0f} ms at {insertion.start_s:.2f} s of the recording"
        for insertion in comparison.insertions
    ]
    rows += [("gaps", listed(gaps))] if gaps else []
    rows += [("insertions", listed(more))] if more else []
    rows += [("clipped", f"{comparison.clipped:.2%} of the samples")] if comparison.clipped else []
    rows += [("compared at", f"{comparison.rate} Hz"), *more_rows]
    failures = [f"  {reason}" for reason in comparison.reasons]
    word = "matched" if comparison.matched else "NOT MATCHED"
    return "\n".join(
        [f"{recording} against {reference}", rendered(table(rows)), "", f"verdict: {word}", *failures]
    )


def plainly(value: Any) -> str:
    """A value as text, without trailing zeros."""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return listed([plainly(one) for one in value])
    if hasattr(value, "__dataclass_fields__"):
        return " ".join(plainly(getattr(value, name)) for name in value.__dataclass_fields__)
    return str(value)
