"""Owns what can be said of audio on its own: level, digits, markers, tones; not what was expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from media.wav import Audio, AudioError

if TYPE_CHECKING:
    from media.dtmf_detector import DigitHeard
    from media.levels import SpeechLevel, Stretch
    from media.marker import Marker
    from media.progress import SignalHeard, ToneHeard

__all__ = ["Facts", "facts"]

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in audio; what could not be looked for, for instance below 8000 Hz, is None.

    `signals` are call progress signals such as ringback, `tones` those that belong neither to one nor to
    a digit.
    """

    duration_s: float
    rate: int
    level: SpeechLevel
    silences: tuple[Stretch, ...]
    digits: tuple[DigitHeard, ...] | None
    markers: tuple[Marker, ...] | None
    signals: tuple[SignalHeard, ...] | None
    tones: tuple[ToneHeard, ...] | None


def facts(audio: Audio) -> Facts:
    """Measure and look for everything; works for empty and silent audio too."""
    from media.dtmf_detector import detect
    from media.levels import silences, speech_level
    from media.marker import find_markers
    from media.progress import find_tones, recognise

    digits = _sought(detect, audio)
    markers = _sought(find_markers, audio)
    tones = _sought(find_tones, audio)
    named = None if tones is None else recognise(tones)
    return Facts(
        duration_s=audio.duration_s,
        rate=audio.rate,
        level=speech_level(audio),
        silences=silences(audio),
        digits=digits,
        markers=markers,
        signals=named,
        tones=None if tones is None else _others(tones, named or (), digits or (), markers or ()),
    )


def _sought(look: Callable[[Audio], tuple[Found, ...]], audio: Audio) -> tuple[Found, ...] | None:
    try:
        return look(audio) if len(audio.samples) else ()
    except AudioError:
        return None


def _others(
    tones: tuple[ToneHeard, ...],
    named: tuple[SignalHeard, ...],
    digits: tuple[DigitHeard, ...],
    markers: tuple[Marker, ...],
) -> tuple[ToneHeard, ...]:
    """Tones that are not the sound of something else."""
    from media.marker import DURATION_S

    taken = [(one.start_s, one.end_s) for one in named]
    taken += [(one.start_s, one.start_s + one.duration_ms / 1000) for one in digits]
    taken += [(one.start_s, one.start_s + DURATION_S) for one in markers]
    return tuple(
        one for one in tones if not any(start < one.end_s and one.start_s < end for start, end in taken)
    )
