"""Bytes of a capture file: IP, UDP and TCP headers around payloads, and the pcap format; it knows no SIP.

IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768), TCP (RFC 9293), and the classic pcap format with
LINKTYPE_RAW, in which a packet begins with its IP header.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

__all__ = ["FILE_HEADER", "Address", "Stream", "address", "datagram", "record"]

LINKTYPE_RAW = 101
LONGEST = 65535
FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, LINKTYPE_RAW)
UDP, TCP = 17, 6
PUSH_ACK = 0x18
FIRST_SEQUENCE = 1
WINDOW = 65535
HOPS = 64
MAPPED = bytes(10) + b"\xff\xff"


class Address(NamedTuple):
    """One end of a packet: an IP address as text, the shortest there is (RFC 5952), and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """``127.0.0.1:5060``, ``[::1]:5060``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address | None:
    """What ``host:port`` or ``[host]:port`` says; None for anything else, a host name for instance.

    The zone of a link-local address (RFC 4007) is left out: no packet has it.
    """
    host, _, port = text.rpartition(":")
    try:
        ip = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return Address(str(ip), int(port)) if port.isdecimal() and int(port) <= LONGEST else None


def record(at: float, packet: bytes) -> bytes:
    """A packet as pcap keeps it; ``at`` in seconds since 1970."""
    microseconds = round(at * 1_000_000)
    seconds, rest = divmod(max(0, microseconds), 1_000_000)
    return struct.pack("<IIII", seconds & 0xFFFFFFFF, rest, len(packet), len(packet)) + packet


def datagram(source: Address, target: Address, payload: bytes, number: int) -> bytes:
    """A UDP datagram in one IP packet; a payload that no datagram can hold is cut."""
    payload = payload[: LONGEST - 28]
    length = 8 + len(payload)
    head = struct.pack("!HHHH", source.port, target.port, length, 0)
    check = checksum(pseudo_header(source, target, UDP, length) + head + payload) or 0xFFFF
    return ip_packet(source, target, UDP, head[:6] + struct.pack("!H", check) + payload, number)


@dataclass(slots=True)
class Stream:
    """One TCP connection, of which nothing but its data was seen: sequence numbers without a gap."""

    _sent: dict[Address, int] = field(default_factory=dict)

    def packets(self, source: Address, target: Address, payload: bytes, number: int) -> Iterator[bytes]:
        """The next data of one side; more than one packet only when one could not hold it."""
        most = LONGEST - 40
        for start in range(0, max(1, len(payload)), most):
            part = payload[start : start + most]
            yield self._packet(source, target, part, number + start // most)

    def _packet(self, source: Address, target: Address, payload: bytes, number: int) -> bytes:
        sequence = self._sent.get(source, FIRST_SEQUENCE)
        acknowledged = self._sent.get(target, FIRST_SEQUENCE)
        self._sent[source] = (sequence + len(payload)) & 0xFFFFFFFF
        head = struct.pack(
            "!HHIIBBHHH", source.port, target.port, sequence, acknowledged, 5 << 4, PUSH_ACK, WINDOW, 0, 0
        )
        length = len(head) + len(payload)
        check = checksum(pseudo_header(source, target, TCP, length) + head + payload)
        return ip_packet(
            source, target, TCP, head[:16] + struct.pack("!H", check) + head[18:] + payload, number
        )


def ip_packet(source: Address, target: Address, protocol: int, payload: bytes, number: int) -> bytes:
    """The IP packet; of two families, the one is mapped into the other (RFC 4291 section 2.5.5.2)."""
    ends = packed_ends(source.host, target.host)
    if len(ends) == 8:
        head = struct.pack(
            "!BBHHHBBH8s", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0, HOPS, protocol, 0, ends
        )
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, HOPS) + ends + payload


def pseudo_header(source: Address, target: Address, protocol: int, length: int) -> bytes:
    """What the checksum of UDP and TCP counts of the IP header."""
    ends = packed_ends(source.host, target.host)
    if len(ends) == 8:
        return ends + struct.pack("!BBH", 0, protocol, length)
    return ends + struct.pack("!IHBB", length, 0, 0, protocol)


@lru_cache(maxsize=1024)
def packed_ends(source: str, target: str) -> bytes:
    """Both addresses as they are on the wire; as IPv6 has them unless both are of IPv4."""
    ends = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if all(ip.version == 4 for ip in ends):
        return b"".join(ip.packed for ip in ends)
    return b"".join(ip.packed if ip.version == 6 else MAPPED + ip.packed for ip in ends)


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071): a sum of 16-bit words is the number modulo 65535."""
    even = data if len(data) % 2 == 0 else data + b"\0"
    rest = int.from_bytes(even, "big") % LONGEST
    # the ones' complement sum of anything but zeros is never 0 but 65535
    return (LONGEST - (rest or (LONGEST if any(even) else 0))) & 0xFFFF
