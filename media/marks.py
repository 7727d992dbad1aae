"""Owns what a picture of audio points at: digits, markers, tones, gaps; it must not know how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from media.wav import Audio

if TYPE_CHECKING:
    from media.compare import Comparison
    from media.facts import Facts

__all__ = ["Mark", "differences", "found_in", "hertz", "marks_of"]

Kind = Literal["digit", "marker", "tone", "gap", "concealed", "insertion"]

NAMED = 6  # concealed stretches; more of them are drawn without a word


@dataclass(frozen=True, slots=True)
class Mark:
    """Something from `start_s` to `end_s`, with a short text."""

    kind: Kind
    start_s: float
    end_s: float
    text: str

    def moved(self, by_s: float) -> Mark:
        """The same at another time."""
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)


def found_in(audio: Audio) -> tuple[Mark, ...]:
    """Look for digits, markers and tones."""
    from media.facts import facts

    return marks_of(facts(audio))


def marks_of(found: Facts) -> tuple[Mark, ...]:
    """What was found, in order of time."""
    from media.marker import DURATION_S

    marks = [
        Mark("digit", one.start_s, one.start_s + one.duration_ms / 1000, one.digit)
        for one in found.digits or ()
    ]
    marks += [
        Mark("marker", one.start_s, one.start_s + DURATION_S, f"marker {one.identity}")
        for one in found.markers or ()
    ]
    marks += [
        Mark("tone", one.start_s, one.end_s, f"{one.name}, {hertz(one.tones[0].frequencies)}")
        for one in found.signals or ()
    ]
    marks += [Mark("tone", one.start_s, one.end_s, hertz(one.frequencies)) for one in found.tones or ()]
    return tuple(sorted(marks, key=lambda mark: (mark.start_s, mark.kind)))


def differences(comparison: Comparison) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """What is missing, in the reference's time, and what is missing or was inserted, in the recording's."""
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
            one.start_s,
            one.start_s + one.duration_ms / 1000,
            f"{one.duration_ms:.0f} ms inserted",
        )
        for one in comparison.insertions
    ]
    return tuple(lost), tuple(more)


def _delay_s(comparison: Comparison, at_s: float) -> float | None:
    """The delay where the reference is at `at_s`: that of the last window before it that has one."""
    before = [one.delay_ms for one in comparison.windows if one.start_s <= at_s and one.delay_ms is not None]
    delay_ms = before[-1] if before else comparison.delay_ms
    return None if delay_ms is None else delay_ms / 1000


def hertz(frequencies: Sequence[float]) -> str:
    """The frequencies of a tone, for people."""
    return "+".join(f"{frequency:.0f}" for frequency in frequencies) + " Hz"
