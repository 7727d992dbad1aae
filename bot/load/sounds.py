"""The audio that calls send: speech with a marker, whose identity says which call it is.

Every line has two pairs of identities and takes them in turn, so that audio of another call, or of the
earlier call of the same line, is told from its own. The files are kept in the audio cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.audio_files import kept

__all__ = ["LEAD_S", "SECTION_S", "Section", "Sounds"]

LEAD_S = 0.4
"""Speech before a marker, in seconds: the time in which a jitter buffer and a proven media path settle."""
MARKER_S = 0.72
SECTION_S = LEAD_S + MARKER_S + 0.3
"""Length of the speech with a marker in it."""
PER_LINE = 4
IDENTITIES = 1 << 16


@dataclass(frozen=True)
class Section:
    """Speech with a marker: its identity, and the file to play."""

    identity: int
    path: Path


class Sounds:
    """The sections of all lines, at the sample rate of the conference bridge."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._made: dict[int, Section] = {}

    def prepare(self, line: int) -> None:
        """Make the sections of a line, so that no call waits for them; raises NativeError."""
        for identity in range(line * PER_LINE, (line + 1) * PER_LINE):
            self._section(identity % IDENTITIES)

    def of_call(self, line: int, turn: int) -> tuple[Section, Section]:
        """The sections for the beginning and the end of a call; ``turn`` counts the calls of the line."""
        first = (line * PER_LINE + 2 * (turn % 2)) % IDENTITIES
        return self._section(first), self._section(first + 1)

    def _section(self, identity: int) -> Section:
        if identity not in self._made:
            path = kept(f"load-{identity}-{self._rate}.wav", lambda part: self._write(part, identity))
            self._made[identity] = Section(identity, path)
        return self._made[identity]

    def _write(self, path: Path, identity: int) -> None:
        import numpy as np

        from media.audio.wav import Audio, write
        from media.signals.marker import marker
        from media.signals.speech import speak

        speech = speak(SECTION_S, self._rate).samples
        mark = marker(identity, self._rate).samples
        start = round(LEAD_S * self._rate)
        samples = np.concatenate([speech[:start], mark, speech[start + len(mark) :]])
        write(path, Audio(samples, self._rate))
