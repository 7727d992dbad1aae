"""The local address of a SIP message, which the library's log lacks; from the sockets of this process."""

from __future__ import annotations

import contextlib
import os
import socket

import pjsua2 as pj

__all__ = ["Addresses"]

UNBOUND = {"0.0.0.0", "::", "[::]"}
DESCRIPTORS = "/dev/fd"
"""Folder of the open files of this process, on Linux and macOS."""


class Addresses:
    """Answers are remembered, as far as they cannot change."""

    def __init__(self) -> None:
        self._datagrams: dict[bool, tuple[str, str]] | None = None
        self._routes: dict[str, str] = {}
        self._connections: dict[str, int] = {}

    def local(self, transport: str, peer: str) -> str:
        """The local ``host:port`` towards ``peer`` (``host:port``); empty when it is unknown."""
        host, _, port = peer.rpartition(":")
        if not (host and port.isdigit()):
            return ""
        if transport.startswith("udp"):
            return self._datagram(host, int(port))
        return self._connection(peer, (host.strip("[]"), int(port)))

    def _datagram(self, host: str, port: int) -> str:
        """The address that the UDP socket is bound to, or that the kernel puts in for that peer."""
        self._datagrams = self._datagrams or bound_datagrams()
        bound, own_port = self._datagrams.get(":" in host, ("", ""))
        if not own_port:
            return ""
        if bound not in UNBOUND:
            return f"{bound}:{own_port}"
        if host not in self._routes:
            self._routes[host] = source_towards(host, port)
        source = self._routes[host]
        return f"{source}:{own_port}" if source else ""

    def _connection(self, peer: str, address: tuple[str, int]) -> str:
        known = self._connections.get(peer)
        if known is not None and (local := ends(known, address)):
            return local
        for name in os.listdir(DESCRIPTORS):
            if name.isdigit() and (local := ends(int(name), address)):
                self._connections[peer] = int(name)
                return local
        self._connections.pop(peer, None)
        return ""


def bound_datagrams() -> dict[bool, tuple[str, str]]:
    """Host and port of the library's UDP transports, by whether they use IPv6."""
    endpoint = pj.Endpoint.instance()
    found: dict[bool, tuple[str, str]] = {}
    for number in endpoint.transportEnum():
        info = endpoint.transportGetInfo(number)
        if info.typeName.upper().startswith("UDP"):
            host, _, port = info.localAddress.rpartition(":")
            found.setdefault(":" in host, (host, port))
    return found


def source_towards(host: str, port: int) -> str:
    """The address that a datagram to ``host`` leaves from; nothing is sent to find that out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect((host.strip("[]"), port))
        own = str(probe.getsockname()[0])
        return f"[{own}]" if ":" in own else own
    return ""


def ends(descriptor: int, peer: tuple[str, int]) -> str:
    """The local end of a connection with ``peer``; empty when the descriptor is not one."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return ""
    try:
        connection = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return ""
    with connection, contextlib.suppress(OSError):
        if connection.type == socket.SOCK_STREAM and connection.getpeername()[:2] == peer:
            host, port = connection.getsockname()[:2]
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return ""
