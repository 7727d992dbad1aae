"""Assigns streams whose addresses are in no SDP to calls: peers behind NAT, host names in c= lines.

The negotiated keys decide, because each key protects one side of one m= line. Otherwise the stream belongs
to the only call whose media are missing. The module handles calls and keys, not statistics.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.capture.calls import Calls, Hop, Route
from bot.capture.keys import GivenKeys
from bot.capture.negotiated_keys import Trust, negotiated
from media.capture.reader import Address, Packet
from media.rtp.packet import parse_rtp
from media.rtp.srtp import SrtpKey

__all__ = ["Orphans"]

MOST_KEYS = 1_000

Flow = tuple[Address, Address]


class Orphans:
    """Finds the route of packets whose addresses belong to no call."""

    def __init__(self, calls: Calls, flows: Iterable[tuple[Flow, float]]) -> None:
        """``flows``: the sources in the capture and their start times (seconds since 1970)."""
        self._calls = calls
        self._met: set[object] = set()
        for flow, at in flows:
            route, _ = calls.route(*flow, at)
            if route is not None:
                self._met.add(route.hop.call)
        self._keys: GivenKeys | None = None
        self._routes: dict[SrtpKey, list[Route]] = {}
        self._sides: dict[Flow, bool] = {}

    def route(self, packet: Packet) -> Route | None:
        """The route of the stream that begins with this packet."""
        if self._keys is None:
            self._routes = self._routes_of_keys()
            self._keys = GivenKeys(self._routes)
        key = None if parse_rtp(packet.payload) is None else self._keys.find(packet.payload, ())
        if key is not None:
            before = [route for route in self._routes[key] if route.hop.call.started <= packet.at]
            return (before or self._routes[key])[-1]
        hop = self._calls.lonely(packet.at, self._met)
        return None if hop is None else self._of_lonely(hop, packet)

    def _routes_of_keys(self) -> dict[SrtpKey, list[Route]]:
        routes: dict[SrtpKey, list[Route]] = {}
        for hop in self._calls.hops():
            lines = max((len(sdp.media) for _, _, sdp in hop.descriptions), default=0)
            for route in (Route(hop, index, side) for index in range(lines) for side in (True, False)):
                for candidate in negotiated(route).candidates:
                    if candidate.trust is not Trust.PEER and candidate.key.tagged and len(routes) < MOST_KEYS:
                        routes.setdefault(candidate.key, []).append(route)
        return routes

    def _of_lonely(self, hop: Hop, packet: Packet) -> Route | None:
        """The first accepted m= line, and the side that owns the address, else the side that sent first."""
        lines = next(hop.agreements()).offer.media
        index = next((n for n, line in enumerate(lines) if line.type == "audio" and hop.accepts(n)), None)
        if index is None:
            return None
        flow = packet.source, packet.target
        caller, callee = hop.hosts.get(True), hop.hosts.get(False)
        if flow not in self._sides:
            back = self._sides.get(flow[::-1])
            hints = (flow[0].host == caller or flow[1].host == callee) if caller != callee else True
            self._sides[flow] = hints if back is None else not back
        return Route(hop, index, self._sides[flow])
