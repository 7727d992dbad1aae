"""Owns IP packets, their extension headers and their fragments; it must not know UDP, TCP or any file.

IPv4 (RFC 791), IPv6 (RFC 8200), the order of fragments in RFC 815. No checksum is looked at: in a capture
of what a host sends they are often wrong, since its network card fills them in later.
"""

from __future__ import annotations

import math
import struct
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from media.pieces import Pieces

__all__ = ["CUT", "TCP", "UDP", "Datagram", "Fragments", "Unreadable", "parse"]

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
"""How long fragments wait for the rest (RFC 8200 section 4.5)."""
REPEATED_WITHIN_S = 1.0
"""A capture at several interfaces has fragments twice; late ones must not begin a datagram of their own."""
MOST_DATAGRAMS, MOST_MEMORY = 2048, 16 << 20


class Unreadable(Exception):
    """A frame that yields no packet; the message says why, in one of a few ways that can be counted."""


class Fragment(NamedTuple):
    """Which part of a datagram this is; ``offset`` in bytes."""

    identification: bytes
    offset: int
    more: bool


class Datagram(NamedTuple):
    """What IP carries; addresses as IP has them. With ``fragment``, a part of it."""

    source: bytes
    target: bytes
    protocol: int
    payload: bytes
    fragment: Fragment | None = None


@dataclass(slots=True)
class Unfinished:
    """A datagram of which not all has come."""

    since: float
    pieces: Pieces = field(default_factory=Pieces)
    protocol: int = 0
    length: int | None = None
    fragments: int = 0

    def add(self, protocol: int, fragment: Fragment, payload: bytes) -> bool:
        """Whether it agrees with the fragments before it."""
        end = fragment.offset + len(payload)
        if not fragment.more:
            if self.length not in (None, end):
                return False
            self.length = end
        if fragment.offset == 0:
            # of IPv6, only the first fragment's header counts (RFC 8200 section 4.5)
            self.protocol = protocol
        if not self.pieces.add(fragment.offset, payload):
            return False
        if self.length is not None and self.pieces.end > self.length:
            return False
        self.fragments += 1
        return True


Key = tuple[bytes, bytes, int, bytes]
"""Source, target, protocol and identification, which are the same in all fragments of a datagram."""


class Fragments:
    """Datagrams put together again; what is given up is counted in ``skipped``, fragment by fragment."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._unfinished: OrderedDict[Key, Unfinished] = OrderedDict()
        self._finished: OrderedDict[Key, float] = OrderedDict()
        self._memory = 0

    def add(self, part: Datagram, at: float) -> Datagram | None:
        """The whole datagram when this is what it lacked; ``at`` in seconds. Raises Unreadable.

        Fragments that say the same of some bytes are one (duplicates, overlaps). Of those that say different
        things the older are dropped: their datagram may just be one whose identification is used again.
        """
        fragment = part.fragment
        assert fragment is not None
        self._expire(at)
        # of IPv6 a fragment's protocol is not part of what identifies the datagram
        protocol = part.protocol if len(part.source) == 4 else 0
        key = (part.source, part.target, protocol, fragment.identification)
        one = self._unfinished.get(key)
        if one is not None:
            self._memory -= one.pieces.memory
            if not one.add(part.protocol, fragment, part.payload):
                self._skipped[CONTRADICTING] += one.fragments
                del self._unfinished[key]
                one = None
        elif abs(at - self._finished.get(key, -math.inf)) <= REPEATED_WITHIN_S:
            raise Unreadable(REPEATED)
        if one is None:
            one = self._unfinished[key] = Unfinished(at)
            one.add(part.protocol, fragment, part.payload)
        if one.pieces.length == one.length:
            return self._finish(key, at)
        self._memory += one.pieces.memory
        while len(self._unfinished) > MOST_DATAGRAMS or self._memory > MOST_MEMORY:
            self._give_up(CROWDED_OUT)
        return None

    def close(self) -> None:
        """Count what never became whole."""
        while self._unfinished:
            self._give_up(MISSING)

    def _finish(self, key: Key, at: float) -> Datagram:
        one = self._unfinished.pop(key)
        self._finished[key] = at
        self._finished.move_to_end(key)
        if len(self._finished) > MOST_DATAGRAMS:
            self._finished.popitem(last=False)
        source, target, *_ = key
        protocol, payload = one.protocol, one.pieces.take(0)
        if len(source) == 16:
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
    """The IP packet that begins there. Raises Unreadable."""
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
    # a host that leaves the segmentation to its network card writes 0
    end = start + total if total else len(frame)
    if header < 20 or end < start + header:
        raise Unreadable(MALFORMED)
    if end > len(frame):
        raise Unreadable(CUT)
    source, target = frame[start + 12 : start + 16], frame[start + 16 : start + 20]
    payload = frame[start + header : end]
    fragment = fragment_of(identification, (flags & 0x1FFF) * 8, bool(flags & MORE), payload)
    return Datagram(source, target, protocol, payload, fragment)


def parse_6(frame: bytes, start: int) -> Datagram:
    """IPv6."""
    if len(frame) < start + 40:
        raise Unreadable(CUT)
    length, protocol = struct.unpack_from("!HB", frame, start + 4)
    # jumbograms and segmentation left to the network card
    end = start + 40 + length if length else len(frame)
    if end > len(frame):
        raise Unreadable(CUT)
    source, target = frame[start + 8 : start + 24], frame[start + 24 : start + 40]
    protocol, payload = behind_extensions(protocol, frame[start + 40 : end])
    if protocol != FRAGMENT:
        return Datagram(source, target, protocol, payload)
    if len(payload) < 8:
        raise Unreadable(MALFORMED)
    protocol, place, identification = struct.unpack_from("!BxH4s", payload)
    payload = payload[8:]
    fragment = fragment_of(identification, place & 0xFFF8, bool(place & 1), payload)
    if fragment is None:
        protocol, payload = behind_extensions(protocol, payload)
    return Datagram(source, target, protocol, payload, fragment)


def behind_extensions(protocol: int, payload: bytes) -> tuple[int, bytes]:
    """What follows on the extension headers, a fragment header included. Raises Unreadable."""
    at = 0
    while protocol in EXTENSIONS:
        if at + 2 > len(payload):
            raise Unreadable(MALFORMED)
        units = payload[at + 1]
        length = (units + 2) * 4 if protocol == AUTHENTICATION else (units + 1) * 8
        protocol = payload[at]
        at += length
    if at > len(payload):
        raise Unreadable(MALFORMED)
    return protocol, payload[at:]


def fragment_of(identification: bytes, offset: int, more: bool, payload: bytes) -> Fragment | None:
    """Which fragment it is, None when it is the whole. Raises Unreadable for one that cannot be."""
    if not offset and not more:
        return None
    if offset + len(payload) > LONGEST or not payload or (more and len(payload) % 8):
        raise Unreadable(MALFORMED)
    return Fragment(identification, offset, more)
