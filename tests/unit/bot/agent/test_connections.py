"""bot.agent.connections: which connections give way, with a clock in the hand."""

from __future__ import annotations

from bot.agent.connections import Connections


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(*peers: str) -> tuple[Connections, Clock]:
    clock = Clock()
    connections = Connections(clock)
    for number, peer in enumerate(peers, 1):
        connections.opened(number, peer)
        clock.now += 1
    return connections, clock


def test_by_source_and_by_peer() -> None:
    connections, _ = opened("192.0.2.1:5060", "192.0.2.1:5061", "[2001:db8::1]:5060")
    assert connections.of_source("192.0.2.1") == 2
    found = connections.to("[2001:db8::1]:5060")
    assert found is not None
    assert found.transport == 3
    connections.closed(3)
    assert not found.is_open
    assert connections.to("[2001:db8::1]:5060") is None


def test_unused_ones_the_oldest_first() -> None:
    connections, _ = opened("192.0.2.1:1", "192.0.2.2:1", "192.0.2.1:2", "192.0.2.1:3")
    connections.used(1)
    assert [one.transport for one in connections.unused(1.0)] == [2, 3, 4]
    assert [one.transport for one in connections.unused(2.0, "192.0.2.1")] == [3]


def test_idle_ones_but_those_that_are_needed() -> None:
    connections, clock = opened("192.0.2.1:1", "192.0.2.2:1", "192.0.2.1:2", "192.0.2.1:3")
    for one in (1, 2, 3, 4):
        connections.used(one)
    connections.keep(1000)
    clock.now += 50
    connections.heard(2)
    busy = {connections.of(3)}
    assert [one.transport for one in connections.idle({one for one in busy if one}, 30)] == [1]
    clock.now += 50
    assert [one.transport for one in connections.idle(set(), 30)] == [1, 3, 2]


def test_our_own_ones_stay() -> None:
    clock = Clock()
    connections = Connections(clock)
    connections.is_made_by_us(1, "127.0.0.1:5060")
    assert connections.is_connecting("127.0.0.1:5060")
    assert connections.opened(1, "192.0.2.1:5060").ours
    connections.used(1)
    clock.now += 1000
    assert connections.unused() == connections.idle(set()) == []
    assert connections.of_source("192.0.2.1") == 0


def test_an_ended_connection_is_counted_until_it_is_gone() -> None:
    """The library may hold the transport of a connection for some time after its end."""
    connections = Connections()
    one = connections.opened(1, "127.0.0.1:5060")
    connections.ended(1)
    assert not one.is_open
    assert connections.to("127.0.0.1:5060") is None
    assert 1 in connections
    connections.closed(1)
    assert 1 not in connections
    connections.ended(1)  # no error
