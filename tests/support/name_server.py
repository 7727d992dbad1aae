"""A name server (RFC 1035) for tests, with SRV and A records, on a port of 127.0.0.1."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.starting import LOOPBACK

__all__ = ["NameServer", "Service"]

A, SRV, INTERNET = 1, 33, 1
AUTHORITATIVE, NO_SUCH_NAME = 0x8400, 3
TTL_S = 60
HEADER = struct.Struct("!6H")


class Service(NamedTuple):
    """An SRV record (RFC 2782); the lowest priority is tried first."""

    priority: int
    port: int
    target: str


class NameServer:
    """Answers from ``services`` and ``addresses`` by name; what is in neither does not exist.

    A question for a name of ``silent`` gets no answer.
    """

    def __init__(
        self,
        services: Mapping[str, Sequence[Service]],
        addresses: Mapping[str, str],
        *,
        at: tuple[str, int] = (LOOPBACK, 0),
        silent: Sequence[str] = (),
    ) -> None:
        self._services, self._addresses, self._silent = services, addresses, silent
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(at)
        self.address = f"{at[0]}:{self._socket.getsockname()[1]}"
        self.asked: list[tuple[int, str]] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def names(self, kind: int) -> list[str]:
        """The names that were asked for by records of that type, in order."""
        return [name for asked, name in self.asked if asked == kind]

    def _serve(self) -> None:
        while query := self._socket.recvfrom(512):
            question, client = query
            if not question:
                return
            answer = self._answer(question)
            if self.asked[-1][1] not in self._silent:
                self._socket.sendto(answer, client)

    def _answer(self, query: bytes) -> bytes:
        number = HEADER.unpack_from(query)[0]
        labels, end = [], HEADER.size
        while query[end]:
            labels.append(query[end + 1 : end + 1 + query[end]].decode())
            end += 1 + query[end]
        kind = struct.unpack_from("!H", query, end + 1)[0]
        name = ".".join(labels)
        self.asked.append((kind, name))
        records = self._records(kind, name)
        exists = bool(records) or name in self._addresses
        flags = AUTHORITATIVE | (0 if exists else NO_SUCH_NAME)
        head = HEADER.pack(number, flags, 1, len(records), 0, 0)
        return head + query[HEADER.size : end + 5] + b"".join(records)

    def _records(self, kind: int, name: str) -> list[bytes]:
        if kind == SRV:
            services = self._services.get(name, ())
            data = [struct.pack("!HHH", one.priority, 0, one.port) + encoded(one.target) for one in services]
        else:
            address = self._addresses.get(name) if kind == A else None
            data = [socket.inet_aton(address)] if address else []
        return [encoded(name) + struct.pack("!HHIH", kind, INTERNET, TTL_S, len(one)) + one for one in data]


def encoded(name: str) -> bytes:
    """A domain name in labels."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
