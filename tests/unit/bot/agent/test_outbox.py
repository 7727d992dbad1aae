"""bot.agent.outbox: a parent that does not read holds nobody up, and costs a bounded amount of memory."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bot.agent import outbox
from bot.agent.outbox import Outbox
from bot.ipc import (
    CallStateChanged,
    DtmfReceived,
    Heartbeat,
    NativeLogged,
    ReportsDropped,
    SipReceived,
    StreamMeasured,
    Wired,
)
from bot.ipc.codec import events_decoder
from bot.model import CallState, DtmfMethod, RtpCounters, StreamStats

CALL = 7
STATS = StreamStats(rx=RtpCounters(packets=1, bytes=160), tx=RtpCounters(packets=1, bytes=160))


class Box:
    """An outbox with small bounds, and the parent's end of it."""

    def __init__(self, mine: socket.socket, its: socket.socket) -> None:
        self.gave_up = 0
        self.outbox = Outbox(mine, self._give_up)
        self._its = its
        self._decoder = events_decoder()

    def _give_up(self) -> None:
        self.gave_up += 1

    def fill_socket(self) -> int:
        """Report digits until the parent's socket takes no more; their number."""
        number = 0
        while self.outbox.is_empty:
            self.outbox.put(digit(number))
            number += 1
        return number

    def read(self) -> list[Wired]:
        """All that comes while the outbox is pushed."""
        events: list[Wired] = []
        self._its.setblocking(False)
        while True:
            try:
                events += self._decoder.feed(self._its.recv(1 << 16))
            except BlockingIOError:
                if self.outbox.is_empty:
                    return events
                self.outbox.push()


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr(outbox, "MOST_FOR_READING", 2_000)
    monkeypatch.setattr(outbox, "MOST", 10_000)
    monkeypatch.setattr(outbox, "LAST_WORDS", 1_000)
    mine, its = socket.socketpair()
    with mine, its:
        for end in (mine, its):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        yield Box(mine, its)


def digit(number: int) -> DtmfReceived:
    return DtmfReceived(at=float(number), call=CALL, digit="1", method=DtmfMethod.RFC4733, duration_ms=None)


def ended(number: int) -> CallStateChanged:
    return CallStateChanged(at=float(number), call=CALL, state=CallState.DISCONNECTED, code=200, reason="OK")


def reading(number: int) -> list[Wired]:
    """One of each kind that nobody's verdict waits for."""
    at = float(number)
    return [
        NativeLogged(at=at, level=2, text="x" * 100),
        SipReceived(at=at, transport="udp", peer="127.0.0.1:5070", text="x" * 100),
        StreamMeasured(at=at, call=CALL, index=0, stats=STATS, final=False),
    ]


def test_everything_comes_in_order_from_a_parent_that_was_held_up(box: Box) -> None:
    number = box.fill_socket()
    more = [digit(number), *reading(1), digit(number + 1)]
    for event in more:
        box.outbox.put(event)
    received = box.read()
    assert received == [*map(digit, range(number)), *more]


def test_what_is_for_reading_is_dropped_and_counted(box: Box) -> None:
    number = box.fill_socket()
    for at in range(100):
        for event in reading(at):
            box.outbox.put(event)
    box.outbox.put(ended(1))
    received = box.read()
    assert [one for one in received if isinstance(one, DtmfReceived)] == [digit(at) for at in range(number)]
    assert ended(1) in received
    [dropped] = [one for one in received if isinstance(one, ReportsDropped)]
    assert sum(dropped.counts.values()) + len(received) - number - 2 == 300
    assert set(dropped.counts) == {"NativeLogged", "SipReceived", "StreamMeasured"}
    assert box.gave_up == 0


def test_final_statistics_are_not_dropped(box: Box) -> None:
    box.fill_socket()
    for at in range(20):
        for event in reading(at):
            box.outbox.put(event)
    final = StreamMeasured(at=0.0, call=CALL, index=0, stats=STATS, final=True)
    box.outbox.put(final)
    assert final in box.read()


def test_a_parent_that_never_reads_is_given_up_once(box: Box) -> None:
    number = box.fill_socket()
    for event in reading(0):
        box.outbox.put(event)
    for at in range(1_000):
        box.outbox.put(digit(number + at))
    assert box.gave_up == 1
    assert box.outbox.is_full
    received = box.read()
    digits = [one for one in received if isinstance(one, DtmfReceived)]
    assert digits == [digit(at) for at in range(len(digits))]
    [dropped] = [one for one in received if isinstance(one, ReportsDropped)]
    assert dropped.counts["earlier reports"] == 3
    assert dropped.counts["DtmfReceived"] == number + 1_000 - len(digits)


def test_the_newest_heartbeat_goes_first(box: Box) -> None:
    box.fill_socket()
    for at in range(1_000):
        box.outbox.put(Heartbeat(at=float(at), next_s=1.0))
    box.outbox.put(ended(1))
    received = box.read()
    assert [one for one in received if isinstance(one, Heartbeat)] == [Heartbeat(at=999.0, next_s=1.0)]
    assert received[-1] == ended(1)


def test_flush_does_not_wait_for_ever(box: Box) -> None:
    box.fill_socket()
    box.outbox.flush(0.05)
    assert not box.outbox.is_empty


def test_a_dead_parent_is_an_error(box: Box) -> None:
    box._its.close()
    with pytest.raises(OSError, match="pipe"):
        box.outbox.put(digit(1))
