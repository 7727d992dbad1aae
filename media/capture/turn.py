"""TURN encapsulation (RFC 8656) in captures: channel data, Send and Data indications; it relays nothing.

The STUN header is that of RFC 8489 section 5.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import NamedTuple

__all__ = ["Peers", "Relayed"]

COOKIE = b"\x21\x12\xa4\x42"
HEADER = 20
CHANNELS = range(0x40, 0x50)
"""The first byte of channel data (RFC 8656 section 12)."""
CHANNEL_BIND, SEND, DATA = 0x0009, 0x0016, 0x0017
CHANNEL_NUMBER, XOR_PEER_ADDRESS, DATA_ATTRIBUTE = 0x000C, 0x0012, 0x0013
MOST_BINDINGS = 4096

Bound = tuple[bytes, int]
"""A client and its server (binary addresses and ports), and a channel number."""


class Relayed(NamedTuple):
    """A datagram of a client; ``peer`` is a binary address and port, None if unknown."""

    payload: bytes
    peer: tuple[bytes, bytes] | None
    to_peer: bool
    cut: int = 0


class Peers:
    """The channel bindings, as far as the capture shows them."""

    def __init__(self) -> None:
        self._bound: OrderedDict[Bound, tuple[bytes, bytes]] = OrderedDict()

    def open(self, ends: bytes, back: bytes, payload: bytes, cut: int) -> Relayed | None:
        """The payload of a datagram for a client or a peer; None for any other datagram.

        ``ends`` are the source's and the target's addresses, then their ports; ``back`` is the reverse.
        """
        if payload[0] in CHANNELS:
            return self._of_channel(ends, back, payload, cut)
        if payload[0] < 2 and payload[4:8] == COOKIE:
            return self._of_message(ends, payload, cut)
        return None

    def _of_channel(self, ends: bytes, back: bytes, payload: bytes, cut: int) -> Relayed | None:
        if len(payload) < 5:
            return None
        channel, length = struct.unpack_from("!HH", payload)
        whole = len(payload) - 4 + cut
        # over UDP the padding to four bytes is optional
        if not length or not 0 <= whole - length <= 3:
            return None
        data = payload[4 : 4 + length]
        for way, to_peer in ((ends, True), (back, False)):
            peer = self._bound.get((way, channel))
            if peer is not None:
                return Relayed(data, peer, to_peer, length - len(data))
        return Relayed(data, None, True, length - len(data))

    def _of_message(self, ends: bytes, payload: bytes, cut: int) -> Relayed | None:
        kind, length = struct.unpack_from("!HH", payload)
        if kind not in (CHANNEL_BIND, SEND, DATA) or len(payload) + cut < HEADER + length:
            return None
        peer, data, missing, channel = None, b"", 0, 0
        place, end = HEADER, min(len(payload), HEADER + length)
        while place + 4 <= end:
            attribute, size = struct.unpack_from("!HH", payload, place)
            value = payload[place + 4 : place + 4 + size]
            if attribute == XOR_PEER_ADDRESS:
                peer = unmasked(value, payload[4:HEADER])
            elif attribute == DATA_ATTRIBUTE:
                data, missing = value, size - len(value)
            elif attribute == CHANNEL_NUMBER and size == 4:
                channel = int.from_bytes(value[:2], "big")
            place += 4 + size + -size % 4
        if kind != CHANNEL_BIND:
            return Relayed(data, peer, kind == SEND, missing) if data and missing <= cut else None
        if peer is not None and channel:
            self._bound[ends, channel] = peer
            if len(self._bound) > MOST_BINDINGS:
                self._bound.popitem(last=False)
        return None


def unmasked(value: bytes, mask: bytes) -> tuple[bytes, bytes] | None:
    """The address and port of an XOR-ed attribute (RFC 8489 section 14.2)."""
    if len(value) not in (8, 20) or value[1] != (1 if len(value) == 8 else 2):
        return None
    port = bytes(a ^ b for a, b in zip(value[2:4], mask[:2], strict=True))
    return bytes(a ^ b for a, b in zip(value[4:], mask, strict=False)), port
