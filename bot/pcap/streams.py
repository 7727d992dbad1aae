"""The RTP and RTCP streams of a capture: which packet belongs to which, what it carries and what protects it.

A stream is told by its addresses and its SSRC (RFC 3550 section 3), and by the call whose ports these are at
that time. It knows routes and keys from others, and reads no SDP but for what payload types mean.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from typing import NamedTuple

from bot.pcap.calls import Agreement, Calls, Route
from bot.pcap.keys import Due, GivenKeys, KeyRing, Negotiated, Opened, Trust, negotiated
from bot.pcap.keystream import KeyStreams
from bot.pcap.plain import PlainOrNot
from bot.sdp import SdpMedia
from media.capture import Address, Packet
from media.payload import STATIC_TYPES
from media.rtp import RtpPacket, parse_rtp
from media.rtp_statistics import StreamStatistics
from media.srtp import SrtpKey

__all__ = ["MOST_STREAMS", "Format", "Prospects", "Stream", "Streams"]

MOST_STREAMS = 10_000
_MOST_PROSPECTS = 10_000
_SEQUENTIAL = 2
"""Packets in a row that make a source whose address no SDP names (RFC 3550 appendix A.1)."""
_NAMELESS = {"telephone-event", "cn", "red"}
"""Formats after which a stream is not called."""

Key = tuple[Address, Address, int]


class Format(NamedTuple):
    """What a payload type means."""

    codec: str
    clock_rate: int
    channels: int = 1


class Prospects:
    """Which sources send packets in a row, as RTP does and what only looks like it does not."""

    def __init__(self) -> None:
        self.found: set[Key] = set()
        self._seen: OrderedDict[Key, tuple[int, int]] = OrderedDict()

    def add(self, packet: Packet) -> None:
        """Take the next packet that may be RTP."""
        key = packet.source, packet.target, int.from_bytes(packet.payload[8:12], "big")
        if key in self.found:
            return
        rtp = parse_rtp(packet.payload)
        if rtp is None:
            return
        sequence, in_row = self._seen.pop(key, (rtp.sequence, 0))
        in_row = in_row + 1 if rtp.sequence == (sequence + 1) & 0xFFFF else 1
        if in_row >= _SEQUENTIAL and len(self.found) <= MOST_STREAMS:
            self.found.add(key)
            return
        self._seen[key] = rtp.sequence, in_row
        if len(self._seen) > _MOST_PROSPECTS:
            self._seen.popitem(last=False)


class Stream:
    """One stream while the capture is read."""

    def __init__(self, key: Key, route: Route | None, agreed: Negotiated, given: GivenKeys) -> None:
        self.source, self.target, self.ssrc = key
        self.route = route
        self.negotiated = agreed
        self.ring = KeyRing(self.negotiated.candidates, given)
        self.statistics = StreamStatistics()
        self.payload_types: Counter[int] = Counter()
        self.formats: dict[int, Format | None] = {}
        self.rtcp_packets = 0
        self.rtcp_plain = 0
        self.rtcp_authenticated = 0
        self.authenticated = 0
        self.stale = 0
        self.unchosen = 0
        self.swapped = 0
        self.reused = 0
        self.unopened = PlainOrNot(doubt_is_plain=agreed.due is Due.NOTHING)
        self.suites: Counter[str] = Counter()
        self.began = math.inf
        self.ended = -math.inf
        self._key_stream: tuple[SrtpKey | None, int] = None, 0

    def format(self, payload_type: int) -> Format | None:
        """What the payload type means: by the receiver's SDP, the sender's, or RFC 3551."""
        if payload_type not in self.formats:
            self.formats[payload_type] = self._format(payload_type)
        return self.formats[payload_type]

    def _format(self, payload_type: int) -> Format | None:
        if self.route is not None:
            for by_caller in (not self.route.by_caller, self.route.by_caller):
                for media in _descriptions(self.route, by_caller):
                    if found := _rtpmap(media.rtpmaps.get(str(payload_type), "")):
                        return found
        known = STATIC_TYPES.get(payload_type)
        return Format(*known) if known else None

    @property
    def main_format(self) -> Format | None:
        """The format of most packets, leaving aside digits and comfort noise."""
        formats = [self.format(number) for number, _ in self.payload_types.most_common()]
        named = [one for one in formats if one is not None]
        return next((one for one in named if one.codec.lower() not in _NAMELESS), named[0] if named else None)

    def agreement(self) -> Agreement | None:
        """The one that was in force when the stream began, or the first."""
        if self.route is None:
            return None
        index = self.route.media_index
        found = [one for one in self.route.hop.agreements() if index < len(one.crypto)]
        before = [one for one in found if one.at <= self.began]
        return max(before, key=lambda one: one.at) if before else next(iter(found), None)

    def take(self, packet: Packet, rtp: RtpPacket, key_streams: KeyStreams) -> bytes | None:
        """Count an RTP packet; the plain one, None when it is protected and no key opens it."""
        self._lives_at(packet.at)
        number = rtp.payload_type
        self.payload_types[number] += 1
        form = self.format(number)
        timed = form is not None and form.codec.lower() != "telephone-event"
        self.statistics.add(packet.at, rtp, form.clock_rate if form and timed else None)
        opened = self.ring.unprotect(packet.payload, packet.at) if len(self.ring) else None
        if opened is None:
            payload = packet.payload[rtp.header_length :]
            plain = self.unopened.add(form.codec if form else None, payload)
            doubt_is_plain = self.unopened.protected == 0 and self.negotiated.due is Due.NOTHING
            return packet.payload if plain or (plain is None and doubt_is_plain) else None
        self._opened(packet, opened, key_streams)
        return opened.plain

    def _lives_at(self, at: float) -> None:
        self.began, self.ended = min(self.began, at), max(self.ended, at)

    def _opened(self, packet: Packet, opened: Opened, key_streams: KeyStreams) -> None:
        if opened.trust is Trust.PEER:
            self.swapped += 1
        elif opened.trust is Trust.OFFERED:
            self.unchosen += 1
        elif not opened.in_force:
            self.stale += 1
        else:
            self.authenticated += 1
        key, identity = self._key_stream
        if key is not opened.key:
            identity = key_streams.identity(opened.key, self.ssrc)
            self._key_stream = opened.key, identity
        self.suites[opened.key.suite] += 1
        if key_streams.is_reused(identity, opened.packet_index, packet.payload):
            self.reused += 1

    def take_rtcp(self, packet: Packet) -> bytes | None:
        """Count an RTCP packet; the plain one, None when it is protected and no key opens it."""
        self._lives_at(packet.at)
        self.rtcp_packets += 1
        if is_whole_rtcp(packet.payload):
            self.rtcp_plain += 1
            return packet.payload
        plain = self.ring.unprotect_rtcp(packet.payload, packet.at) if len(self.ring) else None
        self.rtcp_authenticated += plain is not None
        return plain


class Streams:
    """All streams of a capture, fed with its packets in order."""

    def __init__(self, calls: Calls, prospects: Prospects, given: GivenKeys) -> None:
        self.all: list[Stream] = []
        self.missed = False
        """Whether there are more than are kept."""
        self._calls = calls
        self._sources = prospects.found
        self._given = given
        self._routes: dict[tuple[Address, Address], tuple[Route | None, float]] = {}
        self._rtp: dict[Key, Stream] = {}
        self._rtcp: dict[Key, Stream] = {}
        self._by_route: dict[tuple[Route, int], Stream] = {}
        self._negotiated: dict[Route | None, Negotiated] = {}
        self._flows: set[tuple[Address, Address]] = set()

    def of_rtp(self, packet: Packet, ssrc: int) -> Stream | None:
        """The stream of an RTP packet; None when it is only something that looks like one."""
        key = packet.source, packet.target, ssrc
        route = self._route(packet)
        stream = self._rtp.get(key)
        if stream is not None and stream.route == route:
            return stream
        if stream is None and route is None and key not in self._sources:
            return None
        stream = self._early_rtcp(key, route) or self._new(key, route)
        if stream is not None:
            self._rtp[key] = stream
            self._flows.add((packet.source, packet.target))
        return stream

    def of_rtcp(self, packet: Packet, ssrc: int) -> Stream | None:
        """The stream whose sender sent this RTCP packet, be it on the same ports or on their neighbours."""
        key = packet.source, packet.target, ssrc
        route = self._route(packet)
        known = self._rtp.get(key) or self._rtp.get(_neighbours(key, -1))
        if known is None and route is not None:
            known = self._by_route.get((route, ssrc))
        if known is not None and (route is None or known.route == route):
            return known
        stream = self._rtcp.get(key)
        if stream is not None and stream.route == route:
            return stream
        if route is None and not self._is_between_sources(key):
            return None
        stream = self._new(key, route)
        if stream is not None:
            self._rtcp[key] = stream
        return stream

    def _is_between_sources(self, key: Key) -> bool:
        """Whether RTP flows the other way: what only receives sends reports too."""
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
        stream = Stream(key, route, self._negotiated[route], self._given)
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


def is_whole_rtcp(packet: bytes) -> bool:
    """Whether the lengths in a compound RTCP packet (RFC 3550 section 6.1) fill it; a tag is beyond them."""
    place = 0
    while place + 4 <= len(packet):
        if packet[place] >> 6 != 2 or not 192 <= packet[place + 1] < 224:
            return False
        place += 4 * (int.from_bytes(packet[place + 2 : place + 4], "big") + 1)
    return place == len(packet)


def _neighbours(key: Key, step: int) -> Key:
    """The same with both ports one up or down, as RTP and RTCP are where they do not share one."""
    source, target, ssrc = key
    return source._replace(port=source.port + step), target._replace(port=target.port + step), ssrc


def _descriptions(route: Route, by_caller: bool) -> list[SdpMedia]:
    """What one side described of the m= line, the latest first."""
    return [
        sdp.media[route.media_index]
        for _, caller, sdp in reversed(route.hop.descriptions)
        if caller == by_caller and route.media_index < len(sdp.media)
    ]


def _rtpmap(text: str) -> Format | None:
    """What ``PCMA/8000`` or ``opus/48000/2`` says."""
    codec, *numbers = text.strip().split("/")
    if not codec or not numbers or not all(one.isascii() and one.isdecimal() for one in numbers[:2]):
        return None
    rate, channels = int(numbers[0][:9]), int(numbers[1][:3]) if len(numbers) > 1 else 1
    return Format(codec[:32], rate, max(1, channels)) if rate else None
