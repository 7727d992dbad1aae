"""The lanes of a plot: stacked diagrams on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from media.audio.wav import Audio
from media.plot.annotations import Mark
from media.plot.spectrogram import envelope, levels, spectrogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from media.compare.measure import Window

__all__ = ["Lanes"]

WIDTH = 11.0  # inches, like the following values
LEFT, RIGHT, TOP, BOTTOM = 1.5, 0.75, 0.12, 0.5
SPACE = 0.08
VERDICT, LINE, ROW, EVENTS_LEAST = 0.34, 0.19, 0.19, 1
WAVEFORM, LEVEL, SPECTROGRAM = 1.15, 0.75, 1.45
COLUMNS = 900
SHADES = 20  # levels of a spectrogram: few, so that it compresses well
WHITE = 0.12  # the share of the shades that fades into the background
RANGE_DB = 70.0
EVENT_ROWS = 3
TICKS = 12
STEPS_S = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    60,
    120,
    300,
    600,
    1800,
    3600,
)
DRAWN = 400  # maximum number of marks: more than there are pixels
CHARACTER = 0.078  # inches, about, at the size of a label
QUIETEST_DB, LOUDEST_DB = -80.0, 0.0

TEXT, FAINT, GRID = "#222222", "#555555", "#dddddd"
# the colours of Okabe and Ito, which colour-blind people can distinguish; labels are dark on a pale one
COLOURS = {
    "digit": ("#e69f00", "#fdebc8"),
    "marker": ("#009e73", "#c9efe2"),
    "tone": ("#56b4e9", "#dceffb"),
    "gap": ("#d55e00", "#fbd9c3"),
    "concealed": ("#e58a45", "#fde6d5"),
    "insertion": ("#b8569b", "#f3dcea"),
}
SHADED = ("gap", "concealed", "insertion")
PASSED, FAILED = "#00694d", "#b34a00"


class Lanes:
    """A plot under construction: each method adds a lane below the existing ones."""

    def __init__(self, start_s: float, end_s: float, resolution: tuple[int, int]) -> None:
        """The axis goes from `start_s` to `end_s`; `resolution` is of spectrograms: columns and rows."""
        self._start, self._end = start_s, end_s
        self._resolution = resolution
        self._step = next(
            (step for step in STEPS_S if (end_s - start_s) / step <= TICKS), (end_s - start_s) / 5
        )
        self._lanes: list[tuple[float, Callable[[Figure, float, float], None]]] = []
        self._axes: list[Axes] = []

    # ---- above the axis

    def verdict(self, matched: bool) -> None:
        """The verdict in large type."""
        text, colour = ("matched", PASSED) if matched else ("NOT MATCHED", FAILED)
        self._write(text, VERDICT, 14, colour, "bold")

    def text(self, line: str) -> None:
        """A line of text."""
        self._write(line, LINE, 9, TEXT, "normal")

    # ---- lanes

    def events(self, name: str, marks: Sequence[Mark]) -> None:
        """Marks as bars with their text; overlapping marks use separate rows."""
        rows, hidden = self._rows(marks)
        height = ROW * max(EVENTS_LEAST, len(rows))

        def draw(axes: Axes) -> None:
            axes.set_ylim(len(rows) or 1, 0)
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_visible(False)
            for row, members in enumerate(rows):
                for mark, labelled in members:
                    colour, pale = COLOURS[mark.kind]
                    span = max(mark.end_s - mark.start_s, (self._end - self._start) / COLUMNS)
                    axes.broken_barh(
                        [(mark.start_s, span)],
                        (row + 0.06, 0.88),
                        facecolor=pale,
                        edgecolor=colour,
                        linewidth=0.8,
                    )
                    if labelled:
                        axes.text(
                            mark.start_s,
                            row + 0.52,
                            f" {mark.text}",
                            va="center",
                            fontsize=8,
                            color=TEXT,
                            parse_math=False,
                        )
            if hidden:
                axes.annotate(
                    f"+{hidden}", (1.005, 0.5), xycoords="axes fraction", va="center", fontsize=8, color=FAINT
                )

        self._add(height, name, draw, size=8)

    def waveform(self, name: str, audio: Audio, start_s: float, marks: Sequence[Mark], colour: str) -> None:
        """The minimum and maximum sample of each column."""
        shape = envelope(audio, 2 * COLUMNS if len(audio.samples) < 20 * COLUMNS else COLUMNS)
        peak = float(max(np.abs(shape.low).max(initial=0), np.abs(shape.high).max(initial=0)))
        label = f"peak {20 * np.log10(peak):.0f} dBFS" if peak > 0 else "silence"

        def draw(axes: Axes) -> None:
            top = max(peak * 1.08, 1e-4)
            axes.set_ylim(-top, top)
            axes.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
            axes.tick_params(labelsize=8)
            self._shade(axes, marks)
            at = start_s + shape.at_s
            if np.array_equal(shape.low, shape.high):
                axes.plot(at, shape.low, color=colour, linewidth=0.8)
            else:
                axes.fill_between(at, shape.low, shape.high, color=colour, linewidth=0.4)
            axes.hlines(0, start_s, start_s + audio.duration_s, color=colour, linewidth=0.4)

        self._add(WAVEFORM, f"{name}\n{label}".lstrip(), draw)

    def level(self, audio: Audio) -> None:
        """The RMS level of each column."""
        at, values = levels(audio, COLUMNS)

        def draw(axes: Axes) -> None:
            axes.set_ylim(QUIETEST_DB, LOUDEST_DB)
            axes.set_yticks([-60, -40, -20, 0])
            axes.grid(axis="y", color=GRID, linewidth=0.6)
            axes.plot(at, np.maximum(values, QUIETEST_DB), color="#0072b2", linewidth=0.9)

        self._add(LEVEL, "level\ndBFS", draw)

    def snr(self, windows: Sequence[Window]) -> None:
        """The SNR of each window that has one, at its time in the recording."""
        measured = [window for window in windows if window.snr_db is not None and window.delay_ms is not None]
        step = windows[1].start_s - windows[0].start_s if len(windows) > 1 else 0.5
        starts = np.array([window.start_s + (window.delay_ms or 0) / 1000 for window in measured])
        values = np.array([window.snr_db or 0.0 for window in measured])
        if len(measured) > COLUMNS:  # the lowest value of a shared column
            edges = np.linspace(0, len(measured), COLUMNS + 1).astype(np.intp)[:-1]
            starts, values = starts[edges], np.minimum.reduceat(values, edges)
            step = float(np.diff(starts).mean())

        def draw(axes: Axes) -> None:
            top = float(np.clip(values.max(initial=20), 20, 60))
            axes.set_ylim(min(0.0, float(values.min(initial=0))) - 1, top * 1.1)
            axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.grid(axis="y", color=GRID, linewidth=0.6)
            axes.hlines(np.minimum(values, top * 1.07), starts, starts + step, color="#0072b2", linewidth=1.8)

        self._add(LEVEL, "SNR\ndB", draw)

    def spectrograms(self, takes: Sequence[tuple[str, Audio, float, Sequence[Mark]]], top_hz: float) -> None:
        """Spectrograms with the same colour scale."""
        pictures = [spectrogram(audio, *self._resolution, top_hz) for _, audio, _, _ in takes]
        loudest = max((float(picture.max()) for picture in pictures if picture.size), default=LOUDEST_DB)
        top_db = float(np.clip(5 * np.ceil(loudest / 5), QUIETEST_DB + RANGE_DB, LOUDEST_DB))
        for (name, audio, start_s, marks), values in zip(takes, pictures, strict=True):
            self._spectrogram(name, values, (start_s, start_s + audio.duration_s, top_hz, top_db), marks)

    def _spectrogram(
        self,
        name: str,
        values: NDArray[np.float64],
        extent: tuple[float, float, float, float],
        marks: Sequence[Mark],
    ) -> None:
        start_s, end_s, top_hz, top_db = extent
        shades = np.rint(np.clip((values - top_db) / RANGE_DB + 1, 0, 1) * (SHADES - 1)) / (SHADES - 1)
        last = len(self._lanes)

        def draw(axes: Axes) -> None:
            axes.set_ylim(0, top_hz / 1000)
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, prune="upper"))
            if shades.size:
                image = np.rint(255 * _colours(shades)).astype(np.uint8)
                axes.imshow(
                    image,
                    origin="lower",
                    aspect="auto",
                    interpolation="none",
                    extent=(start_s, end_s, 0, top_hz / 1000),
                )
                axes.set_xlim(self._start, self._end)
            self._shade(axes, marks, alpha=0.16)
            self._scale(axes, top_db, last)

        self._add(SPECTROGRAM, f"{name}\nkHz".lstrip(), draw)

    # ---- the whole

    def figure(self) -> Figure:
        """The complete figure."""
        height = TOP + BOTTOM + sum(lane + SPACE for lane, _ in self._lanes)
        figure = Figure(figsize=(WIDTH, height), facecolor="white")
        at = height - TOP
        for lane, draw in self._lanes:
            at -= lane
            draw(figure, at / height, lane / height)
            at -= SPACE
        if self._axes:
            bottom = self._axes[-1]
            bottom.tick_params(axis="x", labelbottom=True, length=3)
            bottom.set_xlabel("time in the recording, s", color=TEXT)
        return figure

    def _write(self, text: str, height: float, size: float, colour: str, weight: str) -> None:
        def draw(figure: Figure, bottom: float, share: float) -> None:
            figure.text(
                LEFT / WIDTH,
                bottom + share / 2,
                text,
                fontsize=size,
                color=colour,
                fontweight=weight,
                va="center",
                parse_math=False,
            )

        self._lanes.append((height - SPACE * 0.6, draw))

    def _add(self, height: float, name: str, fill: Callable[[Axes], None], size: float = 9) -> None:
        def draw(figure: Figure, bottom: float, share: float) -> None:
            axes = figure.add_axes((LEFT / WIDTH, bottom, 1 - (LEFT + RIGHT) / WIDTH, share))
            axes.set_xlim(self._start, self._end)
            axes.tick_params(labelbottom=False, labelsize=8, colors=FAINT, length=3)
            axes.tick_params(axis="x", length=0)
            axes.xaxis.set_major_locator(MultipleLocator(self._step))
            axes.xaxis.set_major_formatter(FuncFormatter(_clock))
            for spine in axes.spines.values():
                spine.set_color("#999999")
                spine.set_linewidth(0.6)
            axes.set_ylabel(name, fontsize=size, color=TEXT, rotation=0, ha="right", va="center", labelpad=0)
            axes.yaxis.set_label_coords(-0.042, 0.5)
            axes.set_axisbelow(True)
            fill(axes)
            self._axes.append(axes)

        self._lanes.append((height, draw))

    def _shade(self, axes: Axes, marks: Sequence[Mark], alpha: float = 0.28) -> None:
        for mark in [mark for mark in marks if mark.kind in SHADED][:DRAWN]:
            colour = COLOURS[mark.kind][0]
            axes.axvspan(mark.start_s, mark.end_s, facecolor=colour, alpha=alpha, linewidth=0)
            for at in (mark.start_s, mark.end_s) if mark.text else ():
                axes.axvline(at, color=colour, linewidth=0.8)

    def _scale(self, axes: Axes, top_db: float, lane: int) -> None:
        """The colour scale, to the right of the last spectrogram."""
        if lane != len(self._lanes) - 1:
            return
        scale = axes.inset_axes((1.012, 0.0, 0.011, 1.0))
        colours = _colours(np.linspace(0, 1, SHADES))[:, None, :]
        scale.imshow(colours, origin="lower", aspect="auto", extent=(0, 1, top_db - RANGE_DB, top_db))
        scale.yaxis.tick_right()
        scale.set_xticks([])
        scale.tick_params(labelsize=7.5, colors=FAINT, length=2)
        scale.yaxis.set_major_locator(MaxNLocator(4))
        scale.set_title("dBFS", fontsize=7.5, color=FAINT, pad=3)

    def _rows(self, marks: Sequence[Mark]) -> tuple[list[list[tuple[Mark, bool]]], int]:
        """Marks in rows in which no text overlaps the next mark, and the number of omitted texts.

        Marks without a text have the last row to themselves.
        """
        per_inch = (self._end - self._start) / (WIDTH - LEFT - RIGHT)
        rows: list[list[tuple[Mark, bool]]] = []
        ends: list[float] = []
        hidden = 0
        drawn = sorted(marks, key=lambda mark: mark.start_s)[:DRAWN]
        for mark in (mark for mark in drawn if mark.text):
            end = max(mark.end_s, mark.start_s + (len(mark.text) + 1.5) * CHARACTER * per_inch)
            row = next((index for index, taken in enumerate(ends) if mark.start_s >= taken), len(ends))
            if row == EVENT_ROWS:
                hidden += 1
                rows[-1].append((mark, False))
                continue
            if row == len(ends):
                ends.append(end)
                rows.append([])
            ends[row] = end
            rows[row].append((mark, True))
        bare = [(mark, False) for mark in drawn if not mark.text]
        if bare:
            rows.append(bare)
        return rows, hidden + max(0, len(marks) - DRAWN)


def _colours(shades: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGB of shades from 0, white, to 1, nearly black: darker is louder, on screen and in print."""
    colours = np.asarray(colormaps["magma_r"](shades))[..., :3]
    paper = np.clip(1 - shades / WHITE, 0, 1)[..., None]
    return np.asarray(colours * (1 - paper) + paper)


def _clock(value: float, _: object) -> str:
    """A time in seconds; in minutes and seconds from two minutes on."""
    if abs(value) < 120:
        return f"{value:g}"
    minutes, seconds = divmod(value, 60)
    return f"{minutes:.0f}:{seconds:04.1f}" if seconds % 1 else f"{minutes:.0f}:{seconds:02.0f}"
