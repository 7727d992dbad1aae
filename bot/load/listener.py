"""What a short recording contains: its own marker, and others. A process that answers such questions.

``python -m bot.load.listener`` reads questions from its standard input and writes answers, a JSON object in
each line, until its input ends. Its priority is the lowest, so that the audio of calls comes first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from media.signals.marker import Marker

__all__ = ["Heard", "Question", "listen"]

SLOT_MS = 20.0
MOSTLY = 0.75
"""Share of a marker that is enough without a closer search for its pieces."""
SYMBOLS = 24
"""Slots of a marker that carry its identity; the share that agrees is known (``media.signals.marker``)."""
BURDENED = 19


class Question(msgspec.Struct, frozen=True):
    """The path of a recording, and the identity of the marker that it should have."""

    path: str
    identity: int


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """The markers that a recording contains."""

    identities: tuple[int, ...] = ()
    """Every identity that was heard, in order."""
    start_s: float | None = None
    """Start of the searched marker in the recording; None when it was not heard."""
    missing_ms: float = 0.0
    """Audio of the searched marker that was not heard, nor heard somewhat later or earlier."""
    silent: bool = False
    """Whether the recording has no sound above -50 dBFS."""
    problem: str = ""
    """Why the file could not be read."""


def listen(path: str, identity: int) -> Heard:
    """Search a recording for the marker of this identity, and for any other."""
    import numpy as np

    from media.audio.wav import AudioError, read
    from media.signals.marker import find_markers
    from media.signals.marker_trace import trace_marker

    try:
        audio = read(path)
        found = find_markers(audio)
    except (AudioError, OSError) as error:
        return Heard(problem=str(error))
    own = next((one for one in found if one.identity == identity), None)
    if own is None or own.heard < MOSTLY:
        traced = trace_marker(audio, identity)
        own = max(filter(None, (own, traced)), key=lambda one: one.heard, default=None)
    return Heard(
        identities=identities_of(found, own),
        start_s=own.start_s if own else None,
        missing_ms=round((1 - own.heard) * SYMBOLS) * SLOT_MS if own else 0.0,
        silent=not len(audio.samples) or float(np.abs(audio.samples).max()) < SILENCE,
    )


def identities_of(found: Sequence[Marker], own: Marker | None) -> tuple[int, ...]:
    """The identities in order of time; the searched marker is among them, whole or in pieces, once."""
    if own is None:
        return tuple(one.identity for one in found)
    others = [one for one in found if one.identity != own.identity]
    return tuple(one.identity for one in sorted([*others, own], key=lambda one: one.start_s))


SILENCE = 10 ** (-50 / 20)


def main() -> None:
    """Answer until the input ends: with the parent, however it ends."""
    os.nice(BURDENED)
    import_module("media.signals.marker_trace")  # before the first recording
    questions = msgspec.json.Decoder(Question)
    for line in sys.stdin.buffer:
        question = questions.decode(line)
        sys.stdout.buffer.write(msgspec.json.encode(listen(question.path, question.identity)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
