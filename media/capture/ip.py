"""IP packets with extension headers and fragments: IPv4 (RFC 791), IPv6 (RFC 8200), reassembly (RFC 815).

Checksums are not verified. In a capture of sent packets they are often wrong, because the network card
computes them later.
"""

from __future__ import annotations

import math
import struct
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from media.capture.frames import Unreadable
from media.capture.reassembly import Pieces

__all__ = ["CUT", "TCP", "UDP", "Datagram", "Fragments", "parse"]

TCP, UDP = 6, 17
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
MOBILITY, HOST_IDENTITY, SHIM = 135, 139, 140
EXTENSIONS = {HOP_BY_HOP, ROUTING, AUTHENTICATION, DESTINATION, MOBILITY, HOST_IDENTITY, SHIM}
MORE = 0x2000
LONGEST = 65535

CUT = "cut short: fewer bytes captured than its IP header says"
MALFORMED = "malformed IP header"
MISSING = "IP fragments whose rest is missing"
CONTRADICTING = "IP fragments that contradict each other"
REPEATED = "IP fragments repeated"
CROWDED_OUT = "IP fragments beyond what is buffered"

LIFETIME_S = 60.0
"""Seconds that fragments wait for the rest (RFC 8200 section 4.5)."""
REPEATED_WITHIN_S = 1.0
"""A capture on several interfaces has fragments twice; late duplicates must not start a new datagram."""
MOST_DATAGRAMS, MOST_MEMORY = 2048, 16 << 20


class Fragment(NamedTuple):
    """The position of a fragment in its datagram; ``offset`` in bytes."""

    identification: bytes
    offset: int
    more: bool


class Datagram(NamedTuple):
    """The payload of an IP packet, with binary addresses. With ``fragment``, it is a part of a datagram.

    ``cut`` is the number of bytes at the end of the payload that a short snapshot length left out.
    """

    source: bytes
    target: bytes
    protocol: int
    payload: bytes
    fragment: Fragment | None = None
    cut: int = 0


@dataclass(slots=True)
class Unfinished:
    """An incomplete datagram."""

    since: float
    pieces: Pieces = field(default_factory=Pieces)
    protocol: int = 0
    length: int | None = None
    fragments: int = 0

    def add(self, protocol: int, fragment: Fragment, payload: bytes) -> bool:
        """Add a fragment; returns whether it agrees with the earlier fragments."""
        end = fragment.offset + len(payload)
        if not fragment.more:
            if self.length not in (None, end):
                return False
            self.length = end
        if fragment.offset == 0:
            # in IPv6 only the first fragment's header counts (RFC 8200 section 4.5)
            self.protocol = protocol
        if not self.pieces.add(fragment.offset, payload):
            return False
        if self.length is not None and self.pieces.end > self.length:
            return False
        self.fragments += 1
        return True


Key = tuple[bytes, bytes, int, bytes]
"""Source, target, protocol and identification: identical in all fragments of a datagram."""


class Fragments:
    """Reassembles datagrams; ``skipped`` counts discarded fragments."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._unfinished: OrderedDict[Key, Unfinished] = OrderedDict()
        self._finished: OrderedDict[Key, float] = OrderedDict()
        self._memory = 0

    def add(self, part: Datagram, at: float) -> Datagram | None:
        """The whole datagram if this fragment completes it; ``at`` in seconds. Raises Unreadable.

        Fragments that agree on shared bytes are merged (duplicates, overlaps). If they disagree, the older
        ones are dropped: the identification may have been reused for another datagram.
        """
        fragment = part.fragment
        if fragment is None:
            return part
        self._expire(at)
        # in IPv6 the protocol of a fragment does not identify the datagram
        protocol = part.protocol if len(part.source) == 4 else 0
        key = (part.source, part.target, protocol, fragment.identification)
        unfinished = self._unfinished.get(key)
        if unfinished is not None:
            self._memory -= unfinished.pieces.memory
            if not unfinished.add(part.protocol, fragment, part.payload):
                self._skipped[CONTRADICTING] += unfinished.fragments
                del self._unfinished[key]
                unfinished = None
        elif abs(at - self._finished.get(key, -math.inf)) <= REPEATED_WITHIN_S:
            raise Unreadable(REPEATED)
        if unfinished is None:
            unfinished = self._unfinished[key] = Unfinished(at)
            unfinished.add(part.protocol, fragment, part.payload)
        if unfinished.pieces.length == unfinished.length:
            return self._finish(key, at)
        self._memory += unfinished.pieces.memory
        while len(self._unfinished) > MOST_DATAGRAMS or self._memory > MOST_MEMORY:
            self._give_up(CROWDED_OUT)
        return None

    def close(self) -> None:
        """Count the datagrams that stayed incomplete."""
        while self._unfinished:
            self._give_up(MISSING)

    def _finish(self, key: Key, at: float) -> Datagram:
        finished = self._unfinished.pop(key)
        self._finished[key] = at
        self._finished.move_to_end(key)
        if len(self._finished) > MOST_DATAGRAMS:
            self._finished.popitem(last=False)
        source, target, *_ = key
        protocol, payload = finished.protocol, finished.pieces.take(0)
        if len(source) == 16 or protocol == AUTHENTICATION:
            protocol, payload = behind_extensions(protocol, payload)
        return Datagram(source, target, protocol, payload)

    def _expire(self, at: float) -> None:
        while self._unfinished and at - next(iter(self._unfinished.values())).since > LIFETIME_S:
            self._give_up(MISSING)

    def _give_up(self, why: str) -> None:
        _, oldest = self._unfinished.popitem(last=False)
        self._memory -= oldest.pieces.memory
        self._skipped[why] += oldest.fragments


def parse(frame: bytes, start: int) -> Datagram:
    """The IP packet at this offset. Raises Unreadable."""
    version = frame[start : start + 1]
    if not version:
        raise Unreadable(CUT)
    if version[0] >> 4 == 4:
        return parse_4(frame, start)
    if version[0] >> 4 == 6:
        return parse_6(frame, start)
    raise Unreadable(MALFORMED)


def parse_4(frame: bytes, start: int) -> Datagram:
    """IPv4."""
    if len(frame) < start + 20:
        raise Unreadable(CUT)
    first, total, identification, flags, protocol = struct.unpack_from("!BxH2sHxB", frame, start)
    header = (first & 15) * 4
    # a host with segmentation offload writes 0
    end = start + total if total else len(frame)
    if header < 20 or end < start + header:
        raise Unreadable(MALFORMED)
    if len(frame) <= start + header < end:
        raise Unreadable(CUT)
    source, target = frame[start + 12 : start + 16], frame[start + 16 : start + 20]
    payload, cut = frame[start + header : end], max(0, end - len(frame))
    fragment = fragment_of(identification, (flags & 0x1FFF) * 8, bool(flags & MORE), payload, cut)
    if protocol == AUTHENTICATION and fragment is None:
        protocol, payload = behind_extensions(protocol, payload, cut)
    return whole_or_cut(Datagram(source, target, protocol, payload, fragment, cut))


def parse_6(frame: bytes, start: int) -> Datagram:
    """IPv6."""
    if len(frame) < start + 40:
        raise Unreadable(CUT)
    length, protocol = struct.unpack_from("!HB", frame, start + 4)
    # jumbograms and segmentation offload
    end = start + 40 + length if length else len(frame)
    cut = max(0, end - len(frame))
    source, target = frame[start + 8 : start + 24], frame[start + 24 : start + 40]
    protocol, payload = behind_extensions(protocol, frame[start + 40 : end], cut)
    if protocol != FRAGMENT:
        return whole_or_cut(Datagram(source, target, protocol, payload, cut=cut))
    if len(payload) < 8:
        raise Unreadable(CUT if cut else MALFORMED)
    protocol, place, identification = struct.unpack_from("!BxH4s", payload)
    payload = payload[8:]
    fragment = fragment_of(identification, place & 0xFFF8, bool(place & 1), payload, cut)
    if fragment is None:
        protocol, payload = behind_extensions(protocol, payload, cut)
    return whole_or_cut(Datagram(source, target, protocol, payload, fragment, cut))


def whole_or_cut(packet: Datagram) -> Datagram:
    """The packet. Raises Unreadable if no payload was captured, or only part of a fragment."""
    if packet.cut and (packet.fragment or not packet.payload):
        raise Unreadable(CUT)
    return packet


def behind_extensions(protocol: int, payload: bytes, cut: int = 0) -> tuple[int, bytes]:
    """The data after the extension headers, with the fragment header. Raises Unreadable."""
    at = 0
    while protocol in EXTENSIONS:
        if at + 2 > len(payload):
            raise Unreadable(CUT if cut else MALFORMED)
        units = payload[at + 1]
        length = (units + 2) * 4 if protocol == AUTHENTICATION else (units + 1) * 8
        protocol = payload[at]
        at += length
    if at > len(payload):
        raise Unreadable(CUT if cut else MALFORMED)
    return protocol, payload[at:]


def fragment_of(identification: bytes, offset: int, more: bool, payload: bytes, cut: int) -> Fragment | None:
    """The position of a fragment; None for a whole datagram. Raises Unreadable for an impossible position."""
    if not offset and not more:
        return None
    length = len(payload) + cut
    if offset + length > LONGEST or not length or (more and length % 8):
        raise Unreadable(MALFORMED)
    return Fragment(identification, offset, more)
