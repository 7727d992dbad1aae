"""Probe of the media: plays markers into a call and detects them in the received audio."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.audio_files import audio_file
from bot.deadline import Deadline
from bot.errors import BotError
from bot.interop.observation import Audio as Sound
from bot.interop.observation import Heard
from bot.ua import Call, Recording

if TYPE_CHECKING:
    from media.audio.wav import Audio

__all__ = ["IDENTITIES", "Probe"]

ACTIVE_S = 2.0
"""Largest time from the answer to active media, in seconds."""
PLAYED_S = 4.0
ECHO_S = 0.4
"""From the marker's end until the last of its echo: two jitter buffers and a way there and back."""
AUDIBLE_DBFS = -60.0
IDENTITIES = 1000
LATE_S = 0.3
"""A recording that lacks its marker and more than this at its end was not written to the end."""


@dataclass(frozen=True)
class Played:
    """A marker, and the packets that were counted while it sounded and echoed."""

    identity: int
    after_s: float
    until_s: float
    """Since the recording began."""
    sent: int
    received: int


class Probe:
    """The markers and the recording of a call, from the first marker to the end of the call.

    A later recording would begin late, because unread audio stays in the jitter buffer.
    """

    def __init__(self, call: Call, path: Path, identities: Iterator[int]) -> None:
        self._call = call
        self._path = path
        self._identities = identities
        self._recording: Recording | None = None
        self._begun = 0.0
        self._played: list[Played] = []
        self.problem: str | None = None
        """The reason why the received audio is unknown: an incomplete recording."""

    def play(self) -> None:
        """Play the next marker and wait for its echo; nothing when no audio becomes active.

        Raises CallEnded when the call ends before.
        """
        call, facts = self._call, self._call.facts
        call.endpoint.wait_until(
            lambda: facts.ended is not None or facts.audio() is not None, Deadline(ACTIVE_S)
        )
        if facts.ended is not None or facts.audio() is None:
            return
        if self._recording is None:
            self._recording, self._begun = call.record(self._path), time.monotonic()
        identity, after_s = next(self._identities), time.monotonic() - self._begun
        sent, received = packets(call)
        call.play(audio_file(f"marker:{identity}")).wait(PLAYED_S)
        call.endpoint.wait_until(lambda: facts.ended is not None, Deadline(ECHO_S))
        until_s = time.monotonic() - self._begun
        sent_now, received_now = packets(call)
        self._played.append(Played(identity, after_s, until_s, sent_now - sent, received_now - received))

    def heard(self) -> list[Heard]:
        """The outcome of each marker, after the end of the call."""
        if self._recording is None or not self._played:
            return []
        words = self._words(self._recording)
        return [Heard(word, one.sent, one.received) for word, one in zip(words, self._played, strict=True)]

    def _words(self, recording: Recording) -> Sequence[Sound | None]:
        """The outcome of each marker in a complete recording; otherwise sets ``problem``.

        A full disk shows only in the file: the file is empty, has no lengths, or ends early.
        """
        from media.audio.wav import AudioError, read

        unknown = [None] * len(self._played)
        try:
            recording.wait(ACTIVE_S)
            audio = read(self._path)
        except AudioError:
            audio = None
        except BotError as error:
            self.problem = f"{self._path}: not recorded to the end: {str(error).splitlines()[0]}"
            return unknown
        words = heard_in(audio, self._played) if audio is not None else unknown
        first = self._played[0]  # audio during a hold may not be recorded
        if audio is None or (audio.duration_s < first.until_s - LATE_S and words[0] != "marker"):
            self.problem = f"{self._path}: the recording could not be written; is the disk full?"
            return unknown
        return words


def packets(call: Call) -> tuple[int, int]:
    """Sent and received until now."""
    call.measure()
    line = call.facts.audio()
    stats = call.facts.stats(line.index) if line is not None else None
    return (stats.tx.packets, stats.rx.packets) if stats is not None else (0, 0)


def heard_in(audio: Audio, played: Sequence[Played]) -> list[Sound]:
    """The recorded audio after each marker was played."""
    import numpy as np

    from media.signals.marker import find_markers

    identities = {marker.identity for marker in find_markers(audio)}

    def word(one: Played) -> Sound:
        if one.identity in identities:
            return "marker"
        since = audio.samples[round(one.after_s * audio.rate) :]
        power = float(np.mean(np.square(since, dtype=np.float64))) if len(since) else 0.0
        return "audio" if power > 10 ** (AUDIBLE_DBFS / 10) else "silence"

    return [word(one) for one in played]
