"""Names from the network: resolved on other threads, bounded, remembered, told on the pumping thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from bot.agent import resolver
from bot.agent.resolver import MOST_WAITING, THREADS, Resolver

SOON_S = 5.0


class Pump:
    """Jobs of other threads, run when the test says so."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[Callable[[], None]] = queue.Queue()

    def run(self, jobs: int = 1) -> None:
        for _ in range(jobs):
            self.jobs.get(timeout=SOON_S)()


def answered(name: str) -> tuple[str, ...]:
    if name == "gone.example":
        raise OSError
    return ("192.0.2.1", "2001:db8::1")


def test_an_answer_is_told_on_the_pump_and_remembered() -> None:
    pump, told = Pump(), []
    names = Resolver(pump.jobs.put, answered)
    assert not names.is_known("a.example")
    assert names.ask("a.example", lambda: told.append("first"))
    assert names.ask("a.example", lambda: told.append("second"))
    assert not told
    pump.run()
    assert told == ["first", "second"]
    assert names.is_known("a.example")
    assert names.addresses("a.example") == ("192.0.2.1", "2001:db8::1")
    assert pump.jobs.empty()


def test_a_failure_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    pump = Pump()
    names = Resolver(pump.jobs.put, answered)
    names.ask("gone.example")
    pump.run()
    assert names.is_known("gone.example")
    assert names.addresses("gone.example") == ()
    monkeypatch.setattr(resolver, "FAILED_S", 0.0)
    assert not names.is_known("gone.example")


def test_an_old_address_is_used_until_there_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    pump, found = Pump(), ["192.0.2.1", "", "192.0.2.2"]

    def changing(name: str) -> tuple[str, ...]:
        address = found.pop(0) if len(found) > 1 else found[0]
        if not address:
            raise OSError
        return (address,)

    monkeypatch.setattr(resolver, "FRESH_S", 0.0)
    names = Resolver(pump.jobs.put, changing)
    names.ask("a.example")
    pump.run()
    for expected in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        assert names.is_known("a.example")
        assert names.addresses("a.example") == (expected,)
        pump.run()


def test_names_and_threads_are_bounded() -> None:
    held, started = threading.Event(), threading.Semaphore(0)

    def slow(name: str) -> tuple[str, ...]:
        started.release()
        held.wait(SOON_S)
        return ("192.0.2.1",)

    before, pump = threading.active_count(), Pump()
    names = Resolver(pump.jobs.put, slow)
    for number in range(MOST_WAITING):
        assert names.ask(f"{number}.example")
    assert not names.ask("another.example")
    assert not names.ask("x" * 300)
    for _ in range(THREADS):
        assert started.acquire(timeout=SOON_S)
    assert threading.active_count() - before == THREADS
    held.set()
    pump.run(MOST_WAITING)
    assert names.ask("another.example")
