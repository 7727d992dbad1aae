"""A peer made of sockets: an INVITE with any SDP, then RTP and RTCP as they are on the wire."""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bot.sdp import Sdp, parse_sdp
from tests.agent.starting import LOOPBACK
from tests.interop.raw import RawUser

__all__ = ["Packet", "RawStream"]

RTCP_TYPES = range(200, 207)
SILENCE = b"\xd5" * 160
"""20 ms in PCMA."""


@dataclass(frozen=True)
class Packet:
    """What arrived: RTP with its payload type, or RTCP with its packet type."""

    is_rtcp: bool
    kind: int
    payload: bytes
    source: int
    """The port that it came from."""


class RawStream:
    """A caller to one URI; ``{rtp}`` in its offer is its RTP port, an even one with RTCP on the next."""

    def __init__(self, uri: str) -> None:
        self.user = RawUser(uri)
        self.rtp, self.rtcp = pair()
        self.port: int = self.rtp.getsockname()[1]
        self.answer = Sdp()
        self._call_id = self._to_tag = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._call_id:
            bye = self.user.request("BYE", call_id=self._call_id, cseq=9, to_tag=self._to_tag)
            self.user.ask(bye)
        for one in (self.user, self.rtp, self.rtcp):
            one.close()

    def offer(self, media: str) -> None:
        """Send an INVITE with these m= lines."""
        session = f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
        lines = media.strip().format(rtp=self.port).splitlines()
        body = session + "".join(f"{line.strip()}\r\n" for line in lines)
        self.user.send(self.user.request("INVITE", body=body))

    def answered(self) -> int:
        """The status code of the final response, which is acknowledged; its SDP is ``answer``."""
        response = self.user.final()
        self.user.ack(response)
        if response.status == 200:
            self._call_id, self._to_tag = response.call_id or "", response.to_tag or ""
            self.answer = parse_sdp(response.sdp or "")
        return response.status

    def send(self, number: int, payload_type: int, payload: bytes = SILENCE) -> None:
        """One RTP packet to the audio port of the answer."""
        header = struct.pack("!BBHII", 0x80, payload_type, number, number * 160, 1)
        self.rtp.sendto(header + payload, (LOOPBACK, self.answer.media[0].port))

    def report(self, source: socket.socket, port: int) -> None:
        """A sender report (RFC 3550 6.4.1) without report blocks."""
        source.sendto(struct.pack("!BBHIIIIII", 0x80, 200, 6, 1, 0x83AA7E80, 0, 0, 1, 160), (LOOPBACK, port))

    def receive(self, count: int, timeout: float = 5.0, *, until_rtcp: bool = False) -> list[Packet]:
        """The next packets on both ports, so many or as many as come, or all until a report is there."""
        found: list[Packet] = []
        deadline = time.monotonic() + timeout
        while len(found) < count and (left := deadline - time.monotonic()) > 0:
            if until_rtcp and any(one.is_rtcp for one in found):
                break
            for ready in select.select([self.rtp, self.rtcp], [], [], left)[0]:
                data, (_, source) = ready.recvfrom(4096)
                is_rtcp = data[1] in RTCP_TYPES
                found.append(Packet(is_rtcp, data[1] if is_rtcp else data[1] & 127, data[12:], source))
        return found


def pair() -> tuple[socket.socket, socket.socket]:
    """An even port and the next one."""
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
