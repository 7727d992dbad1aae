"""What strangers send in floods: SIP requests, TCP connections and RTP, paced, bounded in time and number."""

from __future__ import annotations

import os
import secrets
import socket
import struct
import time
from collections.abc import Callable

from tests.support.media_sockets import rtp_header
from tests.support.programs import LOOPBACK
from tests.support.sip_peer import PLAIN_OFFER, sdp

__all__ = ["ATTACKS", "STRANGER", "Where"]

STRANGER = "127.0.0.2"
"""Where floods come from: another source than that of callers."""
BATCH_S = 0.01
Where = tuple[int, int]
"""The ports of SIP and RTP that are attacked."""
PRESENCE = "Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 3600\r\n"
TEXT = "Content-Type: text/plain\r\n"


def request(method: str, port: int, source: int, headers: str = "", body: str = "") -> bytes:
    """A request out of a dialog, complete and valid (RFC 3261 8.1.1)."""
    uri = f"sip:x@{STRANGER}:{source}"
    return (
        f"{method} sip:a@{LOOPBACK}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {STRANGER}:{source};rport;branch=z9hG4bK{secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <{uri}>;tag={secrets.token_hex(4)}\r\nTo: <sip:a@{LOOPBACK}>\r\n"
        f"Call-ID: {secrets.token_hex(8)}\r\nCSeq: 1 {method}\r\nContact: <{uri}>\r\n"
        f"{headers}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def paced(seconds: float, rate: float, send: Callable[[int], None]) -> int:
    """Call ``send`` so many times a second; how many times that was."""
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        while sent < passed * rate:
            send(sent)
            sent += 1
        time.sleep(BATCH_S)
    return sent


def signalling(method: str, headers: str = "", body: str = "") -> Callable[[Where, float, float], int]:
    """A flood of one request."""

    def flood(where: Where, seconds: float, rate: float) -> int:
        with udp() as stranger:
            source = stranger.getsockname()[1]
            return paced(
                seconds,
                rate,
                lambda _: post(stranger, request(method, where[0], source, headers, body), where[0]),
            )

    return flood


def connections(where: Where, seconds: float, rate: float) -> int:
    """TCP connections, each closed at once."""

    def connect(_: int) -> None:
        with socket.socket() as one:
            one.bind((STRANGER, 0))
            one.setblocking(False)
            one.connect_ex((LOOPBACK, where[0]))

    return paced(seconds, rate / 10, connect)


def garbage(where: Where, seconds: float, rate: float) -> int:
    """Random bytes to the ports of RTP and RTCP."""
    with udp() as stranger:
        return paced(
            seconds, rate, lambda number: post(stranger, os.urandom(200), where[1] + (number % 10 == 0))
        )


def foreign(where: Where, seconds: float, rate: float) -> int:
    """Audio and digits that the peer of a call could have sent, from a stranger."""

    def packet(number: int) -> bytes:
        if number % 10:
            return rtp_header(number % 65536, 8, number * 160 % 2**32) + os.urandom(160)
        return rtp_header(number % 65536, 101, number * 160 % 2**32) + struct.pack("!BBH", 9, 0x8A, 800)

    with udp() as stranger:
        return paced(seconds, rate, lambda number: post(stranger, packet(number), where[1]))


def udp() -> socket.socket:
    """A socket of the stranger's."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((STRANGER, 0))
    one.setblocking(False)
    return one


def post(stranger: socket.socket, packet: bytes, port: int) -> None:
    """Send what the system takes now; what comes back is thrown away."""
    try:
        stranger.sendto(packet, (LOOPBACK, port))
    except OSError:  # its buffer is full, or the port is closed
        return


ATTACKS: dict[str, Callable[[Where, float, float], int]] = {
    "INVITE": signalling("INVITE", "Content-Type: application/sdp\r\n", sdp(PLAIN_OFFER)),
    "OPTIONS": signalling("OPTIONS"),
    "SUBSCRIBE": signalling("SUBSCRIBE", PRESENCE),
    "MESSAGE": signalling("MESSAGE", TEXT, "x" * 400),
    "TCP": connections,
    "garbage": garbage,
    "foreign RTP": foreign,
}
"""Each takes the ports, seconds and how many a second; TCP makes a tenth as many connections."""
