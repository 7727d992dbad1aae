"""Writer for pcap files: builds IP, UDP and TCP headers around payloads.

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
IPV4, UDP_IPV4 = struct.Struct("!BBHHHBBH8s"), struct.Struct("!BBHHHBBH8s4sHH")
RECORD = struct.Struct("<IIII")
MAPPED = bytes(10) + b"\xff\xff"


class Address(NamedTuple):
    """One end of a packet: an IP address in its shortest text form (RFC 5952), and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """``127.0.0.1:5060``, ``[::1]:5060``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@lru_cache(maxsize=1024)
def address(text: str) -> Address | None:
    """Parse ``host:port`` or ``[host]:port``; None for any other text, such as a host name.

    The zone of a link-local address (RFC 4007) is left out, because packets do not contain it.
    """
    host, _, port = text.rpartition(":")
    try:
        ip = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return Address(str(ip), int(port)) if port.isdecimal() and int(port) <= LONGEST else None


def record(at: float, packet: bytes) -> bytes:
    """A packet record in pcap format; ``at`` in seconds since 1970."""
    microseconds = round(at * 1_000_000)
    seconds, rest = divmod(max(0, microseconds), 1_000_000)
    return RECORD.pack(seconds & 0xFFFFFFFF, rest, len(packet), len(packet)) + packet


def datagram(source: Address, target: Address, payload: bytes, number: int) -> bytes:
    """A UDP datagram in one IP packet; a payload that is too long is cut."""
    payload = payload[: LONGEST - 28]
    length = 8 + len(payload)
    ends, ports, words = udp_way(source, target)
    payload_sum = int.from_bytes(payload, "big") << 8 * (length % 2)
    check = LONGEST - (words + UDP + 2 * length + payload_sum) % LONGEST  # a checksum of 0 is sent as 65535
    if len(ends) > 8:
        return ip_packet(source, target, UDP, ports + struct.pack("!HH", length, check) + payload, number)
    head = 0x45, 0, 20 + length, number & 0xFFFF, 0, HOPS, UDP
    header_check = checksum(IPV4.pack(*head, 0, ends))
    return UDP_IPV4.pack(*head, header_check, ends, ports, length, check) + payload


@dataclass(slots=True)
class Stream:
    """One TCP connection, built from its data only: consecutive sequence numbers."""

    _sent: dict[Address, int] = field(default_factory=dict)

    def packets(self, source: Address, target: Address, payload: bytes, number: int) -> Iterator[bytes]:
        """The next data of one side, in more than one packet only if it does not fit into one."""
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
    """The IP packet; an IPv4 address beside an IPv6 address is mapped (RFC 4291 section 2.5.5.2)."""
    ends = packed_ends(source.host, target.host)
    if len(ends) == 8:
        fields = 0x45, 0, 20 + len(payload), number & 0xFFFF, 0, HOPS, protocol
        check = checksum(IPV4.pack(*fields, 0, ends))
        return IPV4.pack(*fields, check, ends) + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, HOPS) + ends + payload


def pseudo_header(source: Address, target: Address, protocol: int, length: int) -> bytes:
    """The pseudo-header for the checksums of UDP and TCP."""
    ends = packed_ends(source.host, target.host)
    if len(ends) == 8:
        return ends + struct.pack("!BBH", 0, protocol, length)
    return ends + struct.pack("!IHBB", length, 0, 0, protocol)


@lru_cache(maxsize=1024)
def packed_ends(source: str, target: str) -> bytes:
    """Both addresses in binary form; as IPv6 unless both are IPv4."""
    ends = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if all(ip.version == 4 for ip in ends):
        return b"".join(ip.packed for ip in ends)
    return b"".join(ip.packed if ip.version == 6 else MAPPED + ip.packed for ip in ends)


@lru_cache(maxsize=1024)
def udp_way(source: Address, target: Address) -> tuple[bytes, bytes, int]:
    """Both addresses, both ports, and the sum of all their 16-bit words modulo 65535."""
    ends, ports = packed_ends(source.host, target.host), struct.pack("!HH", source.port, target.port)
    return ends, ports, int.from_bytes(ends + ports, "big") % LONGEST


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071): a sum of 16-bit words equals the number modulo 65535."""
    even = data if len(data) % 2 == 0 else data + b"\0"
    rest = int.from_bytes(even, "big") % LONGEST
    # the ones' complement sum is 0 only for zeros; any other sum is written as 65535
    return (LONGEST - (rest or (LONGEST if any(even) else 0))) & 0xFFFF
