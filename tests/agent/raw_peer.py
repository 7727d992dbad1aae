"""A SIP peer made of strings that listens: every byte that arrives is seen, every answer is written out."""

from __future__ import annotations

import re
import socket
from types import TracebackType
from typing import Self

from bot.sip import Message
from tests.agent.starting import LOOPBACK

__all__ = ["RawPeer", "answer_body"]

PATIENCE_S = 5.0
KEEP_ALIVES = (b"\r\n\r\n", b"\r\n")
CONTENT_LENGTH = re.compile(rb"^Content-Length[ \t]*:[ \t]*(\d+)", re.MULTILINE | re.IGNORECASE)


def answer_body(port: int) -> str:
    """An answer of PCMA at this port of 127.0.0.1."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )


class RawPeer:
    """Listens on UDP or TCP; over TCP it serves one connection at a time, the one that ``accept`` took."""

    def __init__(self, transport: str = "udp", *, port: int = 0) -> None:
        self.transport = transport
        self._unread = b""
        if transport == "tcp":
            self._listening = socket.create_server((LOOPBACK, port))
        else:
            self._listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._listening.bind((LOOPBACK, port))
        self._listening.settimeout(PATIENCE_S)
        self.port: int = self._listening.getsockname()[1]
        self._connection: socket.socket | None = None
        self.sender = ("", 0)
        """Where the last datagram or the connection came from."""

    @property
    def uri(self) -> str:
        """Where it is called."""
        return f"sip:raw@{LOOPBACK}:{self.port}{';transport=tcp' if self.transport == 'tcp' else ''}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        self._listening.close()

    def accept(self) -> None:
        """Take the next connection."""
        self._connection, self.sender = self._listening.accept()
        self._connection.settimeout(PATIENCE_S)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._unread = b""

    def receive(self, method: str) -> Message:
        """The next request of this method; anything else that arrives is passed over."""
        while True:
            message = Message.parse(self._message().decode("utf-8", "replace"))
            if message.method == method:
                return message

    def keep_alive(self) -> bytes:
        """What arrives next: it has to be a keep-alive."""
        found = self._receive()
        assert found in KEEP_ALIVES, found
        return found

    def respond(self, request: Message, code: int, reason: str, *, headers: str = "", body: str = "") -> None:
        """Answer a request; ``headers`` are whole lines."""
        copied = [f"{name}: {value}" for name in ("Via",) for value in request.headers(name)]
        copied += [f"{name}: {request.header(name)}" for name in ("From", "Call-ID", "CSeq")]
        tag = "" if ";tag=" in (request.header("To") or "") else ";tag=raw"
        content = "Content-Type: application/sdp\r\n" if body else ""
        head = "\r\n".join([f"SIP/2.0 {code} {reason}", *copied, f"To: {request.header('To')}{tag}"])
        contact = f"Contact: <{self.uri}>\r\n"
        self.send(f"{head}\r\n{headers or contact}{content}Content-Length: {len(body)}\r\n\r\n{body}")

    def send(self, text: str) -> None:
        """Send it as it is to where the last thing came from."""
        if self._connection is not None:
            self._connection.sendall(text.encode())
        else:
            self._listening.sendto(text.encode(), self.sender)

    def _message(self) -> bytes:
        """A whole message, without the keep-alives before it."""
        while True:
            whole = self._unread.lstrip(b"\r\n")
            head, separator, rest = whole.partition(b"\r\n\r\n")
            length = CONTENT_LENGTH.search(head)
            size = int(length[1]) if length else 0
            if separator and len(rest) >= size:
                self._unread = rest[size:]
                return head + separator + rest[:size]
            self._unread = whole + self._receive()

    def _receive(self) -> bytes:
        if self.transport == "tcp":
            assert self._connection is not None
            found = self._connection.recv(65536)
            assert found, "the endpoint closed the connection"
            return found
        found, self.sender = self._listening.recvfrom(65536)
        return found
