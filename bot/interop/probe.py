"""Plays markers into a call and looks for them in what comes back."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.bots.sounds import sound
from bot.call import Call, Recording
from bot.deadline import Deadline
from bot.errors import BotError
from bot.interop.observation import Audio, Heard

__all__ = ["IDENTITIES", "Probe"]

ACTIVE_S = 2.0
"""Between the answer and active media, at most."""
PLAYED_S = 4.0
ECHO_S = 0.4
"""From the marker's end until the last of its echo: two jitter buffers and a way there and back."""
AUDIBLE_DBFS = -60.0
IDENTITIES = 1000
RIFF_HEADER = 8


@dataclass(frozen=True)
class Played:
    """A marker, and the packets that were counted while it sounded and echoed."""

    identity: int
    after_s: float
    """Since the recording began."""
    sent: int
    received: int


class Probe:
    """One call's; it records from the first marker to the end.

    A recording in between would begin late: audio that nobody takes waits in the jitter buffer.
    """

    def __init__(self, call: Call, path: Path, identities: Iterator[int]) -> None:
        self._call = call
        self._path = path
        self._identities = identities
        self._recording: Recording | None = None
        self._begun = 0.0
        self._played: list[Played] = []
        self.problem: str | None = None
        """Why it is not known what was heard: the recording is not whole."""

    def play(self) -> None:
        """Play the next marker and wait for its echo; nothing when no audio becomes active.

        Raises CallEnded when the call ends before.
        """
        call, known = self._call, self._call.known
        call.host.wait_until(lambda: known.ended is not None or known.audio() is not None, Deadline(ACTIVE_S))
        if known.ended is not None or known.audio() is None:
            return
        if self._recording is None:
            self._recording, self._begun = call.record(self._path), time.monotonic()
        identity, after_s = next(self._identities), time.monotonic() - self._begun
        sent, received = packets(call)
        call.play(sound(f"marker:{identity}")).wait(PLAYED_S)
        call.host.wait_until(lambda: known.ended is not None, Deadline(ECHO_S))
        sent_now, received_now = packets(call)
        self._played.append(Played(identity, after_s, sent_now - sent, received_now - received))

    def heard(self) -> list[Heard]:
        """What came of each marker; once the call has ended, and with it the recording."""
        if self._recording is None:
            return []
        self.problem = self._why_not_whole(self._recording)
        return [
            Heard(heard_in(self._path, one) if self.problem is None else None, one.sent, one.received)
            for one in self._played
        ]

    def _why_not_whole(self, recording: Recording) -> str | None:
        """The recorder itself does not tell when the disk is full: its file does."""
        try:
            recording.wait(ACTIVE_S)
        except BotError as error:
            return f"{self._path}: the recording was not finished: {str(error).partition(chr(10))[0]}"
        if is_whole(self._path):
            return None
        return f"{self._path}: the recording could not be written; is the disk full?"


def packets(call: Call) -> tuple[int, int]:
    """Sent and received until now."""
    call.measure()
    line = call.known.audio()
    stats = call.known.stats(line.index) if line is not None else None
    return (stats.tx.packets, stats.rx.packets) if stats is not None else (0, 0)


def is_whole(path: Path) -> bool:
    """Whether the recorder could write all of a WAV: the length in its header, which comes last, is true."""
    try:
        with path.open("rb") as file:
            header = file.read(RIFF_HEADER)
        size = path.stat().st_size
    except OSError:
        return False
    return len(header) == RIFF_HEADER and struct.unpack("<4sI", header) == (b"RIFF", size - RIFF_HEADER)


def heard_in(path: Path, played: Played) -> Audio:
    """What a whole recording holds since a marker was played; one without a sample is silent."""
    import numpy as np

    from media.marker import find_markers
    from media.wav import AudioError, read

    try:
        audio = read(path)
    except AudioError:
        return "silence"
    if any(one.identity == played.identity for one in find_markers(audio)):
        return "marker"
    since = audio.samples[round(played.after_s * audio.rate) :]
    power = float(np.mean(np.square(since, dtype=np.float64))) if len(since) else 0.0
    return "audio" if power > 10 ** (AUDIBLE_DBFS / 10) else "silence"
