"""Annotations for plots of audio: digits, markers, tones, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from media.audio.wav import Audio

if TYPE_CHECKING:
    from media.compare.compare import Comparison
    from media.detect.summary import Facts

__all__ = ["Mark", "differences", "found_in", "hertz", "marks_of"]

Kind = Literal["digit", "marker", "tone", "gap", "concealed", "insertion"]

NAMED = 6  # concealed intervals; if there are more, they are drawn without text


@dataclass(frozen=True, slots=True)
class Mark:
    """An interval from `start_s` to `end_s` with a short text."""

    kind: Kind
    start_s: float
    end_s: float
    text: str

    def moved(self, by_s: float) -> Mark:
        """The mark shifted in time."""
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)


def found_in(audio: Audio) -> tuple[Mark, ...]:
    """Detect digits, markers and tones."""
    from media.detect.summary import facts

    return marks_of(facts(audio))


def marks_of(found: Facts) -> tuple[Mark, ...]:
    """Marks for the detected facts, in order of time."""
    from media.signals.marker import DURATION_S

    marks = [
        Mark("digit", digit.start_s, digit.start_s + digit.duration_ms / 1000, digit.digit)
        for digit in found.digits or ()
    ]
    marks += [
        Mark("marker", marker.start_s, marker.start_s + DURATION_S, f"marker {marker.identity}")
        for marker in found.markers or ()
    ]
    marks += [
        Mark("tone", signal.start_s, signal.end_s, f"{signal.name}, {hertz(signal.tones[0].frequencies)}")
        for signal in found.signals or ()
    ]
    marks += [Mark("tone", tone.start_s, tone.end_s, hertz(tone.frequencies)) for tone in found.tones or ()]
    return tuple(sorted(marks, key=lambda mark: (mark.start_s, mark.kind)))


def differences(comparison: Comparison) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """Missing audio in the reference's time, and missing or inserted audio in the recording's time."""
    lost, more = [], []
    few = sum(gap.concealed for gap in comparison.gaps) <= NAMED
    for gap in comparison.gaps:
        end_s = gap.start_s + gap.duration_ms / 1000
        if gap.concealed:
            mark = Mark("concealed", gap.start_s, end_s, f"{gap.duration_ms:.0f} ms concealed" if few else "")
        else:
            mark = Mark("gap", gap.start_s, end_s, f"{gap.duration_ms:.0f} ms missing")
        lost.append(mark)
        delay = _delay_s(comparison, gap.start_s)
        if delay is not None:
            more.append(mark.moved(delay))
    more += [
        Mark(
            "insertion",
            insertion.start_s,
            insertion.start_s + insertion.duration_ms / 1000,
            f"{insertion.duration_ms:.0f} ms inserted",
        )
        for insertion in comparison.insertions
    ]
    return tuple(lost), tuple(more)


def _delay_s(comparison: Comparison, at_s: float) -> float | None:
    """The delay of the reference at `at_s`: that of the last window before it with a delay."""
    before = [
        window.delay_ms
        for window in comparison.windows
        if window.start_s <= at_s and window.delay_ms is not None
    ]
    delay_ms = before[-1] if before else comparison.delay_ms
    return None if delay_ms is None else delay_ms / 1000


def hertz(frequencies: Sequence[float]) -> str:
    """The frequencies of a tone as text."""
    return "+".join(f"{frequency:.0f}" for frequency in frequencies) + " Hz"
