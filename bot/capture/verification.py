"""Verification of SRTP on the wire: whether each captured packet of a call is protected as negotiated.

It compares the endpoint's view of its call with the report on the capture. It handles no keys and no
packets.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bot.capture import LINGER_S

if TYPE_CHECKING:
    from bot.capture.report import Protection, StreamReport

__all__ = ["CallLifetime", "MediaLine", "Verification", "WireCounters", "WireResult", "prove"]

IN_FLIGHT_S = 0.25
"""Packets of this duration (s) may be in flight when the library starts or stops a stream.

They count in addition to packets before and after the stream.
"""
PACKETS_PER_S = 50
UNEXPLAINED = ("not every packet was protected as negotiated",)


class WireCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Captured RTP packets of one direction."""

    packets: int
    """Number of captured packets."""
    authenticated: int
    """Number of SRTP packets that authenticate with the sender's key from the SDP."""
    plain: int
    """Number of plain RTP packets."""
    failed: int
    """Number of SRTP packets that do not authenticate with the sender's key from the SDP."""
    protected: int = 0
    """Number of SRTP packets with keys of DTLS-SRTP, which the capture does not have; none is plain RTP."""


class WireResult(msgspec.Struct, frozen=True, kw_only=True):
    """Verification of the captured packets of one m= line."""

    rx: WireCounters
    """Received packets."""
    tx: WireCounters
    """Sent packets."""
    suite: str | None
    """Crypto suite that authenticates the packets; the last suite when there were several."""
    reused: int
    """Number of packets whose key stream already encrypted another packet (two-time pad)."""
    dtls: int = 0
    """Number of DTLS packets on the paths of the streams."""


@dataclass(frozen=True)
class CallLifetime:
    """Start and end of a call, in seconds since 1970."""

    began: float = -math.inf
    ended: float = math.inf

    def share(self, streams: Sequence[StreamReport]) -> list[StreamReport]:
        """The streams that existed during the call, or that continue on the same path directly after it."""
        meanwhile = [
            stream for stream in streams if stream.started <= self.ended and stream.ended >= self.began
        ]
        ways = {(one.source, one.target) for one in meanwhile}
        after = [
            one
            for one in streams
            if self.ended < one.started <= self.ended + LINGER_S and (one.source, one.target) in ways
        ]
        return [*meanwhile, *after]


@dataclass(frozen=True)
class MediaLine:
    """An m= line of a call, as the call's endpoint knows it."""

    own: Collection[str]
    """Every ``host:port`` at which this endpoint received or from which it sent the RTP of the m= line."""
    secure: bool
    """Whether SRTP was negotiated."""
    suite: str | None = None
    """The crypto suite that the library uses."""
    dtls: bool = False
    """Whether DTLS keys the streams."""
    sent: int | None = None
    """Packets that the library counted; None when it counted none."""
    received: int | None = None
    life: CallLifetime = CallLifetime()
    """The ports belonged to other calls before and after this time."""
    heard_from: float | None = None
    """Time at which the library began to receive (s since 1970); None after an interruption, as on hold."""
    changes: int = 0
    """Number of media changes after that."""

    def in_flight(self, streams: Sequence[StreamReport], packets: int) -> int:
        """Packets that may have been sent to the library but not received by it."""
        began, ended = min(stream.started for stream in streams), max(one.ended for one in streams)
        before = max(0.0, (self.heard_from or began) - began)
        after = max(0.0, ended - self.life.ended)
        rate = max(PACKETS_PER_S, packets / max(1.0, ended - began))
        return math.ceil(rate * (before + after + IN_FLIGHT_S * (2 + self.changes)))


@dataclass(frozen=True)
class Verification:
    """A verdict with its figures."""

    passed: bool
    expected: str
    observed: str
    wire: WireResult


class StreamDirection:
    """One direction of an m= line: all of its streams."""

    def __init__(self, verb: str, streams: Sequence[StreamReport], counted: int | None) -> None:
        self.streams = streams
        self.packets = sum(stream.packets for stream in streams)
        self.reused = sum(protection.reused for protection in protections(streams))
        self._verb = verb
        self._counted = counted
        """By the library."""

    @property
    def counters(self) -> WireCounters:
        """The counters for the result."""
        protected = protections(self.streams)
        bare = sum(stream.packets for stream in self.streams if stream.protection is None)
        return WireCounters(
            packets=self.packets,
            authenticated=sum(one.authenticated for one in protected),
            plain=bare + sum(one.plain for one in protected),
            failed=sum(one.failed + one.swapped for one in protected),
            protected=sum(one.keyed_by_dtls for one in protected),
        )

    def remarks(self) -> list[str]:
        """Remarks that are no violations, one sentence each."""
        remarks = [remark for stream in self.streams for remark in stream.remarks]
        return [f"{self._verb}: {one}" for one in dict.fromkeys(remarks)]

    def disagreement(self, line: MediaLine) -> str | None:
        """How the packets of the library and of the capture differ, beyond the packets in flight."""
        counters = self.counters
        good = (
            counters.authenticated
            + counters.protected
            + sum(protection.untagged for protection in protections(self.streams))
        )
        rtp = [stream for stream in self.streams if stream.packets]
        if not rtp or self._counted is None or line.heard_from is None:
            return None
        if abs(good - self._counted) <= line.in_flight(rtp, good):
            return None
        return (
            f"{self._verb}: the library received {packets(self._counted)}, the capture has {good:,} that are "
            "authentic and were sent to it"
        )

    def complaints(self, *, secure: bool) -> list[str]:
        """The violations, one sentence each."""
        found: list[str] = []
        if not self.packets and self._counted:
            found.append(f"the library counted {packets(self._counted)}, the capture has none")
        if secure:
            broken = [protection for protection in protections(self.streams) if not protection.intact]
            found += [problem for one in broken for problem in one.problems or UNEXPLAINED]
            allowed = [
                stream
                for stream in self.streams
                if stream.protection is None or stream.protection.plain_allowed
            ]
            plain = sum(one.protection.plain if one.protection else one.packets for one in allowed)
            if plain:
                found.append(f"{packets(plain)} plain RTP where the library runs SRTP")
        return [f"{self._verb}: {complaint}" for complaint in dict.fromkeys(found)]


def prove(call_id: str, index: int, line: MediaLine, streams: Iterable[StreamReport]) -> Verification:
    """The verdict on the m= line ``index`` (from 0) of the call with this Call-ID.

    Missing packets are a failure.
    """
    named = [
        stream
        for stream in streams
        if stream.call_id in (call_id, None) and stream.media_index in (index, None)
    ]
    its = line.life.share(named)
    rtcp = {near(address, 1) for address in line.own}
    rx = StreamDirection(
        "received", [one for one in its if is_at(one, one.target, line.own, rtcp)], line.received
    )
    tx = StreamDirection("sent", [one for one in its if is_at(one, one.source, line.own, rtcp)], line.sent)
    suites = [
        protection.suite for protection in protections([*rx.streams, *tx.streams]) if protection.authenticated
    ]
    suite = suites[-1] if suites else None
    dtls = sum(one.dtls_packets for one in protections([*rx.streams, *tx.streams]))
    wire = WireResult(rx=rx.counters, tx=tx.counters, suite=suite, reused=rx.reused + tx.reused, dtls=dtls)
    of = rx.packets + tx.packets
    if line.dtls:
        expected = "every packet protected by DTLS-SRTP"
        done = sum(way.protected + way.authenticated for way in (wire.rx, wire.tx))
        figures = f"{done:,} of {packets(of)} protected by DTLS-SRTP, {packets(dtls)} of DTLS"
    elif line.secure:
        expected = f"every packet authenticated with {line.suite or 'the negotiated suite'}"
        done = wire.rx.authenticated + wire.tx.authenticated
        figures = f"{done:,} of {packets(of)} authenticated{f' ({suite})' if suite else ''}"
    else:
        expected, figures = "plain RTP, as negotiated", f"{packets(of)} of plain RTP"
    if not of:
        return Verification(False, expected, "no RTP of it was captured", wire)
    complaints = [complaint for way in (rx, tx) for complaint in way.complaints(secure=line.secure)]
    if line.secure and not complaints and (disagreement := rx.disagreement(line)):
        complaints.append(disagreement)
    if line.dtls and not dtls:
        complaints.append("the capture has no DTLS handshake")
    if line.suite and suite and suite != line.suite:
        complaints.append(f"the library says {line.suite}")
    findings = [f"{figures}, {directions(rx, tx)}", *complaints, *rx.remarks(), *tx.remarks()]
    return Verification(not complaints, expected, "; ".join(findings), wire)


def is_at(one: StreamReport, address: str, own: Collection[str], rtcp: Collection[str]) -> bool:
    """Whether a stream uses one of our addresses; a stream of RTCP only may use the adjacent port."""
    return address in own or (not one.packets and address in rtcp)


def near(address: str, step: int) -> str:
    """The address with another port."""
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + step}" if port.isdecimal() else address


def protections(streams: Iterable[StreamReport]) -> list[Protection]:
    """The protection of the streams that have or need one, in the order in which they began."""
    began = sorted(streams, key=lambda one: one.started)
    return [one.protection for one in began if one.protection is not None]


def directions(rx: StreamDirection, tx: StreamDirection) -> str:
    """The directions that have packets."""
    if rx.packets and tx.packets:
        return "both directions"
    return "received only" if rx.packets else "sent only"


def packets(count: int) -> str:
    """A number with its noun."""
    return f"{count:,} packet{'' if count == 1 else 's'}"
