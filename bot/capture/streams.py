"""Assignment of the RTP and RTCP packets of a capture to streams.

A stream is identified by its addresses and SSRC (RFC 3550 section 3), and by the call that owns the ports
at that time. Other modules supply routes and keys.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from bot.capture.calls import Calls, Route
from bot.capture.keys import GivenKeys
from bot.capture.negotiated_keys import Due, Negotiated, negotiated
from bot.capture.rollovers import Rollovers
from bot.capture.stream import Key, Stream
from bot.capture.unaddressed_streams import Orphans
from media.capture.reader import Address, Packet
from media.rtp.packet import parse_rtp

__all__ = ["MOST_STREAMS", "Prospects", "Streams"]

MOST_STREAMS = 10_000
_MOST_PROSPECTS = 10_000
_SEQUENTIAL = 2
"""Consecutive packets that prove a source whose address is in no SDP (RFC 3550 appendix A.1)."""


class Prospects:
    """Distinguishes RTP sources (consecutive sequence numbers) from packets that only resemble RTP."""

    def __init__(self) -> None:
        self.found: dict[Key, float] = {}
        """When each was found, in seconds since 1970."""
        self._seen: OrderedDict[Key, tuple[int, int]] = OrderedDict()

    def add(self, packet: Packet) -> None:
        """Process the next packet that may be RTP."""
        key = packet.source, packet.target, int.from_bytes(packet.payload[8:12], "big")
        if key in self.found:
            return
        rtp = parse_rtp(packet.payload, packet.cut)
        if rtp is None:
            return
        sequence, in_row = self._seen.pop(key, (rtp.sequence, 0))
        in_row = in_row + 1 if rtp.sequence == (sequence + 1) & 0xFFFF else 1
        if in_row >= _SEQUENTIAL and len(self.found) <= MOST_STREAMS:
            self.found[key] = packet.at
            return
        self._seen[key] = rtp.sequence, in_row
        if len(self._seen) > _MOST_PROSPECTS:
            self._seen.popitem(last=False)


class Streams:
    """All streams of a capture; feed it all packets in order."""

    def __init__(self, calls: Calls, prospects: Prospects, given: GivenKeys) -> None:
        self.all: list[Stream] = []
        self.missed = False
        """Whether there are more than are kept."""
        self._calls = calls
        self._sources = prospects.found
        self._given = given
        self._rollovers = Rollovers()
        self._orphans = Orphans(calls, ((key[:2], at) for key, at in prospects.found.items()))
        self._homes: dict[tuple[Address, Address], Route | None] = {}
        self._routes: dict[tuple[Address, Address], tuple[Route | None, float]] = {}
        self._rtp: dict[Key, Stream] = {}
        self._rtcp: dict[Key, Stream] = {}
        self._by_route: dict[tuple[Route, int], Stream] = {}
        self._negotiated: dict[Route | None, Negotiated] = {}
        self._flows: set[tuple[Address, Address]] = set()
        self.handshakes: Counter[tuple[Address, Address]] = Counter()
        """DTLS packets by path."""

    def of_rtp(self, packet: Packet, ssrc: int) -> Stream | None:
        """The stream of an RTP packet; None when the packet only resembles RTP."""
        key = packet.source, packet.target, ssrc
        route = self._route(packet)
        stream = self._rtp.get(key)
        if stream is not None and (stream.route is route or stream.route == route):
            return stream
        if route is None:
            if stream is None and key not in self._sources:
                return None
            route = self._home(packet)
            if stream is not None and stream.route == route:
                return stream
        stream = self._early_rtcp(key, route) or self._new(key, route)
        if stream is not None:
            self._rtp[key] = stream
            self._flows.add((packet.source, packet.target))
        return stream

    def of_rtcp(self, packet: Packet, ssrc: int) -> Stream | None:
        """The stream whose sender sent the RTCP packet, on the same ports or the adjacent ones."""
        key = packet.source, packet.target, ssrc
        route = self._route(packet)
        known = self._rtp.get(key) or self._rtp.get(_neighbours(key, -1))
        if known is None and route is not None:
            known = self._by_route.get((route, ssrc))
        if known is not None and (route is None or known.route == route):
            return known
        if route is None:
            route = self._homes.get(key[:2]) or self._homes.get(_neighbours(key, -1)[:2])
        stream = self._rtcp.get(key)
        if stream is not None and stream.route == route:
            return stream
        if route is None and not self._is_between_sources(key):
            return None
        stream = self._new(key, route)
        if stream is not None:
            self._rtcp[key] = stream
        return stream

    def _home(self, packet: Packet) -> Route | None:
        """The route of a flow whose addresses are in no SDP."""
        flow = packet.source, packet.target
        if flow not in self._homes:
            if len(self._homes) > 4 * MOST_STREAMS:
                self._homes.clear()
            self._homes[flow] = self._orphans.route(packet)
        return self._homes[flow]

    def _is_between_sources(self, key: Key) -> bool:
        """Whether RTP flows in the other direction; a receive-only endpoint also sends RTCP reports."""
        source, target, _ = key
        rtp_source, rtp_target, _ = _neighbours(key, -1)
        return (target, source) in self._flows or (rtp_target, rtp_source) in self._flows

    def _early_rtcp(self, key: Key, route: Route | None) -> Stream | None:
        """The stream that began with an RTCP packet."""
        found = [self._rtcp.get(key), self._rtcp.get(_neighbours(key, 1))]
        if route is not None:
            found.append(self._by_route.get((route, key[2])))
        for stream in found:
            if stream is not None and stream.route == route and not stream.statistics.packets:
                stream.source, stream.target = key[0], key[1]
                return stream
        return None

    def _new(self, key: Key, route: Route | None) -> Stream | None:
        if len(self.all) >= MOST_STREAMS:
            self.missed = True
            return None
        if route not in self._negotiated:
            self._negotiated[route] = negotiated(route) if route else Negotiated(Due.NOTHING, (), ())
        agreed = self._negotiated[route]
        if key[:2] in self._homes:
            agreed = agreed._replace(plain=False)  # no SDP declares plain RTP for these addresses
        stream = Stream(key, route, agreed, self._given, self._rollovers)
        self.all.append(stream)
        if route is not None:
            self._by_route[route, key[2]] = stream
        return stream

    def _route(self, packet: Packet) -> Route | None:
        flow = packet.source, packet.target
        known = self._routes.get(flow)
        if known is None or packet.at >= known[1]:
            if len(self._routes) > 4 * MOST_STREAMS:
                self._routes.clear()
            known = self._routes[flow] = self._calls.route(*flow, packet.at)
        return known[0]


def _neighbours(key: Key, step: int) -> Key:
    """The flow with both ports one up or down, for RTP and RTCP on separate ports."""
    source, target, ssrc = key
    return source._replace(port=source.port + step), target._replace(port=target.port + step), ssrc
