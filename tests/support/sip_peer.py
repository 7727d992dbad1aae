"""A SIP peer that a test scripts: the test writes every message that it sends and reads every one it gets.

As callee::

    with SipPeer() as peer:
        call = caller.make_call(peer.uri)
        invite = peer.expect("INVITE")
        peer.reply(invite, 200, body=peer.sdp)
        peer.expect("ACK")

As caller::

    with SipPeer(callee.uri) as peer:
        assert peer.ask(peer.request("OPTIONS")).status == 200
"""

from __future__ import annotations

import itertools
import re
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Self

import pytest

from bot.sip.message import Message
from bot.sip.sdp import Sdp, parse_sdp
from bot.sip.uri import parse_uri
from tests.support.media_sockets import MediaSockets
from tests.support.programs import LOOPBACK

__all__ = ["PLAIN_OFFER", "WEBRTC_OFFER", "Dialog", "SipPeer", "pcma", "sdp", "sip_peer"]

TIMEOUT_S = 5.0
TAG = "peer"
KEEP_ALIVES = (b"\r\n\r\n", b"\r\n")
CONTENT_LENGTH = re.compile(rb"^Content-Length[ \t]*:[ \t]*(\d+)", re.MULTILINE | re.IGNORECASE)
BRANCH = re.compile(r"branch=([^;,\s]+)")
WITH_CONTACT = {"INVITE", "NOTIFY", "OPTIONS", "REFER", "SUBSCRIBE", "UPDATE"}
"""Methods whose responses carry the Contact of the server (RFC 3261 table 2)."""
REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    401: "Unauthorized",
    404: "Not Found",
    407: "Proxy Authentication Required",
    423: "Interval Too Brief",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
}
PLAIN_OFFER = "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
WEBRTC_OFFER = (
    "m=audio 9 UDP/TLS/RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
)


def sdp(media: str, session: str = "") -> str:
    """An SDP body with these m= sections; ``session`` are more lines of the session level."""
    head = f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
    return head + session + media


def pcma(port: int, *lines: str, profile: str = "RTP/AVP") -> str:
    """The m= section of a PCMA stream at this port, with more lines."""
    return "".join(f"{line}\r\n" for line in (f"m=audio {port} {profile} 8", "a=rtpmap:8 PCMA/8000", *lines))


@dataclass
class Dialog:
    """A dialog as the peer sees it (RFC 3261 section 12)."""

    call_id: str
    local: str
    """The peer's own From, with its tag."""
    remote: str
    """The other side's address and tag."""
    target: str
    """The URI of the other side's Contact."""
    cseq: int = 0
    """The number of the peer's last request."""

    @classmethod
    def of(cls, message: Message) -> Self:
        """The dialog of an INVITE that the peer received, or of a response to one that it sent."""
        contact = re.search(r"<([^>]+)>", message.header("Contact") or "")
        target = contact[1] if contact else ""
        source, destination = message.header("From") or "", message.header("To") or ""
        if message.is_request:
            local = destination if message.to_tag else f"{destination};tag={TAG}"
            return cls(message.call_id or "", local, source, target)
        return cls(message.call_id or "", source, destination, target, (message.cseq or (0, ""))[0])


class SipPeer:
    """Calls ``target``, or without one listens; a TCP listener serves one connection at a time.

    ``timeout`` is the longest wait for a message, in seconds; ``source`` is the address that messages of a
    peer with a target come from.
    """

    _numbers = itertools.count(1)

    def __init__(
        self,
        target: str = "",
        *,
        transport: str = "udp",
        port: int = 0,
        timeout: float = TIMEOUT_S,
        source: str = LOOPBACK,
    ) -> None:
        self.target = target.partition(";")[0]
        self.transport = (parse_uri(target).param("transport") or "udp") if target else transport
        self.timeout = timeout
        self.dialog: Dialog | None = None
        """The dialog of the call that ``offer`` and ``answered`` made."""
        self.answer = Sdp()
        self.remote = ("", 0)
        """Where requests go: the target, then the source of the last datagram or the connection."""
        self._unread = b""
        self._connection: socket.socket | None = None
        self._listening = self._open(target, port, source)
        self.port: int = self._listening.getsockname()[1]

    def _open(self, target: str, port: int, source: str) -> socket.socket:
        if target:
            uri = parse_uri(target)
            assert uri.port is not None
            self.remote = (uri.host, uri.port)
        if self.transport == "udp":
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
            opened.bind((source, port))
            return opened
        if not target:
            return socket.create_server((LOOPBACK, port))
        self._connection = socket.create_connection(self.remote, self.timeout, (source, port))
        return self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.dialog is not None:
                self.ask(self.request("BYE", dialog=self.dialog))
        finally:
            self.close()

    def close(self) -> None:
        """Close every socket."""
        self.hang_up()
        self._listening.close()
        if "media" in self.__dict__:
            self.media.close()

    @property
    def uri(self) -> str:
        """The peer's own URI."""
        return f"sip:peer@{LOOPBACK}:{self.port}{';transport=tcp' if self.transport == 'tcp' else ''}"

    @cached_property
    def media(self) -> MediaSockets:
        """Sockets for RTP and RTCP, bound at their first use."""
        return MediaSockets()

    @property
    def sdp(self) -> str:
        """An SDP body with one PCMA stream at the peer's RTP port."""
        return sdp(pcma(self.media.port))

    # ---- connections

    def accept(self) -> None:
        """Take the next TCP connection."""
        self._listening.settimeout(self.timeout)
        self._connection, self.remote = self._listening.accept()

    def hang_up(self) -> None:
        """Close the TCP connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._unread = b""

    # ---- writing

    def request(
        self,
        method: str,
        *,
        dialog: Dialog | None = None,
        call_id: str = "",
        cseq: int | None = None,
        branch: str = "",
        to: str = "",
        uri: str = "",
        headers: str = "",
        body: str = "",
    ) -> str:
        """The text of a request, in a dialog or out of one; ``headers`` are whole lines.

        A request out of a dialog has a Call-ID of its own unless one is given. A body is SDP unless the
        headers hold another Content-Type.
        """
        if dialog is None:
            call_id = call_id or f"{next(self._numbers)}-{secrets.token_hex(6)}"
            dialog = Dialog(call_id, f"<{self.uri}>;tag={TAG}", to or f"<{self.target}>", self.target, 0)
        if cseq is None and method not in {"ACK", "CANCEL"}:
            dialog.cseq += 1
        content = "Content-Type: application/sdp\r\n" if body and "Content-Type:" not in headers else ""
        return (
            f"{method} {uri or dialog.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.transport.upper()} {LOOPBACK}:{self.port};"
            f"branch={branch or f'z9hG4bK{secrets.token_hex(8)}'}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: {dialog.local}\r\n"
            f"To: {dialog.remote}\r\n"
            f"Call-ID: {dialog.call_id}\r\n"
            f"CSeq: {(dialog.cseq or 1) if cseq is None else cseq} {method}\r\n"
            f"Contact: <{self.uri}>\r\n"
            f"{headers}{content}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def reply(
        self, request: Message, code: int, reason: str = "", *, headers: str = "", body: str = ""
    ) -> None:
        """Send a response to a request; ``headers`` are whole lines and may hold the Contact."""
        to = request.header("To") or ""
        lines = [
            f"SIP/2.0 {code} {reason or REASONS.get(code, 'Refused')}",
            *(f"Via: {via}" for via in request.headers("Via")),
            f"From: {request.header('From')}",
            f"To: {to}" if request.to_tag or code == 100 else f"To: {to};tag={TAG}",
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.header('CSeq')}",
        ]
        if request.method in WITH_CONTACT and "Contact:" not in headers:
            lines.append(f"Contact: <{self.uri}>")
        if body:
            lines.append("Content-Type: application/sdp")
        head = "\r\n".join(lines)
        self.send(f"{head}\r\n{headers}Content-Length: {len(body.encode())}\r\n\r\n{body}")

    def send(self, message: str | bytes) -> None:
        """Send these bytes as they are."""
        data = message.encode() if isinstance(message, str) else message
        if self._connection is not None:
            self._connection.sendall(data)
        else:
            self._listening.sendto(data, self.remote)

    def ask(self, request: str, timeout: float | None = None) -> Message:
        """Send a request and return its final response."""
        self.send(request)
        return self.final(timeout)

    def ack(self, response: Message) -> None:
        """Acknowledge the final response to an INVITE; a failure in the transaction of the INVITE."""
        branch = BRANCH.search(response.header("Via") or "") if response.status >= 300 else None
        dialog = Dialog.of(response)
        dialog.target = dialog.target if response.status < 300 and dialog.target else self.target
        self.send(self.request("ACK", dialog=dialog, branch=branch[1] if branch else ""))

    # ---- reading

    def expect(self, method: str, timeout: float | None = None) -> Message:
        """The next request with this method; other messages before it are skipped."""
        return self._first(lambda message: message.method == method, f"no {method}", timeout)

    def response(self, timeout: float | None = None) -> Message:
        """The next response; requests before it are skipped."""
        return self._first(lambda message: message.status > 0, "no response", timeout)

    def final(self, timeout: float | None = None) -> Message:
        """The next final response; other messages before it are skipped."""
        return self._first(lambda message: message.status >= 200, "no final response", timeout)

    def messages(self, quiet_s: float = 0.3, limit_s: float = TIMEOUT_S) -> list[Message]:
        """All messages until none has come for ``quiet_s`` seconds, at most for ``limit_s`` seconds."""
        found: list[Message] = []
        deadline = time.monotonic() + limit_s
        while (left := deadline - time.monotonic()) > 0:
            message = self.next(min(quiet_s, left))
            if message is None:
                break
            found.append(message)
        return found

    def next(self, timeout: float) -> Message | None:
        """The next message of any kind, or None when none comes in time or the connection is closed."""
        deadline = time.monotonic() + timeout
        while (whole := self._whole()) is None:
            data = self._receive(max(0.0, deadline - time.monotonic()))
            if not data:
                return None
            self._unread += data
        return Message.parse(whole.decode("utf-8", "replace"))

    def bytes_within(self, seconds: float) -> int:
        """The bytes of everything that comes within some seconds."""
        deadline, count = time.monotonic() + seconds, 0
        while (left := deadline - time.monotonic()) > 0:
            count += len(self._receive(left))
        return count

    def keep_alive(self) -> bytes:
        """The next bytes, which have to be a keep-alive (RFC 5626 section 4.4.1)."""
        found = self._receive(self.timeout)
        assert found in KEEP_ALIVES, found
        return found

    def _first(self, wanted: Callable[[Message], bool], lack: str, timeout: float | None) -> Message:
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        skipped: list[str] = []
        while (left := deadline - time.monotonic()) > 0:
            message = self.next(left)
            if message is None:
                break
            if wanted(message):
                return message
            skipped.append(message.method or str(message.status))
        raise AssertionError(f"{lack} within {seconds:g} s; skipped: {', '.join(skipped) or 'nothing'}")

    def _receive(self, timeout: float) -> bytes:
        """The next bytes; empty when none come in time or the connection is closed."""
        source = self._connection or self._listening
        if not select.select([source], [], [], timeout)[0]:
            return b""
        try:
            if self._connection is not None:
                return self._connection.recv(65536)
            data, self.remote = self._listening.recvfrom(65536)
        except (ConnectionResetError, ConnectionRefusedError):
            return b""
        return data

    def _whole(self) -> bytes | None:
        """The next whole message of the bytes read; every datagram is a whole message."""
        self._unread = self._unread.lstrip(b"\r\n")
        if not self._unread:
            return None
        if self._connection is None:
            whole, self._unread = self._unread, b""
            return whole
        head, separator, rest = self._unread.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not separator or len(rest) < size:
            return None
        self._unread = rest[size:]
        return head + separator + rest[:size]

    # ---- whole calls

    def offer(self, media: str) -> None:
        """Send an INVITE with these m= sections, in which ``{rtp}`` is the peer's RTP port."""
        lines = media.strip().format(rtp=self.media.port).splitlines()
        body = sdp("".join(f"{line.strip()}\r\n" for line in lines))
        self.send(self.request("INVITE", body=body))

    def answered(self) -> int:
        """The status code of the final response, which is acknowledged; a 200 leaves dialog and answer.

        The end of the block hangs up the call.
        """
        response = self.final()
        self.ack(response)
        if response.status == 200:
            self.dialog = Dialog.of(response)
            self.answer = parse_sdp(response.sdp or "")
            self.media.target = self.answer.media[0].port
        return response.status

    @contextmanager
    def serving(self, answer: Callable[[Message], None]) -> Iterator[None]:
        """Within the block, a thread gives every request that arrives to ``answer``."""
        leaving = threading.Event()

        def serve() -> None:
            while not leaving.is_set():
                message = self.next(self.timeout)
                if message is not None and message.is_request:
                    answer(message)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            leaving.set()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
                bell.sendto(b"", (LOOPBACK, self.port))
            thread.join()


@pytest.fixture
def sip_peer() -> Iterator[SipPeer]:
    """A peer on UDP that listens; its sockets are closed with the test."""
    with SipPeer() as peer:
        yield peer
