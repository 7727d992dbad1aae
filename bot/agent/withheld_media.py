"""Media that waits until its address has proved itself: by the ACK, a PRACK, or RTP or STUN from there.

Whoever sends an INVITE says in c= where RTP goes, and the address may be somebody else's: one INVITE would
make 50 packets a second go there for as long as an ACK is waited for. Until then a stream does not send. A
caller whose 200 has arrived acknowledges it before anything else, so nobody waits for longer than a round
trip; one who hears early media sends RTP of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pjsua2 as pj

from bot.agent.loop import Loop
from bot.agent.native.library import Exported

__all__ = ["WithheldMedia"]

LOOK_S = 0.02


class WithheldMedia:
    """The streams that do not send yet; raises MissingSymbol when this build cannot hold one back."""

    def __init__(self, library: Exported, loop: Loop, proved: Callable[[int], bool]) -> None:
        """``proved`` says whether a packet has come to a stream from where its own are to go."""
        library.require("pjmedia_stream_pause", "pjmedia_stream_resume")
        self._c, self._loop, self._proved = library, loop, proved
        self._held: set[int] = set()
        self._looking = False

    def hold(self, stream: int) -> None:
        """Let a stream that begins send nothing."""
        self._held.add(stream)
        self._c.pjmedia_stream_pause(stream, pj.PJMEDIA_DIR_ENCODING)
        if not self._looking:
            self._looking = True
            self._loop.after(LOOK_S, self._look)

    def holds(self, streams: Iterable[int]) -> bool:
        """Whether one of these does not send yet."""
        return not self._held.isdisjoint(streams)

    def release(self, streams: Iterable[int]) -> None:
        """Let these send."""
        for stream in self._held.intersection(streams):
            self._held.discard(stream)
            self._c.pjmedia_stream_resume(stream, pj.PJMEDIA_DIR_ENCODING)

    def forget(self, stream: int) -> None:
        """A stream is gone."""
        self._held.discard(stream)

    def _look(self) -> None:
        self.release([stream for stream in self._held if self._proved(stream)])
        self._looking = bool(self._held)
        if self._looking:
            self._loop.after(LOOK_S, self._look)
