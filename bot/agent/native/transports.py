"""Where a transport of the library leads: the key of ``pjsip_transport`` (pjsip/sip_transport.h)."""

from __future__ import annotations

import ctypes
import socket
import struct

__all__ = ["CONNECTIONS", "Selector", "address_of", "remote_of"]

CONNECTIONS = {2, 3, 130, 131}
"""PJSIP_TRANSPORT_TCP and TLS, of IPv4 and IPv6 (pjsip/sip_types.h)."""
SEARCHED = range(32, 192, 8)
"""Offsets of the key; they differ between versions."""
BY_TRANSPORT = 1
"""PJSIP_TPSELECTOR_TRANSPORT."""


class Selector(ctypes.Structure):
    """``pjsip_tpselector``, which names the transport of a message."""

    _fields_ = (("kind", ctypes.c_int), ("no_reuse", ctypes.c_int), ("transport", ctypes.c_void_p))

    @classmethod
    def of(cls, transport: int) -> Selector:
        """The selector of a transport."""
        return cls(kind=BY_TRANSPORT, transport=transport)


def address_of(pointer: int) -> str:
    """``host:port`` of a ``pj_sockaddr``; empty for another structure."""
    family = ctypes.c_uint16.from_address(pointer).value
    (port,) = struct.unpack("!H", ctypes.string_at(pointer + 2, 2))
    if family == socket.AF_INET:
        return f"{socket.inet_ntop(socket.AF_INET, ctypes.string_at(pointer + 4, 4))}:{port}"
    if family == socket.AF_INET6:
        return f"[{socket.inet_ntop(socket.AF_INET6, ctypes.string_at(pointer + 8, 16))}]:{port}"
    return ""


def remote_of(transport: int) -> tuple[int, str]:
    """The type of a connection and ``host:port`` of its peer; 0 and empty if unknown."""
    for offset in SEARCHED:
        kind = ctypes.c_long.from_address(transport + offset).value
        if kind in CONNECTIONS and (peer := address_of(transport + offset + 8)):
            return kind, peer
    return 0, ""
