"""The RTP and RTCP sockets of a peer that a test scripts, and packets made byte by byte (RFC 3550)."""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass

from tests.support.programs import LOOPBACK

__all__ = ["SILENCE", "MediaSockets", "Packet", "pair", "rtp_header"]

RTCP_TYPES = range(200, 207)
SAMPLES = 160
"""20 ms at 8000 Hz."""
SILENCE = b"\xd5" * SAMPLES
"""20 ms of silence in PCMA."""


@dataclass(frozen=True)
class Packet:
    """A packet that arrived: RTP with its payload type, or RTCP with its packet type."""

    is_rtcp: bool
    kind: int
    payload: bytes
    source: int
    """The port of its source."""


def rtp_header(sequence: int, payload_type: int, timestamp: int | None = None, ssrc: int = 1) -> bytes:
    """An RTP header without a marker; without a timestamp the packets follow each other by 20 ms."""
    at = sequence * SAMPLES if timestamp is None else timestamp
    return struct.pack("!BBHII", 0x80, payload_type, sequence, at, ssrc)


class MediaSockets:
    """An even port for RTP and the next port for RTCP; ``target`` is the RTP port of the other side."""

    def __init__(self) -> None:
        self.rtp, self.rtcp = pair()
        self.port: int = self.rtp.getsockname()[1]
        self.target = 0

    def close(self) -> None:
        """Free the ports."""
        self.rtp.close()
        self.rtcp.close()

    def send(self, packet: bytes) -> None:
        """Send bytes from the RTP port to the target."""
        self.rtp.sendto(packet, (LOOPBACK, self.target))

    def send_audio(self, sequence: int, payload_type: int, payload: bytes = SILENCE) -> None:
        """Send one RTP packet to the target."""
        self.send(rtp_header(sequence, payload_type) + payload)

    def report(self, source: socket.socket, port: int) -> None:
        """Send a sender report without report blocks (RFC 3550 section 6.4.1)."""
        source.sendto(struct.pack("!BBHIIIIII", 0x80, 200, 6, 1, 0x83AA7E80, 0, 0, 1, 160), (LOOPBACK, port))

    def receive(self, count: int, timeout: float = 5.0, *, until_rtcp: bool = False) -> list[Packet]:
        """Up to ``count`` packets from both ports; ``until_rtcp`` stops at the first RTCP packet."""
        found: list[Packet] = []
        deadline = time.monotonic() + timeout
        while len(found) < count and (left := deadline - time.monotonic()) > 0:
            if until_rtcp and any(packet.is_rtcp for packet in found):
                break
            for ready in select.select([self.rtp, self.rtcp], [], [], left)[0]:
                data, (_, source) = ready.recvfrom(4096)
                is_rtcp = data[1] in RTCP_TYPES
                found.append(Packet(is_rtcp, data[1] if is_rtcp else data[1] & 127, data[12:], source))
        return found


def pair() -> tuple[socket.socket, socket.socket]:
    """A socket at an even port and one at the next port."""
    while True:
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        first.bind((LOOPBACK, 0))
        port = first.getsockname()[1]
        try:
            if port % 2 == 0:
                second.bind((LOOPBACK, port + 1))
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
