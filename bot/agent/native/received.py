"""The transport, the source address and the bytes of a received message, from ``pjsip_rx_data``."""

from __future__ import annotations

import ctypes
import socket
from functools import lru_cache

from bot.agent.native.sip_module import Pointer

__all__ = ["Origin"]

TRANSPORT, PACKET = 8, 320
"""Offsets of tp_info.transport and of pkt_info.packet (pjsip/sip_transport.h)."""
PACKET_SIZES = (4000, 8000, 16000, 32000, 65535)
"""PJSIP_MAX_PKT_LEN: the default of the library, and usual custom values."""
NAMES = {b"udp": "udp", b"tcp": "tcp", b"tls": "tls"}
WORD = 8


class _Source(ctypes.Structure):
    """The fields after the packet."""

    _fields_ = (
        ("length", ctypes.c_ssize_t),
        ("family", ctypes.c_uint16),
        ("address", ctypes.c_char * 26),
        ("size", ctypes.c_int),
        ("name", ctypes.c_char * 46),
        ("port", ctypes.c_int),
    )


class Origin:
    """Determines once how this build lays out its messages."""

    def __init__(self) -> None:
        self._offset = self._capacity = 0

    def transport(self, rdata: int) -> int:
        """The address of the library's transport."""
        return Pointer.from_address(rdata + TRANSPORT).value or 0

    def of(self, rdata: int) -> tuple[str, str]:
        """The transport in lower case, and ``host:port`` of the peer; empty if unknown."""
        transport = Pointer.from_address(rdata + TRANSPORT).value
        name = ctypes.string_at(transport, 3) if transport else b""
        return NAMES.get(name, ""), self._peer(rdata)

    def place(self, rdata: int, data: bytes) -> int:
        """Put a message, and a NUL, into the unused part of the packet; its address, 0 without room.

        The library's copy of an ``rx_data`` assumes that the message lies in its packet.
        """
        if not self._peer(rdata):
            return 0
        used = max(0, _Source.from_address(rdata + self._offset).length) + 1
        if used + len(data) >= self._capacity:
            return 0
        start = int(rdata + PACKET + used)
        ctypes.memmove(start, data + b"\0", len(data) + 1)
        return start

    def holds_text(self, rdata: int) -> bool:
        """Whether the message, after parsing, lies in the packet."""
        if not self._peer(rdata):
            return False
        start = Pointer.from_address(rdata + self._offset + ctypes.sizeof(_Source)).value or 0
        return rdata + PACKET <= start < rdata + PACKET + self._capacity

    def _peer(self, rdata: int) -> str:
        for capacity in (self._capacity,) if self._capacity else PACKET_SIZES:
            offset = after(capacity)
            if peer := peer_in(ctypes.string_at(rdata + offset + WORD, ctypes.sizeof(_Source) - WORD)):
                self._offset, self._capacity = offset, capacity
                return peer
        return ""


def after(size: int) -> int:
    """The offset of the packet length, after the packet and a word of zeros."""
    return (PACKET + size + 4 + WORD - 1) // WORD * WORD


@lru_cache(maxsize=64)
def peer_in(raw: bytes) -> str:
    """``host:port`` in the fields behind the length of a packet; empty if they hold no address."""
    source = _Source.from_buffer_copy(bytes(WORD) + raw)
    if not is_plausible(source):
        return ""
    name = source.name.decode("ascii", "replace")
    return f"[{name}]:{source.port}" if ":" in name else f"{name}:{source.port}"


def is_plausible(source: _Source) -> bool:
    """Whether the fields hold an address twice: as bytes and as text."""
    if source.family != socket.AF_INET or not 0 < source.port < 65536:
        return source.family == socket.AF_INET6 and b":" in source.name
    here = ctypes.string_at(ctypes.addressof(source) + 12, 4)
    return bool(source.name == socket.inet_ntoa(here).encode())
