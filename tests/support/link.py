"""A bad link between two network namespaces: what crosses it comes late, unevenly, or not at all.

The kernel's netem does that, where it has it; else a thread here, by which every packet has to pass.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import io
import itertools
import os
import random
import select
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.namespaces import Namespace, cannot_make_namespaces, run
from tests.support.programs import installed

__all__ = ["ADDRESSES", "BadLink", "cannot_have", "linked_namespace"]

ADDRESSES = "10.78.0.1", "10.78.0.2"
TUN = Path("/dev/net/tun")
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKET_BYTES = 2048
SEED = 7


class BadLink:
    """Two namespaces, ``ends``, with an address each; the figures are those of one direction."""

    def __init__(self, by: str, *, delay_ms: float = 0, jitter_ms: float = 0, loss_pct: float = 0) -> None:
        self._by = by
        self._delay_ms, self._jitter_ms, self._loss_pct = delay_ms, jitter_ms, loss_pct

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.ends = stack.enter_context(Namespace()), stack.enter_context(Namespace())
            (self._by_kernel if self._by == "netem" else self._by_thread)(stack)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _by_kernel(self, stack: contextlib.ExitStack) -> None:
        one, other = self.ends
        one.ip("link", "add", "link0", "type", "veth", "peer", "name", "link0", "netns", other.name)
        netem = [
            "netem",
            "delay",
            f"{self._delay_ms}ms",
            f"{self._jitter_ms}ms",
            "loss",
            f"{self._loss_pct}%",
        ]
        for end, address in zip(self.ends, ADDRESSES, strict=True):
            bring_up(end, address)
            run(end.command(str(installed("tc")), "qdisc", "add", "dev", "link0", "root", *netem))

    def _by_thread(self, stack: contextlib.ExitStack) -> None:
        devices = []
        for end, address in zip(self.ends, ADDRESSES, strict=True):
            with end.entered():
                devices.append(stack.enter_context(tunnel("link0")))
            bring_up(end, address)
        wire = Wire(devices[0].fileno(), devices[1].fileno(), self._delay_ms, self._jitter_ms, self._loss_pct)
        stack.callback(wire.stop)


class Wire:
    """Carries packets from each device to the other one, late."""

    def __init__(self, one: int, other: int, delay_ms: float, jitter_ms: float, loss_pct: float) -> None:
        self._ends = {one: other, other: one}
        self._delay_s, self._jitter_s, self._loss = delay_ms / 1000, jitter_ms / 1000, loss_pct / 100
        self._chance = random.Random(SEED)
        self._numbers = itertools.count()
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._stopping, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def stop(self) -> None:
        """Carry no more."""
        os.write(self._stop, b"x")
        self._thread.join()
        for end in (self._stopping, self._stop):
            os.close(end)

    def _carry(self) -> None:
        while True:
            wait = max(self._under_way[0][0] - time.monotonic(), 0) if self._under_way else None
            ready, _, _ = select.select([*self._ends, self._stopping], [], [], wait)
            if self._stopping in ready:
                return
            for end in ready:
                self._send_off(end, os.read(end, PACKET_BYTES))
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(self._under_way)
                os.write(end, packet)

    def _send_off(self, end: int, packet: bytes) -> None:
        if self._chance.random() < self._loss:
            return
        arrival = time.monotonic() + self._delay_s + self._chance.uniform(-1, 1) * self._jitter_s
        heapq.heappush(self._under_way, (arrival, next(self._numbers), self._ends[end], packet))


@contextlib.contextmanager
def tunnel(name: str) -> Iterator[io.FileIO]:
    """A network interface whose packets are read and written here."""
    with TUN.open("r+b", buffering=0) as device:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        yield device


def bring_up(end: Namespace, address: str) -> None:
    """Give the link's interface its address."""
    end.ip("addr", "add", f"{address}/24", "dev", "link0")
    end.ip("link", "set", "link0", "up")


def cannot_have(by: str) -> str | None:
    """Why there can be no such link here; None when there can."""
    if reason := cannot_make_namespaces():
        return reason
    try:
        with BadLink(by, delay_ms=1):
            return None
    except OSError as error:
        return f"no link by {by} can be made here: {error}"


@contextlib.contextmanager
def linked_namespace(address: str) -> Iterator[Namespace]:
    """A namespace with the address, such as 10.77.0.1/24, on an interface that ICE uses (not loopback)."""
    with contextlib.ExitStack() as stack:
        namespace = stack.enter_context(Namespace())
        with namespace.entered():
            stack.enter_context(tunnel("link0"))
        namespace.ip("link", "set", "link0", "up")
        namespace.ip("addr", "add", address, "dev", "link0", *(["nodad"] if ":" in address else []))
        yield namespace
