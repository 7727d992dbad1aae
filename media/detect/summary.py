"""Summary of the facts about audio: level, digits, markers, tones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from media.audio.wav import Audio, AudioError

if TYPE_CHECKING:
    from media.audio.levels import SpeechLevel, Stretch
    from media.detect.call_progress import SignalHeard, ToneHeard
    from media.detect.dtmf import DigitHeard
    from media.signals.marker import Marker

__all__ = ["Facts", "facts"]

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about audio; None for a value that cannot be detected, for instance below 8000 Hz.

    `signals` are call progress signals such as ringback, `tones` are those that belong to no signal and no
    digit.
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
    """Measure and detect everything; accepts empty and silent audio."""
    from media.audio.levels import silences, speech_level
    from media.detect.call_progress import find_tones, recognise
    from media.detect.dtmf import detect
    from media.signals.marker import find_markers

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
    """Tones that are not part of another detected sound."""
    from media.signals.marker import DURATION_S

    taken = [(signal.start_s, signal.end_s) for signal in named]
    taken += [(digit.start_s, digit.start_s + digit.duration_ms / 1000) for digit in digits]
    taken += [(marker.start_s, marker.start_s + DURATION_S) for marker in markers]
    return tuple(
        tone for tone in tones if not any(start < tone.end_s and tone.start_s < end for start, end in taken)
    )
