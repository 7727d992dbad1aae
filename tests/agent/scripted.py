"""A peer that answers what it is told to, and when: one UDP socket, responses made of the request."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

import pytest

from bot.sip import Message
from tests.agent.starting import LOOPBACK

__all__ = ["ScriptedPeer", "scripted_peer"]

PATIENCE_S = 5.0


class ScriptedPeer:
    """Says nothing by itself."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._caller = (LOOPBACK, 0)
        self.port: int = self._socket.getsockname()[1]
        self.uri = f"sip:scripted@{LOOPBACK}:{self.port}"
        self.sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
            f"m=audio {self.port + 2 & ~1} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
        )

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def next(self, method: str, timeout: float = PATIENCE_S) -> Message:
        """The next request of that method; others that come before it are skipped."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            data, self._caller = self._socket.recvfrom(65536)
            if data.strip() and (message := Message.parse(data.decode())).method == method:
                return message
        raise AssertionError(f"no {method} within {timeout:g} s")

    def answer(
        self, request: Message, status: int, reason: str, *, headers: str = "", sdp: bool = False
    ) -> None:
        """Respond; ``headers`` are whole lines."""
        to = request.header("To") or ""
        copied = [
            *(f"Via: {via}" for via in request.headers("Via")),
            f"From: {request.header('From')}",
            f"To: {to}" if "tag=" in to or status == 100 else f"To: {to};tag=scripted",
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.header('CSeq')}",
            *([] if headers.startswith("Contact:") else [f"Contact: <{self.uri}>"]),
        ]
        body = self.sdp if sdp else ""
        content = "Content-Type: application/sdp\r\n" if sdp else ""
        head = "\r\n".join([f"SIP/2.0 {status} {reason}", *copied])
        text = f"{head}\r\n{headers}{content}Content-Length: {len(body)}\r\n\r\n{body}"
        self._socket.sendto(text.encode(), self._caller)


@pytest.fixture
def scripted_peer() -> Iterator[ScriptedPeer]:
    """A peer whose socket is closed at the end."""
    peer = ScriptedPeer()
    yield peer
    peer.close()
