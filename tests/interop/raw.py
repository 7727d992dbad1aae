"""A user agent made of strings: sends any SIP message, well-formed or not, over UDP or TCP."""

from __future__ import annotations

import itertools
import re
import secrets
import select
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from bot.sip import Message, parse_uri
from tests.interop.programs import LOOPBACK

__all__ = ["PLAIN_OFFER", "WEBRTC_OFFER", "RawUser", "body_of"]

ANSWER_S = 5.0
PLAIN_OFFER = "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
WEBRTC_OFFER = (
    "m=audio 9 UDP/TLS/RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
)


def body_of(media: str, filler: str = "") -> str:
    """An SDP body with these m= lines; ``filler`` comes before them."""
    session = f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
    return session + filler + media


class RawUser:
    """Talks to one URI from one socket; messages without a dialog each have a Call-ID of their own."""

    _numbers = itertools.count(1)

    def __init__(self, uri: str) -> None:
        target = parse_uri(uri)
        assert target.port is not None
        self.uri = uri.partition(";")[0]
        self.transport = (target.param("transport") or "udp").upper()
        self._stream = self.transport == "TCP"
        self._unread = b""
        kind = socket.SOCK_STREAM if self._stream else socket.SOCK_DGRAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._socket.bind((LOOPBACK, 0))
        self._socket.settimeout(ANSWER_S)
        self._socket.connect((target.host, target.port))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, which over TCP ends the connection."""
        self._socket.close()

    # ---- writing

    def request(
        self,
        method: str,
        *,
        call_id: str | None = None,
        cseq: int = 1,
        branch: str | None = None,
        to_tag: str = "",
        uri: str = "",
        headers: str = "",
        body: str = "",
    ) -> str:
        """The text of a request; ``headers`` are whole lines."""
        number = next(self._numbers)
        call_id = call_id or f"raw{number}-{secrets.token_hex(6)}"
        content = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri or self.uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.transport} {LOOPBACK}:{self.port};"
            f"branch={branch or f'z9hG4bK{secrets.token_hex(8)}'}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:raw@{LOOPBACK}:{self.port}>;tag=from-{call_id}\r\n"
            f"To: <{self.uri}>{f';tag={to_tag}' if to_tag else ''}\r\n"
            f"Call-ID: {call_id}\r\n"
            f"CSeq: {cseq} {method}\r\n"
            f"Contact: <sip:raw@{LOOPBACK}:{self.port}{';transport=tcp' if self._stream else ''}>\r\n"
            f"{headers}{content}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def send(self, message: str | bytes) -> None:
        """Send it as it is."""
        self._socket.sendall(message.encode() if isinstance(message, str) else message)

    def ack(self, response: Message) -> None:
        """Acknowledge the final response to an INVITE."""
        via = response.header("Via") or ""
        refused = re.search(r"branch=([^;,\s]+)", via) if response.status >= 300 else None
        number, _ = response.cseq or (1, "")
        self.send(
            self.request(
                "ACK",
                call_id=response.call_id,
                cseq=number,
                to_tag=response.to_tag or "",
                branch=refused[1] if refused else None,
            )
        )

    # ---- reading

    def messages(self, quiet_s: float = 0.3, limit_s: float = ANSWER_S) -> list[Message]:
        """What has arrived and arrives until nothing did for ``quiet_s`` seconds."""
        found: list[Message] = []
        deadline = time.monotonic() + limit_s
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], min(quiet_s, left))[0]:
                break
            if not (chunk := self._receive()):
                break
            found += self._split(chunk)
        return found

    def final(self, limit_s: float = ANSWER_S) -> Message:
        """The next final response, or an AssertionError."""
        deadline = time.monotonic() + limit_s
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            chunk = self._receive()
            assert chunk, "the peer closed the connection"
            for message in self._split(chunk):
                if message.status >= 200:
                    return message
        raise AssertionError(f"no final response in {limit_s} s")

    def ask(self, message: str, limit_s: float = ANSWER_S) -> Message:
        """Send a request and return its final response."""
        self.send(message)
        return self.final(limit_s)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except (ConnectionResetError, ConnectionRefusedError):
            return b""

    def _split(self, chunk: bytes) -> Iterator[Message]:
        """A datagram is one message; a stream is cut by Content-Length."""
        if not self._stream:
            yield Message.parse(chunk.decode("utf-8", "replace"))
            return
        self._unread += chunk
        while b"\r\n\r\n" in self._unread:
            head, _, rest = self._unread.partition(b"\r\n\r\n")
            length = re.search(rb"^Content-Length\s*:\s*(\d+)", head, re.MULTILINE | re.IGNORECASE)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            yield Message.parse((head + b"\r\n\r\n" + rest[:size]).decode("utf-8", "replace"))
            self._unread = rest[size:]
