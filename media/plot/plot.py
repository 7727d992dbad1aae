"""Plots of audio as SVG or PNG: reference and recording on one time axis.

The module uses matplotlib's object interface (no pyplot). The same input gives the same bytes, no global
state remains, and the size of a plot does not grow with the length of the audio.
"""

from __future__ import annotations

import io
import logging
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from media.audio.wav import Audio, AudioError
from media.plot.annotations import Mark, differences, found_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from media.compare.compare import Comparison

__all__ = ["Axis", "Mark", "axis", "picture", "save"]

Format = Literal["svg", "png"]

FONTS = ["DejaVu Sans", "Helvetica", "Arial", "sans-serif"]  # matplotlib includes the first one
PNG_DPI = 110
RESOLUTION: dict[Format, tuple[int, int]] = {"svg": (720, 96), "png": (985, 160)}
TITLE_LINES = 5
TITLE_WIDTH = 150  # characters


@dataclass(frozen=True, slots=True)
class Axis:
    """Time axis of a picture: seconds of the recording at its ends, their places in shares of its width."""

    start_s: float
    end_s: float
    left: float
    right: float


def axis(recording: Audio, *, reference: Audio | None = None, comparison: Comparison | None = None) -> Axis:
    """The time axis of ``picture`` for the same recording, reference and comparison."""
    from media.plot.lanes import LEFT, RIGHT, WIDTH

    start, end = _span(_takes(recording, reference, comparison, (), ()))
    return Axis(start, end, LEFT / WIDTH, 1 - RIGHT / WIDTH)


@dataclass(frozen=True, slots=True)
class _Take:
    """One side of a plot: its audio, its title, its position on the axis, its marks."""

    name: str
    audio: Audio
    start_s: float
    marks: tuple[Mark, ...]
    colour: str


def picture(
    recording: Audio,
    *,
    reference: Audio | None = None,
    comparison: Comparison | None = None,
    marks: Sequence[Mark] | None = None,
    reference_marks: Sequence[Mark] | None = None,
    title: str = "",
    kind: Format = "svg",
) -> bytes:
    """A picture of a recording, or of a reference above it, as SVG (self-contained) or PNG.

    With a `comparison`, the reference is shifted by its delay, missing and inserted audio is marked,
    and verdict, reasons and numbers are in the title. `marks` and `reference_marks` are drawn at their
    times; None looks for digits, markers and tones. Time on the axis is the recording's.
    """
    takes = _takes(recording, reference, comparison, marks, reference_marks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # do not warn about a font that lacks a letter of a file name
        logger = logging.getLogger("matplotlib")  # it reports on stderr that it builds its list of fonts
        level, logger.level = logger.level, logging.CRITICAL
        try:
            return _drawn(takes, comparison, title, kind)
        finally:
            logger.level = level


def save(
    path: str | Path,
    recording: Audio,
    *,
    reference: Audio | None = None,
    comparison: Comparison | None = None,
    marks: Sequence[Mark] | None = None,
    reference_marks: Sequence[Mark] | None = None,
    title: str = "",
) -> None:
    """Write a picture to a file whose name ends in .svg or .png; otherwise like `picture`.

    Raises AudioError when it ends otherwise or cannot be written.
    """
    content = picture(
        recording,
        reference=reference,
        comparison=comparison,
        marks=marks,
        reference_marks=reference_marks,
        title=title,
        kind=kind_of(path),
    )
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise AudioError(f"{path}: cannot be written: {error.strerror}") from error


def kind_of(path: str | Path) -> Format:
    """The format for the suffix of a file name."""
    suffix = Path(path).suffix.lower()
    if suffix == ".svg":
        return "svg"
    if suffix == ".png":
        return "png"
    raise AudioError(f"{path}: a picture is made as SVG or PNG; end its name in .svg or .png")


def _takes(
    recording: Audio,
    reference: Audio | None,
    comparison: Comparison | None,
    marks: Sequence[Mark] | None,
    reference_marks: Sequence[Mark] | None,
) -> list[_Take]:
    """The reference first, if there is one; each with its marks in the time of the axis."""
    marks_found = list(found_in(recording) if marks is None else marks)
    if reference is None:
        return [_Take("", recording, 0.0, tuple(marks_found), "#0072b2")]
    delay = (comparison.delay_ms or 0.0) / 1000 if comparison is not None else 0.0
    sent = list(found_in(reference) if reference_marks is None else reference_marks)
    lost, more = differences(comparison) if comparison is not None else ((), ())
    found = comparison is None or comparison.delay_ms is not None
    return [
        _Take(
            "sent" if found else "sent\nnot aligned",
            reference,
            delay,
            tuple(mark.moved(delay) for mark in (*sent, *lost)),
            "#0072b2",
        ),
        _Take("heard", recording, 0.0, (*marks_found, *more), "#3d3d3d"),
    ]


def _span(takes: list[_Take]) -> tuple[float, float]:
    """The first and the last second of the axis."""
    start = min(0.0, *(take.start_s for take in takes))
    end = max(take.start_s + take.audio.duration_s for take in takes)
    return start, max(end, start + 0.01)


def _drawn(takes: list[_Take], comparison: Comparison | None, title: str, kind: Format) -> bytes:
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # ignore the user's own settings
        matplotlib.rc("font", **{"family": "sans-serif", "sans-serif": FONTS, "size": 9})
        matplotlib.rc("svg", fonttype="none", hashsalt="srtpbot")  # keep text as text: small and searchable
        figure = _figure(takes, comparison, title, RESOLUTION[kind])
        out = io.BytesIO()
        if kind == "svg":
            figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "srtpbot"})
        else:
            figure.savefig(out, format="png", dpi=PNG_DPI, metadata={"Software": "srtpbot"})
    return out.getvalue()


def _figure(
    takes: list[_Take], comparison: Comparison | None, title: str, resolution: tuple[int, int]
) -> Figure:
    from media.plot.lanes import Lanes

    lanes = Lanes(*_span(takes), resolution)
    if comparison is not None:
        lanes.verdict(comparison.matched)
    for line in _lines(title, comparison):
        lanes.text(line)
    for take in takes:
        if take.marks:
            lanes.events(take.name, take.marks)
        lanes.waveform(take.name, take.audio, take.start_s, take.marks, take.colour)
    if len(takes) == 1:
        lanes.level(takes[0].audio)
    elif comparison is not None and any(window.snr_db is not None for window in comparison.windows):
        lanes.snr(comparison.windows)
    top_hz = min(8000.0, max(take.audio.rate for take in takes) / 2)
    lanes.spectrograms([(take.name, take.audio, take.start_s, take.marks) for take in takes], top_hz)
    return lanes.figure()


def _lines(title: str, comparison: Comparison | None) -> list[str]:
    """The wrapped lines above the plot, without characters that the format cannot hold."""
    texts = [title] if title else []
    if comparison is not None:
        texts += [_numbers(comparison), *comparison.reasons]
    clean = ("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) for text in texts)
    lines = [line for text in clean for line in textwrap.wrap(text, TITLE_WIDTH)]
    return [*lines[:TITLE_LINES], "..."] if len(lines) > TITLE_LINES else lines


def _numbers(comparison: Comparison) -> str:
    measured = (
        ("delay {:.1f} ms", comparison.delay_ms),
        ("SNR {:.1f} dB", comparison.snr_db),
        ("level {:+.1f} dB", comparison.level_db),
        ("correlation {:.3f}", comparison.correlation),
        ("missing {:.0f} ms", comparison.missing_ms),
        ("inserted {:.0f} ms", comparison.inserted_ms),
    )
    lines = [text.format(np.float64(value)) for text, value in measured if value is not None]
    return ",  ".join(lines)
