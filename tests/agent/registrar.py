"""A registrar made of strings (RFC 3261 10.3, 22): it checks digests and can be as odd as a test wants."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from bot.sip import Message
from tests.agent.starting import LOOPBACK

__all__ = ["PASSWORD", "Registrar", "digest"]

PASSWORD = "wonderland"
REALM = "test.example"
SUMMARY = "Messages-Waiting: yes\r\nMessage-Account: sip:alice@127.0.0.1\r\nVoice-Message: 2/8 (0/1)\r\n"
REASONS = {200: "OK", 401: "Unauthorized", 407: "Proxy Authentication Required", 423: "Interval Too Brief"}


def digest(fields: dict[str, str], method: str, password: str) -> str:
    """The response to a challenge (RFC 2617 3.2.2), with or without qop."""

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    secret = md5(fields["username"], fields["realm"], password)
    middle = [fields[key] for key in ("nc", "cnonce", "qop") if "qop" in fields]
    return md5(secret, fields["nonce"], *middle, md5(method, fields["uri"]))


@dataclass
class Registrar:
    """Listens on UDP while it is entered; ``requests`` is what it got, in order."""

    challenge: int = 401
    """The code of a challenge; 0 asks nobody for credentials."""
    qop: bool = True
    stale: int = 0
    """So many answers to a challenge come too late for its nonce."""
    min_expires: int = 0
    headers: str = ""
    """Whole lines for every 200 to a REGISTER."""
    refusal: int = 0
    """What every request gets."""
    deaf: bool = False
    """Requests with credentials get no answer."""
    requests: list[Message] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self._nonce = secrets.token_hex(8)
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", (LOOPBACK, self.port))
        self._thread.join(5.0)
        self._socket.close()

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"sip:{LOOPBACK}:{self.port}"

    def account(self, user: str = "alice", **more: Any) -> dict[str, Any]:
        """The settings of an identity that registers here."""
        who: dict[str, Any] = {"id": f"sip:{user}@{LOOPBACK}", "user": user, "password": PASSWORD}
        return {**who, "registrar": self.uri, **more}

    def of(self, method: str) -> list[Message]:
        """The requests of a method."""
        return [one for one in self.requests if one.method == method]

    def wait_for(self, method: str, count: int, timeout: float = 5.0) -> list[Message]:
        """So many requests of a method, once they are here."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(method)) >= count, timeout), self.requests
        return self.of(method)

    # ---- what it does

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(65536)
            if not data:
                return
            if not data.strip():
                continue
            message = Message.parse(data.decode())
            if not message.is_request:
                continue
            with self._changed:
                self.requests.append(message)
                self._changed.notify_all()
            credentials = message.header("Authorization") or message.header("Proxy-Authorization")
            if message.method != "ACK" and not (self.deaf and credentials):
                self._socket.sendto(self._answer(message).encode(), sender)
            if message.method == "SUBSCRIBE" and self._knows(message):
                self._socket.sendto(self._notify(message).encode(), sender)

    def _answer(self, request: Message) -> str:
        if self.refusal:
            return self._response(request, self.refusal)
        if self.challenge and not self._knows(request):
            name = "WWW-Authenticate" if self.challenge == 401 else "Proxy-Authenticate"
            answered = request.header("Authorization") or request.header("Proxy-Authorization")
            stale = ", stale=true" if answered and self.stale else ""
            if stale:
                self._nonce, self.stale = secrets.token_hex(8), self.stale - 1
            qop = ', qop="auth"' if self.qop else ""
            asked = f'{name}: Digest realm="{REALM}", nonce="{self._nonce}"{qop}{stale}\r\n'
            return self._response(request, self.challenge, asked)
        expires = int(request.header("Expires") or 0)
        if request.method == "REGISTER" and 0 < expires < self.min_expires:
            return self._response(request, 423, f"Min-Expires: {self.min_expires}\r\n")
        contact = request.header("Contact")
        bound = f"Contact: {contact};expires={expires}\r\n" if expires and contact else ""
        route = self.headers if request.method == "REGISTER" else "Contact: <" + self.uri + ">\r\n"
        return self._response(request, 200, bound + route if request.method == "REGISTER" else route)

    def _knows(self, request: Message) -> bool:
        """Whether the request has the right answer to a challenge that is not stale."""
        header = request.header("Authorization") or request.header("Proxy-Authorization")
        if not self.challenge:
            return True
        if header is None or self.stale:
            return False
        fields = {
            key: quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', header)
        }
        right = digest(fields, request.method, PASSWORD)
        return (fields["nonce"], fields["response"]) == (self._nonce, right)

    def _response(self, request: Message, code: int, headers: str = "") -> str:
        kept = "".join(
            f"{name}: {value}{';tag=r' if name == 'To' and 'tag=' not in value else ''}\r\n"
            for name, value in request.fields
            if name in {"Via", "From", "To", "Call-ID", "CSeq"}
        )
        return f"SIP/2.0 {code} {REASONS.get(code, 'Refused')}\r\n{kept}{headers}Content-Length: 0\r\n\r\n"

    def _notify(self, request: Message) -> str:
        """The state of the mailbox, in the dialog that a SUBSCRIBE made (RFC 3842 3.8)."""
        contact = re.search(r"<(.+)>", request.header("Contact") or "")
        assert contact is not None
        return (
            f"NOTIFY {contact[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {LOOPBACK}:{self.port};branch=z9hG4bK{secrets.token_hex(8)}\r\n"
            f"Max-Forwards: 70\r\nFrom: {request.header('To')};tag=r\r\nTo: {request.header('From')}\r\n"
            f"Call-ID: {request.call_id}\r\nCSeq: 1 NOTIFY\r\nContact: <{self.uri}>\r\n"
            "Event: message-summary\r\nSubscription-State: active;expires=300\r\n"
            f"Content-Type: application/simple-message-summary\r\nContent-Length: {len(SUMMARY)}\r\n"
            f"\r\n{SUMMARY}"
        )
