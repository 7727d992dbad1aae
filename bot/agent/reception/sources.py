"""Source selection of a stream: the negotiated address, or the address that its media come from (RFC 4961).

A peer behind a NAT sends from another address than its description states, and its media must be sent back
to that address (symmetric RTP). So a stream first accepts packets from every source. It stops when a packet
arrives from the negotiated address, or when ten usable packets have arrived from one other source. From
then on it accepts only that source. A new description starts a new stream, which is open again; when the
description moves the peer's media, the first packets from where they were are late ones and do not start it.
Streams with ICE (RFC 8445) are excluded.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import socket
import stat
import struct
import time
from dataclasses import dataclass, field

from bot.agent.native import socket_filter
from bot.agent.native.library import Exported
from bot.agent.native.packet_notes import PacketNotes
from bot.agent.native.sip_module import Pointer
from bot.agent.native.source_guard import NOBODY, SOCKETS, Source, SourceGuard, source
from bot.model import ForeignPackets

__all__ = ["Sources", "StreamSources"]

ENOUGH, ENOUGH_RTCP = 10, 3
"""Consecutive packets from one other address (PJMEDIA_RTP_NAT_PROBATION_CNT, PJMEDIA_RTCP_...)."""
LATE = 10
"""Packets from the peer's former address that are late after it has named another; more of them are media."""
START_S = 2.0
"""Seconds that a stream waits for its peer's first packet while a stranger sends."""
FLOOD = 256
"""Packets of strangers from which on they count as a flood, which the kernel has to drop."""
LOOK_S = 0.05
KEPT = 16
"""Maximum number of strangers reported by address."""
ADDRESS = slice(4, 24)
INFO_BYTES = 1 << 14
"""Larger than a ``pjmedia_transport_info`` or a ``pjmedia_stream_info``."""
SOCKADDR, SOCKADDR_IN, SOCKADDR_IN6 = 28, 8, 24
"""Size of a ``pj_sockaddr`` in bytes, and the parts that addresses of IPv4 and IPv6 use."""
_GetInfo = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, Pointer)


class _Transport(ctypes.Structure):
    """The beginning of ``pjmedia_transport`` of pjmedia/transport.h; ``op`` begins with ``get_info``."""

    _fields_ = (
        ("name", ctypes.c_char * 32),
        ("type", ctypes.c_int),
        ("op", ctypes.POINTER(_GetInfo)),
    )


class _Sockets(ctypes.Structure):
    """``pjmedia_sock_info`` of pjmedia/types.h, with which ``pjmedia_transport_info`` begins."""

    _fields_ = (
        ("rtp", ctypes.c_long),
        ("rtp_address", ctypes.c_uint32 * 7),
        ("rtcp", ctypes.c_long),
        ("rtcp_address", ctypes.c_uint32 * 7),
    )


@dataclass
class Line:
    """A socket of a stream: its descriptor, its negotiated source, and the other sources."""

    descriptor: int
    negotiated: Source
    enough: int
    last: Source = NOBODY
    run: int = 0

    def heard(self) -> bool:
        """Count a packet of the latest source; returns whether there are enough packets to select it."""
        self.run += 1
        return self.run >= self.enough

    def turn_to(self, one: Source) -> None:
        """A packet from this source arrived."""
        if one != self.last:
            self.last, self.run = one, 0


@dataclass(frozen=True)
class Filtered:
    """A kernel socket filter: the accepted source, and the earlier drop count of the socket."""

    kept: Source
    before: int


@dataclass(frozen=True)
class Former:
    """Where the peer's media came from in the stream before."""

    source: Source = NOBODY
    as_negotiated: bool = False
    """Whether that was its negotiated address: then another description moves it."""


@dataclass(eq=False)
class StreamSources:
    """The sources of one stream."""

    rtp: Line
    rtcp: Line
    disowned: int = 0
    """Packets that were accepted from other sources before the negotiated address sent."""
    others: set[Source] = field(default_factory=set)
    """Sources of accepted packets before that; not the peer's former one, whose last packets may be late."""
    former: Source = NOBODY
    began: float = field(default_factory=time.monotonic)
    filtered: dict[int, Filtered] = field(default_factory=dict)
    """The sockets of the stream whose strangers the kernel drops."""


class Sources:
    """Raises OSError or MissingSymbol where the library's sockets cannot be guarded."""

    def __init__(self, library: Exported, notes: PacketNotes, kind: int) -> None:
        self._info = library.pjmedia_stream_get_info
        self._guard = SourceGuard(notes, kind)
        self._streams: dict[int, StreamSources] = {}
        """By both descriptors."""
        self._undecided: list[StreamSources] = []
        """The streams that have not heard the negotiated address yet."""
        self._looked = 0.0
        """When floods were looked for."""
        self._former: dict[int, Former] = {}

    def hears_negotiated(self, sources: StreamSources) -> bool:
        """Whether a packet has come from where the description has RTP sent."""
        return self._guard.is_heard(sources.rtp.descriptor)

    def begin(self, stream: int, transport: int, peer: str) -> StreamSources | None:
        """Guard the sockets of a stream whose peer receives RTP at ``peer``; None if it has no sockets."""
        descriptors = sockets_of(transport)
        if descriptors is None:
            return None
        rtp = address(peer)
        sources = StreamSources(
            Line(descriptors[0], rtp, ENOUGH), Line(descriptors[1], self._rtcp_of(stream, rtp), ENOUGH_RTCP)
        )
        sources.former = self._former.get(sources.rtp.descriptor, Former()).source
        for line in (sources.rtp, sources.rtcp):
            former = self._former.pop(line.descriptor, Former())
            late = LATE if former.as_negotiated else 0
            self._guard.open(line.descriptor, line.negotiated, former.source, late)
            self._streams[line.descriptor] = sources
        self._undecided.append(sources)
        return sources

    def _rtcp_of(self, stream: int, rtp: Source) -> Source:
        """The RTCP address of the peer; ``pjmedia_stream_info`` stores it after the RTP address."""
        info = ctypes.create_string_buffer(INFO_BYTES)
        place = -1
        if rtp != NOBODY and self._info(stream, info) == 0:
            is_ipv4 = struct.unpack_from("=H", rtp)[0] == socket.AF_INET
            place = info.raw.find(rtp[: SOCKADDR_IN if is_ipv4 else SOCKADDR_IN6])
        return canonical(info.raw[place + SOCKADDR : place + 2 * SOCKADDR]) if place >= 0 else NOBODY

    def end(self, stream: StreamSources) -> None:
        """The stream has ended; its sockets may stay open."""
        self._undecided = [one for one in self._undecided if one is not stream]
        for descriptor in stream.filtered:
            socket_filter.detach(descriptor)
        for line in (stream.rtp, stream.rtcp):
            self._former[line.descriptor] = Former(
                self._guard.established(line.descriptor), self._guard.is_heard(line.descriptor)
            )
            self._guard.close(line.descriptor)
            self._streams.pop(line.descriptor, None)

    def received(self, descriptor: int, one: Source, at: float) -> StreamSources | None:
        """A datagram passed an open socket; returns the stream whose strangers it reveals.

        The first datagram from the negotiated address reveals them, unless another source counted as the peer
        for so long that it may have been the peer's media server.
        """
        stream = self._streams.get(descriptor)
        if stream is None:
            return None
        if descriptor == stream.rtp.descriptor:
            stream.rtp.turn_to(one)
            revealed = one == stream.rtp.negotiated and stream.others and at - stream.began < START_S
            return stream if revealed else None
        stream.rtcp.turn_to(one)
        latched = self._guard.established(stream.rtp.descriptor)
        if latched != NOBODY and one[ADDRESS] == latched[ADDRESS] and stream.rtcp.heard():
            self._guard.latch(descriptor, one)
        return None

    def taken(self, stream: StreamSources) -> bool:
        """The stream used the latest packet; whether it still accepts packets from every source."""
        line = stream.rtp
        if not self._guard.is_open(line.descriptor):
            return False
        if line.last in (line.negotiated, NOBODY):
            return True
        if line.last != stream.former:
            stream.others.add(line.last)
        if line.heard():
            self._guard.latch(line.descriptor, line.last)
        return True

    def decide(self) -> None:
        """Restrict RTCP to the negotiated address if RTP comes from its own one: there is no NAT.

        It is called with every packet and call, so floods are looked for every 50 ms only.
        """
        for stream in [one for one in self._undecided if self._guard.is_heard(one.rtp.descriptor)]:
            self._undecided.remove(stream)
            if stream.rtcp.negotiated != NOBODY:
                self._guard.restrict(stream.rtcp.descriptor)
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        for descriptor, stream in self._streams.items():
            if self._guard.dropped(descriptor) > FLOOD:
                self._filter(stream, descriptor)

    def _filter(self, stream: StreamSources, descriptor: int) -> None:
        """Make the kernel drop the rest of a flood."""
        kept, filtered = self._guard.established(descriptor), stream.filtered.get(descriptor)
        if filtered is None:
            filtered = Filtered(NOBODY, socket_filter.drops(descriptor))
        if kept not in {filtered.kept, NOBODY} and socket_filter.attach(descriptor, *parts(kept)):
            stream.filtered[descriptor] = Filtered(kept, filtered.before)

    def foreign(self, stream: StreamSources) -> ForeignPackets:
        """Datagrams from other sources so far."""
        found = set(stream.others) if stream.disowned else set()
        dropped = stream.disowned
        for line in (stream.rtp, stream.rtcp):
            dropped += self._guard.dropped(line.descriptor)
            found |= self._guard.strangers(line.descriptor)
        for descriptor, one in stream.filtered.items():
            dropped += max(0, socket_filter.drops(descriptor) - one.before)
        return ForeignPackets(packets=dropped, sources=sorted(map(printed, found))[:KEPT])


def sockets_of(transport: int) -> tuple[int, int] | None:
    """The descriptors of a media transport's sockets for RTP and RTCP."""
    info = ctypes.create_string_buffer(INFO_BYTES)
    sockets = _Sockets.from_buffer(info)
    sockets.rtp = sockets.rtcp = -1
    if _Transport.from_address(transport).op[0](transport, ctypes.addressof(info)) != 0:
        return None
    descriptors = sockets.rtp, sockets.rtcp
    return descriptors if all(map(is_socket, descriptors)) else None


def is_socket(descriptor: int) -> bool:
    """Whether a descriptor is a socket; it proves that the structure has the expected layout."""
    with contextlib.suppress(OSError):
        return 0 < descriptor < SOCKETS and stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    return False


def address(text: str) -> Source:
    """Parse ``192.0.2.1:4000`` or ``[2001:db8::1]:4000`` into the form of the guard."""
    host, _, port = text.rpartition(":")
    return source(host.strip("[]"), int(port)) if port.isdigit() else NOBODY


def canonical(raw: bytes) -> Source:
    """Convert a ``pj_sockaddr`` of the library into the form of the guard."""
    packed, port = parts(raw)
    return source(socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed), port)


def parts(one: Source) -> tuple[bytes, int]:
    """The bytes of the address, and the port."""
    (family,), (port,) = struct.unpack_from("=H", one), struct.unpack_from("!H", one, 2)
    return one[4:8] if family == socket.AF_INET else one[8:24], port


def printed(one: Source) -> str:
    """``192.0.2.1:4000`` or ``[2001:db8::1]:4000``."""
    address_bytes, port = parts(one)
    host = ipaddress.ip_address(address_bytes)
    return f"{host}:{port}" if host.version == 4 else f"[{host}]:{port}"
