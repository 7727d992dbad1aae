"""Expectations of RTP media: a plausible amount of authentic packets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import ConfigError
from bot.expectations.base import Expectation
from bot.expectations.definition import expectation
from bot.model import MediaDirection, MediaState, RtpCounters, StreamStats
from bot.ua import flows_plausibly, heard_of

__all__ = ["ANY", "MEDIA", "MediaExpectation"]

MEASURE_EVERY_S = 0.1
ANY = "any"
MEDIA = ("sendrecv", "sendonly", "recvonly", ANY)
"""Media directions as seen from this endpoint."""
Flow = Literal["sendrecv", "sendonly", "recvonly"]
EXPECTED = {
    MediaDirection.SENDRECV: "audio both ways",
    MediaDirection.SENDONLY: "audio sent",
    MediaDirection.RECVONLY: "audio received",
}


class MediaExpectation(Expectation):
    """Expectations of the RTP packets of a call; every ``timeout`` is in seconds."""

    @expectation("flow", value=Flow)
    def to_have_media(
        self, direction: str | MediaDirection = MediaDirection.SENDRECV, *, timeout: float = TIMEOUT_S
    ) -> None:
        """Audio flows in these directions, at least half of the amount that was due since the answer.

        The directions are those of this endpoint: ``sendrecv``, ``sendonly`` (no received audio is needed),
        ``recvonly`` or ``any`` (no requirement). What the peer suppressed as silence was not due, nor was
        anything while the stream was on hold. Raises ConfigError for another direction.
        """
        if direction not in MEDIA:
            raise ConfigError(f"media {direction!r} is unknown; expected one of {', '.join(MEDIA)}")
        if direction == ANY:
            return
        wanted = MediaDirection(direction)
        suppressing = self._endpoint.config.vad

        def flows(line: MediaState, stats: StreamStats) -> bool:
            return flows_plausibly(self._facts, line, stats, wanted, suppressing=suppressing)

        flowing = self._measure_until(flows, timeout)
        self._decide("has media", flowing, EXPECTED[wanted], self._flow())

    def _measure_until(self, holds: Callable[[MediaState, StreamStats], bool], timeout: float) -> bool:
        """Measure the audio stream repeatedly until the condition holds.

        The library does not report counters itself.
        """

        def right() -> bool:
            line = self._facts.audio()
            stats = self._facts.stats(line.index) if line else None
            return line is not None and stats is not None and holds(line, stats)

        deadline = Deadline(timeout)
        self._call.measure()
        while not right() and self._facts.ended is None and not deadline.passed:
            step = Deadline(min(MEASURE_EVERY_S, deadline.left))
            self._call.endpoint.wait_until(lambda: self._facts.ended is not None, step)
            self._call.measure()
        return right()

    def _media(self) -> str:
        lines = [
            f"{line.type} {'active' if line.active else 'inactive'}, {line.direction}"
            for line in self._call.media
        ]
        return "; ".join(lines) or f"no media, {self._state()}"

    def _flow(self) -> str:
        line = self._facts.audio()
        stats = self._facts.stats(line.index) if line else None
        return heard_of(self._facts, line, stats) if line and stats else f"no media, {self._state()}"

    def _received(self) -> RtpCounters | None:
        """The packets that the audio stream had received at the last measurement."""
        line = self._facts.audio()
        stats = self._facts.stats(line.index) if line else None
        return stats.rx if stats else None

    def _none_authentic(self) -> bool:
        """Whether packets arrived and none could be authenticated."""
        rx = self._received()
        return rx is not None and rx.unauthentic > 0 and rx.packets == 0

    def _wait_for_authentic(self, deadline: Deadline) -> None:
        """Count received packets; while none is authentic, keep waiting for the next packet."""
        if self._facts.audio() is not None:
            self._call.measure()
        if self._none_authentic():
            self._measure_until(lambda line, stats: not self._none_authentic(), deadline.left)

    def _refusals(self) -> str:
        """Discarded packets and the reasons."""
        rx = self._received()
        if rx is None or not rx.refused:
            return ""
        reasons = ", ".join(f"{count} {reason}" for reason, count in rx.refused.items())
        taken = "none of which could be read" if rx.packets == 0 else f"beside {rx.packets} that were taken"
        return f"; {rx.refusals} packets came, {taken}: {reasons}"
