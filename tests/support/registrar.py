"""A registrar (RFC 3261 sections 10.3 and 22): it checks digests, and every fault of it is a setting."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from bot.sip.message import Message
from tests.support.programs import LOOPBACK
from tests.support.sip_peer import Dialog, SipPeer

__all__ = ["PASSWORD", "Registrar", "digest"]

PASSWORD = "wonderland"
REALM = "test.example"
SUMMARY = "Messages-Waiting: yes\r\nMessage-Account: sip:alice@127.0.0.1\r\nVoice-Message: 2/8 (0/1)\r\n"


def digest(fields: dict[str, str], method: str, password: str) -> str:
    """The response to a challenge (RFC 2617 3.2.2), with or without qop."""

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    secret = md5(fields["username"], fields["realm"], password)
    middle = [fields[key] for key in ("nc", "cnonce", "qop") if "qop" in fields]
    return md5(secret, fields["nonce"], *middle, md5(method, fields["uri"]))


@dataclass
class Registrar:
    """Listens on UDP within its block; ``requests`` are those that it received, in order."""

    challenge: int = 401
    """The status code of the challenge; 0 asks for no credentials."""
    qop: bool = True
    stale: int = 0
    """The number of answers to a challenge whose nonce is stale."""
    min_expires: int = 0
    headers: str = ""
    """Whole header lines for every 200 to a REGISTER."""
    bound: str = ""
    """The Contact in every 200 to a REGISTER, in place of the requested one."""
    refusal: int = 0
    """The status code of the response to every request; 0 refuses none."""
    deaf: bool = False
    """Requests with credentials get no answer."""
    delay_s: float = 0.0
    """The delay of every response, in seconds."""
    realm: str = REALM
    password: str = PASSWORD
    requests: list[Message] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._nonce = secrets.token_hex(8)
        self._changed = threading.Condition()
        self._leaving = threading.Event()
        with ExitStack() as running:
            running.callback(self._leaving.set)
            self._peer = running.enter_context(SipPeer())
            self.port = self._peer.port
            running.enter_context(self._peer.serving(self._serve))
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._running.close()

    @property
    def uri(self) -> str:
        """The URI of the registrar."""
        return f"sip:{LOOPBACK}:{self.port}"

    def account(self, user: str | None = "alice", **more: Any) -> dict[str, Any]:
        """The settings of an account that registers here."""
        who: dict[str, Any] = {"id": f"sip:{user}@{LOOPBACK}", "user": user, "password": self.password}
        return {**who, "registrar": self.uri, **more}

    def of(self, method: str) -> list[Message]:
        """The requests with this method."""
        return [one for one in self.requests if one.method == method]

    def wait_for(self, method: str, count: int, timeout: float = 5.0) -> list[Message]:
        """Wait for this number of requests with a method and return them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(method)) >= count, timeout), self.requests
        return self.of(method)

    # ---- responses

    def _serve(self, request: Message) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        credentials = request.header("Authorization") or request.header("Proxy-Authorization")
        self._leaving.wait(self.delay_s)
        if request.method != "ACK" and not (self.deaf and credentials):
            self._answer(request)
        if request.method == "SUBSCRIBE" and self._knows(request):
            self._notify(request)

    def _answer(self, request: Message) -> None:
        if self.refusal:
            return self._peer.reply(request, self.refusal)
        if self.challenge and not self._knows(request):
            name = "WWW-Authenticate" if self.challenge == 401 else "Proxy-Authenticate"
            answered = request.header("Authorization") or request.header("Proxy-Authorization")
            stale = ", stale=true" if answered and self.stale else ""
            if stale:
                self._nonce, self.stale = secrets.token_hex(8), self.stale - 1
            qop = ', qop="auth"' if self.qop else ""
            asked = f'{name}: Digest realm="{self.realm}", nonce="{self._nonce}"{qop}{stale}\r\n'
            return self._peer.reply(request, self.challenge, headers=asked)
        if request.method != "REGISTER":
            return self._peer.reply(request, 200)
        expires = int(request.header("Expires") or 0)
        if 0 < expires < self.min_expires:
            return self._peer.reply(request, 423, headers=f"Min-Expires: {self.min_expires}\r\n")
        contact = request.header("Contact")
        contact = self.bound or contact
        bound = f"Contact: {contact};expires={expires}\r\n" if expires and contact else ""
        return self._peer.reply(request, 200, headers=bound + self.headers)

    def _knows(self, request: Message) -> bool:
        """Whether the request answers the challenge correctly, with a nonce that is not stale."""
        header = request.header("Authorization") or request.header("Proxy-Authorization")
        if not self.challenge:
            return True
        if header is None or self.stale:
            return False
        fields = {
            key: quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', header)
        }
        right = digest(fields, request.method, self.password)
        return (fields["nonce"], fields["response"]) == (self._nonce, right)

    def _notify(self, request: Message) -> None:
        """Send the state of the mailbox, in the dialog that a SUBSCRIBE made (RFC 3842 section 3.8)."""
        self._peer.send(
            self._peer.request(
                "NOTIFY",
                dialog=Dialog.of(request),
                headers="Event: message-summary\r\nSubscription-State: active;expires=300\r\n"
                "Content-Type: application/simple-message-summary\r\n",
                body=SUMMARY,
            )
        )
