"""A front of our own: it redirects each INVITE to a free worker (302, RFC 3261 8.3 and 21.3.3), over UDP.

It keeps no transaction: a retransmitted INVITE gets the same response, and ACKs are ignored. A slot that was
named to a caller is reserved for some seconds. Every message is read by the strict checker first; a response
goes to where its request came from and nowhere else, and is not much longer than it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import select
import socket
import threading
from types import TracebackType
from typing import Self

from bot.config import LimitsConfig
from bot.errors import NativeError
from bot.front.pool import WorkerPool
from bot.rates import EVERYBODY, Sources, host_of
from bot.sip.intake import Refusal, bare_copy, judge

__all__ = ["RedirectFront"]

LONGEST = 65535
MESSAGES_PER_S = 2000.0
"""Of all sources together; further ones are dropped."""
BUSY_S, DRAINED_S = 2, 60
"""Retry-After of a 503, in seconds (RFC 3261 21.5.4)."""
REASONS = {
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    405: "Method Not Allowed",
    415: "Unsupported Media Type",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    488: "Not Acceptable Here",
    491: "Request Pending",
    503: "Service Unavailable",
    505: "Version Not Supported",
}
METHODS = "INVITE, ACK, CANCEL, OPTIONS"
FIELD = re.compile(rb"^([a-z-]+): ([^\r\n]*)", re.MULTILINE)
TOP_VIA = re.compile(rb"^(via: [^,\r\n]*)", re.MULTILINE)
RPORT = re.compile(rb";[ \t]*rport(?=[;,\s]|$)", re.IGNORECASE)
TAG = re.compile(rb";[ \t]*tag[ \t]*=", re.IGNORECASE)
CALLED = re.compile(rb"\s*\S+ sips?:([A-Za-z0-9_.!~*'()&=+$%-]{1,64})(?::[^@ ]*)?@", re.IGNORECASE)
"""The user of a Request-URI: the bot ``auto`` goes by it."""

Headers = list[tuple[str, str]]


class RedirectFront:
    """Listens at ``bind`` and ``port`` from its construction on; a context manager that answers inside.

    Raises NativeError for a port in use.
    """

    def __init__(self, pool: WorkerPool, *, name: str, bind: str, port: int, limits: LimitsConfig) -> None:
        self._pool = pool
        self._name = name
        self._limits = limits
        self._sources = Sources()
        self._key = secrets.token_bytes(16)
        self._drains = False
        self._socket = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((bind, port))
        except OSError as error:
            self._socket.close()
            raise NativeError(f"cannot listen on udp {bind}:{port}: {error.strerror}") from None
        self._stop, self._stopped = socket.socketpair()
        host = f"[{bind}]" if ":" in bind else bind
        self.uris = [f"sip:{name}@{host}:{self._socket.getsockname()[1]};transport=udp"]
        self._thread = threading.Thread(target=self._run, name="srtpbot-front", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.close()
        self._thread.join()
        self._stopped.close()
        self._socket.close()

    def drain(self) -> None:
        """Refuse every further call with 503."""
        self._drains = True

    def lost(self, call_ids: list[str]) -> None:
        """An agent took these calls along; the pool counts them itself."""

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._stopped], [], [])
            if self._stopped in ready:
                return
            with contextlib.suppress(OSError):  # a former response reached nobody
                data, peer = self._socket.recvfrom(LONGEST)
                if response := self._response(data, *peer[:2]):
                    self._socket.sendto(response, peer)

    def _response(self, data: bytes, host: str, port: int) -> bytes:
        """The response to a message; empty for none."""
        source = host_of(f"[{host}]:{port}")
        if not self._sources.takes(source, "messages", self._limits.messages_per_s):
            return b""
        if not self._sources.takes(EVERYBODY, "messages", MESSAGES_PER_S):
            return b""
        found, copy = judge(data), bare_copy(data)
        if not copy:
            return b""
        if isinstance(found, Refusal):
            return self._written(found.code, list(found.headers), copy, host, port) if found.code else b""
        called = CALLED.match(data)
        user = called[1].decode() if called is not None else self._name
        return self._written(*self._decided(copy, source, user), copy, host, port)

    def _decided(self, copy: bytes, source: str, user: str) -> tuple[int, Headers]:
        """The status code and further header fields for a request to this user."""
        method, fields = copy.partition(b" ")[0].upper(), dict(FIELD.findall(copy))
        if method == b"OPTIONS":
            return 200, [("Allow", METHODS)]
        if TAG.search(fields[b"to"].rpartition(b">")[2]) or method in {b"CANCEL", b"BYE"}:
            return 481, []
        if method != b"INVITE":
            return 405, [("Allow", METHODS)]
        if self._drains:
            return 503, [("Retry-After", str(DRAINED_S))]
        if not self._sources.takes(source, "INVITEs", self._limits.invites_per_s):
            return 503, [("Retry-After", str(BUSY_S))]
        most = self._limits.calls_per_source
        if most and self._pool.calls_of(source) >= most:
            return 486, []
        worker = self._pool.reserve(fields[b"call-id"].decode("latin-1"), source)
        if worker is None:
            return 503, [("Retry-After", str(BUSY_S))]
        where = worker.endpoint.uri.partition("@")[2].partition(";")[0]
        return 302, [("Contact", f"<sip:{user}@{where};transport=udp>")]

    def _written(self, code: int, headers: Headers, copy: bytes, host: str, port: int) -> bytes:
        """A response with the fields of its request (RFC 3261 8.2.6), and where it came from (RFC 3581)."""
        _, _, rest = copy.partition(b"\r\n")
        fields, _, _ = rest.partition(b"\r\nContent-Length")
        seen = TOP_VIA.search(fields)
        if seen is not None:
            via = RPORT.sub(b";rport=%d" % port, seen[1]) + b";received=" + host.encode()
            fields = fields[: seen.start()] + via + fields[seen.end() :]
        tag = b";tag=" + hashlib.blake2s(fields, key=self._key, digest_size=8).hexdigest().encode()
        lines = [
            line + tag * (line.startswith(b"to: ") and not TAG.search(line.rpartition(b">")[2]))
            for line in fields.split(b"\r\n")
        ]
        more = [f"{name}: {value}".encode() for name, value in (*headers, ("Content-Length", "0"))]
        start = f"SIP/2.0 {code} {REASONS.get(code, 'Refused')}".encode()
        return b"\r\n".join([start, *lines, *more]) + b"\r\n\r\n"
