"""A raw callee that returns SRTP audio: each packet decrypted, changed, and encrypted under its own key."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from media.rtp.srtp import SrtpContext, SrtpKey
from tests.bench.acting import Callee, Line, Part
from tests.bench.parts import key_of
from tests.support.media_sockets import SILENCE

__all__ = ["Echo", "Returning", "chopped", "frames", "later"]

SSRC = b"\0\0\x12\x34"
HEADER = 12
GLANCE_S = 0.05
Change = Callable[[int, bytes], bytes | None]
"""What becomes of the payload of the packet at this place, from 0; None drops the packet."""


def unchanged(place: int, payload: bytes) -> bytes:
    """The same audio."""
    return payload


def frames(first: int, last: int) -> Change:
    """Drop the packets from ``first`` up to ``last``."""
    return lambda place, payload: None if first <= place < last else payload


def chopped(place: int, payload: bytes) -> bytes:
    """Silence in 280 of each 400 ms."""
    return SILENCE if place % 20 < 14 else payload


def later(count: int) -> Change:
    """The audio of so many packets before; silence until there is any."""
    kept: deque[bytes] = deque(maxlen=count + 1)

    def change(place: int, payload: bytes) -> bytes:
        kept.append(payload)
        return kept[0] if len(kept) > count else SILENCE

    return change


@dataclass(frozen=True)
class Echo:
    """How the audio is returned."""

    change: Change = unchanged
    key: Callable[[Line], SrtpKey | None] = lambda line: line.key
    """The key of what is sent; None sends plain RTP."""

    def perform(self, line: Line) -> None:
        """Return packets until the line is done."""
        incoming, key = SrtpContext(key_of(line.theirs.splitlines()[0])), self.key(line)
        outgoing = SrtpContext(key) if key is not None else None
        place = 0
        while not line.done.is_set():
            if not select.select([line.rtp], [], [], GLANCE_S)[0]:
                continue
            opened = incoming.unprotect(line.rtp.recv(65536)).packet
            payload = self.change(place, opened[HEADER:])
            place += 1
            if payload is not None:
                packet = opened[: HEADER - len(SSRC)] + SSRC + payload
                sent = outgoing.protect(packet) if outgoing is not None else packet
                line.rtp.sendto(sent, ("127.0.0.1", line.target))


class Returning(Callee):
    """Answers one call and returns its audio; ``takes_bye`` is whether it responds to BYE."""

    def __init__(
        self, echo: Echo, *, part: Part | None = None, takes_bye: bool = True, patience: float
    ) -> None:
        super().__init__(part, patience=patience)
        self._echo = echo
        self._takes_bye = takes_bye

    def media(self) -> None:
        """Return the audio."""
        self._echo.perform(self.line)

    def reply_to_bye(self) -> None:
        """Respond, or leave it."""
        bye = self.peer.expect("BYE")
        if self._takes_bye:
            self.peer.reply(bye, 200)
