"""An RTP stream of G.711 into a playout, packet by packet, and its audio."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from media.rtp.codecs import A_LAW, MU_LAW, Samples
from media.rtp.playout import Playout

__all__ = ["CODES", "PTIME", "SENT", "START", "Stream", "codes", "read", "sent"]

START = 1_700_000_000.0
PTIME = 160  # samples at 8 kHz

CODES = np.random.default_rng(1).integers(1, 255, 400 * PTIME, dtype=np.uint8).tobytes()
"""Audio that was sent, in codes of G.711; none of them is silence."""
SENT = {"PCMU": MU_LAW[np.frombuffer(CODES, np.uint8)], "PCMA": A_LAW[np.frombuffer(CODES, np.uint8)]}


class Stream:
    """Sends the codes above, packet by packet; a test says which, when, and what else."""

    def __init__(self, playout: Playout, *, sequence: int = 65500, timestamp: int = 0xFFFFF000) -> None:
        self.playout = playout
        self.sequence, self.timestamp = sequence, timestamp

    def send(self, numbers: Iterable[int], *, later: float = 0.0, skip: int = 0, jump: int = 0) -> None:
        """Packets by number; `later` in s, `skip` in sequence numbers, `jump` in ticks."""
        for number in numbers:
            self.playout.add(
                START + number * 0.02 + later,
                (self.sequence + number + skip) & 0xFFFF,
                (self.timestamp + number * PTIME + jump) & 0xFFFFFFFF,
                codes(number),
                codec="PCMA",
                clock_rate=8000,
            )

    def other(self, number: int, codec: str, payload: bytes, timestamp: int) -> None:
        """A packet of another kind in the place of one."""
        self.playout.add(
            START + number * 0.02,
            (self.sequence + number) & 0xFFFF,
            (self.timestamp + timestamp) & 0xFFFFFFFF,
            payload,
            codec=codec,
            clock_rate=8000,
        )


def codes(number: int, count: int = 1) -> bytes:
    return CODES[number * PTIME : (number + count) * PTIME]


def sent(*numbers: int) -> Samples:
    """The audio of packets, silent where the number is negative."""
    silent = np.zeros(PTIME, np.int16)
    return np.concatenate([SENT["PCMA"][n * PTIME : (n + 1) * PTIME] if n >= 0 else silent for n in numbers])


def read(path: Path) -> Samples:
    samples, _ = soundfile.read(path, dtype="int16")
    return np.asarray(samples, np.int16)
