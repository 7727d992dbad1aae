"""One RTP stream of a capture: its payload formats, counters, keys and protection.

SDP is read only for payload types.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from bot.capture.calls import Route
from bot.capture.cleartext import PlainOrNot, was_plain
from bot.capture.dialog import Agreement
from bot.capture.digits import StreamDigits
from bot.capture.formats import EVENT, Format, rtpmap
from bot.capture.keys import GivenKeys, KeyRing, Opened
from bot.capture.keystream_reuse import KeyStreams, Use
from bot.capture.negotiated_keys import Due, Mki, Negotiated, Trust
from bot.capture.rollovers import Rollovers
from bot.sip import SdpMedia
from media.capture.reader import Address, Packet
from media.rtp.codecs import STATIC_TYPES
from media.rtp.packet import RtpPacket
from media.rtp.srtp import SrtpKey, Standing
from media.rtp.statistics import StreamStatistics

__all__ = ["Key", "Restart", "Stream"]

_ACCEPTED, _AGREED, _AGREED_MKI, _NEW = Standing.ACCEPTED, Trust.AGREED, Mki.AGREED, Use.NEW
"""Looked up once; access to a member of an enumeration is slow."""
_NAMELESS = {EVENT, "cn", "red"}
"""Formats that never name a stream."""

Key = tuple[Address, Address, int]
"""Source, target and SSRC of a stream (RFC 3550 section 3)."""


class Restart(NamedTuple):
    """The first packet at which the sender's rollover counter differs from the receiver's estimate."""

    packet: int
    """The number of the packet in its stream, from 1."""
    rollovers: int
    due: int


class Stream:
    """The state of one stream during the analysis."""

    def __init__(
        self,
        key: Key,
        route: Route | None,
        agreed: Negotiated,
        given: GivenKeys,
        rollovers: Rollovers | None = None,
    ) -> None:
        self.source, self.target, self.ssrc = key
        self.route = route
        self.negotiated = agreed
        self.ring = KeyRing(self.negotiated.candidates, given, rollovers)
        self.statistics = StreamStatistics()
        self.payload_types: Counter[int] = Counter()
        self.formats: dict[int, Format | None] = {}
        self._clock_rates: dict[int, int | None] = {}
        self.digits = StreamDigits(self.format)
        self.cut = 0
        self.rtcp_packets = 0
        self.rtcp_cut = 0
        self.rtcp_plain = 0
        self.rtcp_authenticated = 0
        self.rtcp_discarded = 0
        self.authenticated = 0
        self.untagged = 0
        self.replayed = 0
        self.late = 0
        self.astray = 0
        self.restart: Restart | None = None
        self.without_mki = 0
        self.foreign_mki: Counter[bytes] = Counter()
        self.stale = 0
        self.unchosen = 0
        self.swapped = 0
        self.reused = 0
        self.reflected = 0
        self.unopened = PlainOrNot(doubt_is_plain=agreed.due is Due.NOTHING, said_plain=agreed.plain)
        self.suites: Counter[str] = Counter()
        self.began = math.inf
        self.ended = -math.inf
        self._key_stream: tuple[SrtpKey | None, int] = None, 0

    def format(self, payload_type: int) -> Format | None:
        """The format of a payload type: from the receiver's SDP, the sender's SDP, or RFC 3551."""
        if payload_type not in self.formats:
            self.formats[payload_type] = self._format(payload_type)
        return self.formats[payload_type]

    def _clock_rate(self, payload_type: int) -> int | None:
        """The clock rate (Hz) of the RTP timestamps."""
        if payload_type not in self._clock_rates:
            form = self.format(payload_type)
            timed = form is not None and form.codec.lower() != EVENT
            self._clock_rates[payload_type] = form.clock_rate if form and timed else None
        return self._clock_rates[payload_type]

    def _format(self, payload_type: int) -> Format | None:
        if self.route is not None:
            for by_caller in (not self.route.by_caller, self.route.by_caller):
                for media in _descriptions(self.route, by_caller):
                    if found := rtpmap(media.rtpmaps.get(str(payload_type), "")):
                        return found
        static = STATIC_TYPES.get(payload_type)
        return Format(*static) if static else None

    @property
    def main_format(self) -> Format | None:
        """The format of most packets, except digits and comfort noise."""
        formats = [self.format(number) for number, _ in self.payload_types.most_common()]
        named = [one for one in formats if one is not None]
        return next((one for one in named if one.codec.lower() not in _NAMELESS), named[0] if named else None)

    def agreement(self) -> Agreement | None:
        """The agreement in force when the stream began, else the first agreement."""
        if self.route is None:
            return None
        index = self.route.media_index
        found = [agreement for agreement in self.route.hop.agreements() if index < len(agreement.crypto)]
        before = [one for one in found if one.at <= self.began]
        return max(before, key=lambda one: one.at) if before else next(iter(found), None)

    def take(self, packet: Packet, rtp: RtpPacket, key_streams: KeyStreams) -> bytes | None:
        """Count an RTP packet.

        Returns the plain packet; None when the packet is cut, or protected and no key opens it.
        """
        self._lives_at(packet.at)
        number = rtp.payload_type
        self.payload_types[number] += 1
        self.statistics.add(packet.at, rtp, self._clock_rate(number))
        if packet.cut:
            self.cut += 1
            return None
        opened = self.ring.unprotect(packet.payload, packet.at, rtp) if self.ring else None
        if opened is not None:
            return self._opened(packet, rtp, opened, key_streams)
        form = self.format(number)
        payload = packet.payload[rtp.header_length :] if rtp.padding == 0 else rtp.payload
        plain = self.unopened.add(form.codec if form else None, payload)
        doubt_is_plain = self.unopened.protected == 0 and self.negotiated.due is Due.NOTHING
        return packet.payload if plain or (plain is None and doubt_is_plain) else None

    def _lives_at(self, at: float) -> None:
        self.began, self.ended = min(self.began, at), max(self.ended, at)

    def _opened(
        self, packet: Packet, rtp: RtpPacket, opened: Opened, key_streams: KeyStreams
    ) -> bytes | None:
        """Count a packet that a key opened; returns the plain packet, None when a receiver discards it."""
        key = opened.candidate.key
        known, identity = self._key_stream
        if known is not key:
            identity = key_streams.identity(key, self.ssrc)
            self._key_stream = key, identity
        if not key.tagged and was_plain(rtp.payload, opened.plain[rtp.header_length :]):
            self.unopened.plain += 1
            return packet.payload
        self.suites[key.suite] += 1
        use = key_streams.use(identity, opened.packet_index, packet.payload)
        if use is not _NEW:
            self.reused += use is Use.OTHER
        if opened.standing is _ACCEPTED:
            self._accepted(opened)
            return opened.plain
        self._discarded(opened, use)
        return None

    def _discarded(self, opened: Opened, use: Use) -> None:
        """Count a packet that a receiver discards."""
        match opened.standing:
            case Standing.REPLAYED:
                self.replayed += 1
            case Standing.ASTRAY if use is Use.SAME:
                self.replayed += 1  # so old that a receiver takes its index for a future one
            case Standing.LATE:
                self.late += 1
            case Standing.ASTRAY:
                self._goes_astray(opened)

    def _goes_astray(self, opened: Opened) -> None:
        self.astray += 1
        if self.restart is None:
            due = opened.packet_index if opened.due is None else opened.due
            self.restart = Restart(self.statistics.packets, opened.packet_index >> 16, due >> 16)

    def _accepted(self, opened: Opened) -> None:
        key, trust, _, _, _, mki = opened.candidate
        if trust is _AGREED and mki is _AGREED_MKI and opened.in_force and key.tagged:  # as most are
            self.authenticated += 1
        elif trust is Trust.PEER:
            self.swapped += 1
        elif mki is Mki.FOREIGN:
            self.foreign_mki[key.mki] += 1
        elif trust is Trust.OFFERED:
            self.unchosen += 1
        elif not opened.in_force:
            self.stale += 1
        elif not key.tagged:
            self.untagged += 1
        else:
            self.authenticated += 1
            self.without_mki += mki is Mki.MISSING

    def take_rtcp(self, packet: Packet) -> bytes | None:
        """Count an RTCP packet.

        Returns the plain packet; None when the packet is cut, or protected and no key opens it.
        """
        self._lives_at(packet.at)
        self.rtcp_packets += 1
        if packet.cut:
            self.rtcp_cut += 1
            return None
        if is_whole_rtcp(packet.payload):
            self.rtcp_plain += 1
            return packet.payload
        opened = self.ring.unprotect_rtcp(packet.payload, packet.at) if self.ring else None
        if opened is None:
            return None
        taken = opened.standing is Standing.ACCEPTED
        self.rtcp_authenticated += taken
        self.rtcp_discarded += not taken
        return opened.packet if taken else None


def is_whole_rtcp(packet: bytes) -> bool:
    """Whether the lengths in a compound RTCP packet (RFC 3550 section 6.1) fill it; a tag follows them."""
    place = 0
    while place + 4 <= len(packet):
        if packet[place] >> 6 != 2 or not 192 <= packet[place + 1] < 224:
            return False
        place += 4 * (int.from_bytes(packet[place + 2 : place + 4], "big") + 1)
    return place == len(packet)


def _descriptions(route: Route, by_caller: bool) -> list[SdpMedia]:
    """One side's descriptions of the m= line, the latest one first."""
    return [
        sdp.media[route.media_index]
        for _, caller, sdp in reversed(route.hop.descriptions)
        if caller == by_caller and route.media_index < len(sdp.media)
    ]
