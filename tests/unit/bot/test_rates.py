"""bot.rates: rates by source, with a clock in the hand."""

from __future__ import annotations

import pytest

from bot.rates import ABUSE_S, MOST_SOURCES, Sources, host_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_twice_as_many_at_once_as_in_a_second() -> None:
    clock = Clock()
    sources = Sources(clock)
    assert [sources.takes("a", "x", 5.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert sources.takes("b", "x", 5.0)
    assert sources.takes("a", "y", 5.0)
    clock.now += 0.4
    assert [sources.takes("a", "x", 5.0) for _ in range(3)] == [True, True, False]


def test_zero_is_no_limit() -> None:
    sources = Sources()
    assert all(sources.takes("a", "x", 0) for _ in range(1000))


def test_abuse_is_forgotten() -> None:
    clock = Clock()
    sources = Sources(clock)
    assert not sources.is_abusing("a")
    sources.abused("a")
    assert sources.is_abusing("a")
    assert not sources.is_abusing("b")
    clock.now += ABUSE_S
    assert not sources.is_abusing("a")


def test_so_many_sources_are_kept() -> None:
    sources = Sources()
    sources.abused("first")
    for number in range(MOST_SOURCES):
        sources.takes(str(number), "x", 1.0)
    assert not sources.is_abusing("first")


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("127.0.0.1:5060", "127.0.0.1"),
        ("[2001:db8:1:2:3::4]:5060", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_source_of_an_address(peer: str, host: str) -> None:
    assert host_of(peer) == host
