"""What was found in audio, and how two recordings differ, as text for people; it must not know of options."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from media.compare import Comparison
    from media.facts import Facts

__all__ = ["described", "table", "verdict"]

WIDTH = 110
LISTED = 12  # digits, gaps, silences ... that a table names
UNITS = {"_ms": " ms", "_db": " dB", "_ppm": " ppm", "_s": " s"}
APART = {"matched", "reasons", "windows", "gaps", "insertions", "clipped", "silent", "rate"}  # said otherwise


def described(found: Facts, file: str) -> list[tuple[str, str]]:
    """The facts, for people."""
    import soundfile

    from media.marks import hertz

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
        ("silences", listed([f"{one.start_s:.2f}-{one.end_s:.2f} s" for one in found.silences])),
        ("digits", digits(found)),
        (
            "markers",
            sought([f"{one.identity} at {one.start_s:.3f} s" for one in found.markers or ()], found.markers),
        ),
        (
            "signals",
            sought(
                [
                    spanned(f"{one.name}, {hertz(one.tones[0].frequencies)}", one)
                    for one in found.signals or ()
                ],
                found.signals,
            ),
        ),
    ]
    tones = [spanned(hertz(one.frequencies), one) for one in found.tones or ()]
    return [*rows, ("tones", sought(tones, found.tones))]


def digits(found: Facts) -> str:
    """The digits as they were dialled, and where each is."""
    if not found.digits:
        return sought([], found.digits)
    places = [f"{one.digit} at {one.start_s:.3f} s for {one.duration_ms:.0f} ms" for one in found.digits]
    return f"{''.join(one.digit for one in found.digits)} ({listed(places)})"


def spanned(name: str, one: Any) -> str:
    """Something and from when to when."""
    return f"{name} at {one.start_s:.2f}-{one.end_s:.2f} s"


def sought(texts: Sequence[str], result: object) -> str:
    """What was found, or that it could not be looked for."""
    return "not looked for: the rate is too low" if result is None else listed(texts)


def listed(texts: Sequence[str]) -> str:
    """The first of them."""
    more = f" and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    return ", ".join(texts[:LISTED]) + more if texts else "none"


def decibels(value: float | None) -> str:
    """A level."""
    return "silence" if value is None else f"{value:.1f} dBFS"


def verdict(comparison: Comparison, reference: str, recording: str) -> str:
    """The comparison, for people: the numbers, what is missing, and why it failed."""
    rows = []
    for name in type(comparison).__dataclass_fields__:
        value = getattr(comparison, name)
        if name in APART or value is None or value == ():
            continue
        ending = next((one for one in UNITS if name.endswith(one)), "")
        label = name.removesuffix(ending).replace("_", " ").replace("snr", "SNR")
        rows.append((label, f"{plainly(value)}{UNITS.get(ending, '')}"))
    gaps = [f"{one.duration_ms:.0f} ms at {one.start_s:.2f} s of the reference" for one in comparison.gaps]
    more = [
        f"{one.duration_ms:.0f} ms at {one.start_s:.2f} s of the recording" for one in comparison.insertions
    ]
    rows += [("gaps", listed(gaps))] if gaps else []
    rows += [("insertions", listed(more))] if more else []
    rows += [("clipped", f"{comparison.clipped:.2%} of the samples")] if comparison.clipped else []
    rows += [("compared at", f"{comparison.rate} Hz")]
    failures = [f"  {reason}" for reason in comparison.reasons]
    word = "matched" if comparison.matched else "NOT MATCHED"
    return "\n".join(
        [f"{recording} against {reference}", table(None, rows), "", f"verdict: {word}", *failures]
    )


def plainly(value: Any) -> str:
    """A value as short as it is precise."""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return listed([plainly(one) for one in value])
    if hasattr(value, "__dataclass_fields__"):
        return " ".join(plainly(getattr(value, name)) for name in value.__dataclass_fields__)
    return str(value)


def table(head: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, as wide as the page."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = Table(*(head or ()), box=None, pad_edge=False, show_header=head is not None)
    for row in rows:
        columns.add_row(*(Text(cell) for cell in row))
    out = io.StringIO()
    Console(file=out, width=WIDTH, no_color=True, highlight=False).print(columns)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
