"""A record-routing SIP proxy of the test's own (RFC 3261 16.6), in which re-INVITEs can cross."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType
from typing import Self

from bot import Endpoint
from tests.support.starting import LOOPBACK

__all__ = ["Crossing"]

VIA = re.compile(rb"^Via:[^\r]*\r\n", re.MULTILINE)
BRANCH = re.compile(rb"branch=([^;\r]+)")
REINVITE = re.compile(rb"\AINVITE .*^To:[^\r]*;tag=", re.MULTILINE | re.DOTALL)


class Crossing:
    """Call ``uri`` instead of the callee's; the next ``hold`` re-INVITEs wait here until all have come."""

    def __init__(self, caller: Endpoint, callee: Endpoint) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._port: int = self._socket.getsockname()[1]
        assert caller.ready is not None
        assert callee.ready is not None
        here, there = caller.ready.listeners[0].port, callee.ready.listeners[0].port
        self._opposite = {here: there, there: here}
        self._held: list[tuple[bytes, int]] = []
        self.hold = 0
        self.uri = f"sip:{callee.name}@{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        while message := self._socket.recvfrom(65536):
            text, (_, port) = message
            if not text:
                return
            if not text.strip():
                continue  # a keep-alive
            if self.hold and REINVITE.match(text):
                self._held.append((text, port))
                if len(self._held) < self.hold:
                    continue
                held, self._held, self.hold = self._held, [], 0
                for one, source in held:
                    self._forward(one, source)
                continue
            self._forward(text, port)

    def _forward(self, text: bytes, source: int) -> None:
        changed = self._response(text) if text.startswith(b"SIP/2.0") else self._request(text)
        self._socket.sendto(changed, (LOOPBACK, self._opposite[source]))

    def _response(self, text: bytes) -> bytes:
        return VIA.sub(b"", text, count=1)

    def _request(self, text: bytes) -> bytes:
        start, _, rest = text.partition(b"\r\n")
        address = f"{LOOPBACK}:{self._port}".encode()
        found = BRANCH.search(rest)
        assert found is not None
        ours = b"Via: SIP/2.0/UDP %s;branch=%sx\r\n" % (address, found[1])
        ours += b"Record-Route: <sip:%s;lr>\r\n" % address
        rest = re.sub(rb"^Route: <sip:%s;lr>\r\n" % re.escape(address), b"", rest, flags=re.MULTILINE)
        return start + b"\r\n" + ours + rest
