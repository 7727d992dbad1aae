"""Verdicts on the packets of one call: whether each that its capture has was protected as negotiated.

It knows what an endpoint thinks of its call and what the capture says, and neither keys nor packets.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bot.pcap.report import Protection, StreamReport

__all__ = ["LINGER_S", "Life", "Line", "Proof", "WireCounters", "WireResult", "prove"]

LINGER_S = 5.0
"""How long after its BYE packets of a call may still come."""
UNEXPLAINED = ("not every packet was protected as negotiated",)


class WireCounters(msgspec.Struct, frozen=True, kw_only=True):
    """RTP packets of one direction, as they were on the wire."""

    packets: int
    authenticated: int
    """With the key that SDP gave to their sender."""
    plain: int
    """Not protected at all."""
    failed: int
    """Protected, and not with that key."""


class WireResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a capture has of an m= line."""

    rx: WireCounters
    tx: WireCounters
    suite: str | None
    """The crypto suite that authenticates the packets; of several, the last one."""
    reused: int
    """Packets whose key stream had protected another packet before: a two-time pad."""


@dataclass(frozen=True)
class Life:
    """When a call began and ended, in seconds since 1970."""

    began: float = -math.inf
    ended: float = math.inf

    def share(self, streams: Sequence[StreamReport]) -> list[StreamReport]:
        """Those that were there while the call was, or came on the same way right after it."""
        meanwhile = [one for one in streams if one.started <= self.ended and one.ended >= self.began]
        ways = {(one.source, one.target) for one in meanwhile}
        after = [
            one
            for one in streams
            if self.ended < one.started <= self.ended + LINGER_S and (one.source, one.target) in ways
        ]
        return [*meanwhile, *after]


@dataclass(frozen=True)
class Line:
    """An m= line of a call, as the call's endpoint knows it."""

    own: Collection[str]
    """Every ``host:port`` at which this endpoint received its RTP, and from which it sent."""
    secure: bool
    """Whether SRTP was negotiated."""
    suite: str | None = None
    """The crypto suite that the library runs."""
    sent: int | None = None
    """Packets that the library counted; None when it did not."""
    received: int | None = None
    life: Life = Life()
    """Before and after it, the ports were another's."""


@dataclass(frozen=True)
class Proof:
    """A verdict, with the figures behind it."""

    passed: bool
    expected: str
    observed: str
    wire: WireResult


class Way:
    """One direction of an m= line: all of its streams."""

    def __init__(self, verb: str, streams: Sequence[StreamReport], counted: int | None) -> None:
        self.streams = streams
        self.packets = sum(one.packets for one in streams)
        self.reused = sum(one.reused for one in protections(streams))
        self._verb = verb
        self._counted = counted
        """By the library."""

    @property
    def counters(self) -> WireCounters:
        """For the result."""
        known = protections(self.streams)
        bare = sum(one.packets for one in self.streams if one.protection is None)
        return WireCounters(
            packets=self.packets,
            authenticated=sum(one.authenticated for one in known),
            plain=bare + sum(one.plain for one in known),
            failed=sum(one.failed + one.swapped for one in known),
        )

    def complaints(self, *, secure: bool) -> list[str]:
        """What is not as it should be, one sentence each."""
        found: list[str] = []
        if not self.packets and self._counted:
            found.append(f"the library counted {packets(self._counted)}, the capture has none")
        if secure:
            broken = [one for one in protections(self.streams) if not one.intact]
            found += [problem for one in broken for problem in one.problems or UNEXPLAINED]
            allowed = [one for one in self.streams if one.protection is None or one.protection.plain_allowed]
            plain = sum(one.protection.plain if one.protection else one.packets for one in allowed)
            if plain:
                found.append(f"{packets(plain)} plain RTP where the library runs SRTP")
        return [f"{self._verb}: {one}" for one in dict.fromkeys(found)]


def prove(call_id: str, index: int, line: Line, streams: Iterable[StreamReport]) -> Proof:
    """The verdict on the m= line ``index`` (from 0) of the call with that Call-ID.

    What was not captured has failed.
    """
    named = [one for one in streams if one.call_id in (call_id, None) and one.media_index in (index, None)]
    its = line.life.share(named)
    rx = Way("received", [one for one in its if one.target in line.own], line.received)
    tx = Way("sent", [one for one in its if one.source in line.own], line.sent)
    suites = [one.suite for one in protections([*rx.streams, *tx.streams]) if one.authenticated]
    suite = suites[-1] if suites else None
    wire = WireResult(rx=rx.counters, tx=tx.counters, suite=suite, reused=rx.reused + tx.reused)
    of = rx.packets + tx.packets
    if line.secure:
        expected = f"every packet authenticated with {line.suite or 'the negotiated suite'}"
        done = wire.rx.authenticated + wire.tx.authenticated
        figures = f"{done:,} of {packets(of)} authenticated{f' ({suite})' if suite else ''}"
    else:
        expected, figures = "plain RTP, as negotiated", f"{packets(of)} of plain RTP"
    if not of:
        return Proof(False, expected, "no RTP of it was captured", wire)
    complaints = [one for way in (rx, tx) for one in way.complaints(secure=line.secure)]
    if line.suite and suite and suite != line.suite:
        complaints.append(f"the library says {line.suite}")
    return Proof(not complaints, expected, "; ".join([f"{figures}, {directions(rx, tx)}", *complaints]), wire)


def protections(streams: Iterable[StreamReport]) -> list[Protection]:
    """Of the streams that have or need one, in the order in which they began."""
    began = sorted(streams, key=lambda one: one.started)
    return [one.protection for one in began if one.protection is not None]


def directions(rx: Way, tx: Way) -> str:
    """Which ones there were packets of."""
    if rx.packets and tx.packets:
        return "both directions"
    return "received only" if rx.packets else "sent only"


def packets(count: int) -> str:
    """A number and its noun."""
    return f"{count:,} packet{'' if count == 1 else 's'}"
