"""Audio and digits of both sides of a captured call, decrypted where there are keys."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bot.capture.analysis import analyse
from bot.capture.decrypt import Decrypted, decrypt
from bot.capture.digits import Heard
from bot.capture.report import Analysis, StreamReport
from bot.captured.reading import CallOfCapture

if TYPE_CHECKING:
    from media.rtp.srtp import SrtpKey

__all__ = ["Digits", "Side", "Sound", "sides"]

APART_S = 1.0
"""Longest pause between two digits of one step, in seconds."""
SHORTEST_MS, LONGEST_MS = 40, 2000


@dataclass(frozen=True)
class Sound:
    """A sound of one side; ``at`` in seconds since 1970."""

    file: Path
    at: float
    duration_s: float


@dataclass(frozen=True)
class Digits:
    """Digits that one side sent one after the other by one method."""

    at: float
    digits: str
    method: str
    on_ms: int
    off_ms: int
    lasts_s: float


@dataclass
class Side:
    """What one side sent."""

    name: str
    streams: list[StreamReport] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    digits: list[Digits] = field(default_factory=list)
    packets: int = 0
    began: float | None = None
    ended: float | None = None
    notes: list[str] = field(default_factory=list)


def sides(path: str | Path, call: CallOfCapture, keys: Sequence[SrtpKey], folder: Path) -> tuple[Side, Side]:
    """What the caller and the callee sent; sounds are written to ``folder``."""
    analysis, call_id = analyse(path, keys=keys), call.call_id
    senders = {copy.at: copy.by_caller for copy in call.copies if copy.method == "INFO"}
    found = Side("caller"), Side("callee")
    for side, by_caller in zip(found, (True, False), strict=True):
        side.streams = streams = first_path(analysis, call_id, by_caller)
        side.packets = sum(stream.packets for stream in streams)
        if streams:
            side.began = min(stream.started for stream in streams)
            side.ended = max(stream.ended for stream in streams)
        ssrcs = {(stream.source, stream.ssrc) for stream in streams}
        digits = [
            one
            for one in analysis.digits
            if one.call_id == call_id
            and (senders.get(one.at) is by_caller if one.ssrc is None else (one.source, one.ssrc) in ssrcs)
        ]
        side.digits = list(grouped(digits))
    if any(side.packets for side in found):
        with tempfile.TemporaryDirectory(prefix="srtpbot-") as place:
            decrypted = decrypt(path, Path(place) / "call", keys=keys, call_id=call_id)
            for side in found:
                take_sounds(side, decrypted, Path(place) / "call", folder)
    return found


def first_path(analysis: Analysis, call_id: str, by_caller: bool) -> list[StreamReport]:
    """The audio streams of a side on the first hop that has them; another hop has copies."""
    of_side = [
        stream
        for stream in analysis.streams
        if (stream.call_id, stream.from_caller) == (call_id, by_caller) and stream.packets
    ]
    first = min(of_side, key=lambda stream: stream.started, default=None)
    return [stream for stream in of_side if first is not None and stream.source == first.source]


def take_sounds(side: Side, decrypted: Decrypted, source: Path, folder: Path) -> None:
    """Move the sounds of a side from ``source`` to ``folder``."""
    for stream in side.streams:
        place = stream.ssrc, stream.source, stream.target
        one = next((one for one in decrypted.recordings if (one.ssrc, one.source, one.target) == place), None)
        if one is None:
            side.notes.append(f"audio of the {side.name}: {unheard(stream, decrypted.notes)}")
            continue
        name = folder / f"{side.name}-{len(side.sounds) + 1}.wav"
        shutil.move(source / one.file, name)
        side.sounds.append(Sound(name, one.started, one.duration_s))
        side.notes += [f"audio of the {side.name}: {problem}" for problem in one.problems]
    side.sounds.sort(key=lambda sound: sound.at)


def unheard(stream: StreamReport, notes: Sequence[str]) -> str:
    """Why a stream has no sound."""
    mine = next((note for note in notes if f"{stream.ssrc:08X}" in note), None)
    if mine is None and stream.protection is not None:
        return "encrypted, and no key opens it; give the keys with --keylog"
    return mine or "it could not be decoded"


def grouped(digits: Sequence[Heard]) -> Iterator[Digits]:
    """Digits in groups with short pauses."""
    group: list[Heard] = []
    for digit in digits:
        if group and (digit.method != group[-1].method or digit.at - end_of(group[-1]) > APART_S):
            yield made(group)
            group = []
        group.append(digit)
    if group:
        yield made(group)


def end_of(digit: Heard) -> float:
    """The end of a digit."""
    return digit.at + (digit.duration_ms or 0) / 1000


def made(group: Sequence[Heard]) -> Digits:
    """The digits of a group, with their usual duration and pause."""
    durations = [digit.duration_ms for digit in group if digit.duration_ms]
    on_ms = bounded(statistics.median(durations)) if durations else 100
    pauses = [(after.at - end_of(before)) * 1000 for before, after in pairwise(group)]
    off_ms = bounded(statistics.median(pauses)) if pauses else 100
    text = "".join(digit.digit for digit in group)
    return Digits(group[0].at, text, group[0].method, on_ms, off_ms, len(text) * (on_ms + off_ms) / 1000)


def bounded(value: float) -> int:
    """A duration in ms within the limits of a step."""
    return round(min(max(value, SHORTEST_MS), LONGEST_MS))
