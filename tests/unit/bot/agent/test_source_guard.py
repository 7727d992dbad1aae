"""Which source a socket takes, bit by bit, and what the kernel's filter lets through."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator

import pytest

from bot.agent.native import socket_filter
from bot.agent.native.source_guard import NOBODY, source

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.mark.parametrize(
    ("host", "port"), [("0.0.0.0", 4000), ("::", 4000), ("127.0.0.1", 0), ("name.invalid", 4000), ("", 1)]
)
def test_nobody_is_at_no_address(host: str, port: int) -> None:
    assert source(host, port) == NOBODY


def test_a_source_is_laid_out_as_the_system_has_it() -> None:
    assert source("192.0.2.1", 0x1234)[2:8] == b"\x12\x34\xc0\x00\x02\x01"
    assert source("2001:db8::1", 0x1234)[2:8] == b"\x12\x34\0\0\0\0"
    assert source("2001:db8::1", 0x1234)[8:] == bytes.fromhex("20010db8000000000000000000000001")


@contextlib.contextmanager
def sockets(family: socket.AddressFamily) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as held:
        made = [held.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(3)]
        try:
            for one in made:
                one.bind((LOOPBACK[family], 0))
        except OSError:
            pytest.skip("no address of this family")
        yield made


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
@pytest.mark.parametrize("family", LOOPBACK)
def test_the_kernel_drops_and_counts_what_is_not_the_peers(family: socket.AddressFamily) -> None:
    with sockets(family) as (mine, peer, stranger):
        mine.setblocking(False)
        host = socket.inet_pton(family, LOOPBACK[family])
        assert socket_filter.attach(mine.fileno(), host, peer.getsockname()[1])
        for number in range(200):
            stranger.sendto(b"stranger", mine.getsockname())
            if number % 10 == 0:
                peer.sendto(b"peer", mine.getsockname())
        found = list(everything(mine))
        passed = found.count(b"stranger")
        assert found.count(b"peer") == 20
        assert passed < 50
        assert socket_filter.drops(mine.fileno()) == 200 - passed
        socket_filter.detach(mine.fileno())
        stranger.sendto(b"again", mine.getsockname())
        assert list(everything(mine)) == [b"again"]


def everything(one: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield one.recv(100)
