"""The slots of the workers: who gets a call, and what a caller that never comes costs."""

from __future__ import annotations

from typing import Any

import pytest

from bot.config import EndpointConfig, shares_of_rtp_ports
from bot.errors import ConfigError
from bot.front import WorkerPool
from bot.front.pool import RESERVED_S
from bot.ipc import AgentCrashed, AgentReplaced, CallStarted, CallStateChanged
from bot.model import CallState, Direction
from bot.ua import Controller, Journal

HERE = "127.0.0.1"


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def pool(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> WorkerPool:
    """Two workers with two calls and one call; no agent runs."""
    monkeypatch.setattr("bot.front.pool.calls_of_agent", lambda config, calls: 2)
    pool = WorkerPool(
        EndpointConfig(name="w", bind=HERE), calls=3, controller=lambda name: Controller(), journal=journal
    )
    journal.observe(pool._observe)
    return pool


def started(number: int, call_id: str) -> CallStarted:
    facts: dict[str, Any] = {"local_uri": "sip:w@x", "remote_uri": "sip:c@x", "transport": "udp"}
    return CallStarted(at=1.0, call=number, direction=Direction.INCOMING, sip_call_id=call_id, **facts)


def ended(number: int) -> CallStateChanged:
    return CallStateChanged(at=2.0, call=number, state=CallState.DISCONNECTED, code=200, reason="")


def taken(pool: WorkerPool, *call_ids: str) -> list[str | None]:
    """The names of the workers that these callers are sent to."""
    workers = [pool.reserve(call_id, HERE) for call_id in call_ids]
    return [worker.endpoint.name if worker is not None else None for worker in workers]


def test_a_worker_is_filled_before_the_next_one(pool: WorkerPool, journal: Journal) -> None:
    assert [worker.slots for worker in pool.workers] == [2, 1]
    assert taken(pool, "a", "b", "c", "d") == ["w-1", "w-1", "w-2", None]
    journal.append("w-1", started(1, "a"))
    journal.append("w-1", ended(1))
    assert taken(pool, "d", "e") == ["w-1", None]


def test_a_retransmission_takes_no_other_slot(pool: WorkerPool) -> None:
    assert taken(pool, "a", "a", "b", "a", "c", "d") == ["w-1", "w-1", "w-1", "w-1", "w-2", None]


def test_a_slot_is_free_after_its_call(pool: WorkerPool, journal: Journal) -> None:
    assert taken(pool, "a", "b", "c") == ["w-1", "w-1", "w-2"]
    journal.append("w-2", started(1, "c"))
    assert taken(pool, "d") == [None]
    assert pool.calls_of(HERE) == 3
    journal.append("w-2", ended(1))
    assert pool.calls_of(HERE) == 2
    assert taken(pool, "d") == ["w-2"]


def test_a_caller_who_does_not_come(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("bot.front.pool.time.monotonic", lambda: now)
    taken(pool, "a", "b", "c")
    now += RESERVED_S + 0.1
    assert taken(pool, "d") == ["w-1"]


def test_a_dead_agent_gets_no_call_and_tells_which_were_lost(pool: WorkerPool, journal: Journal) -> None:
    lost: list[str] = []
    pool.on_lost = lost.extend
    journal.append("w-1", started(1, "a"))
    journal.append("w-1", AgentCrashed(at=1.0, reason="killed", log=[]))
    assert lost == ["a"]
    assert taken(pool, "b", "c") == ["w-2", None]
    journal.append("w-1", ended(1))
    journal.append("w-1", AgentReplaced(at=2.0, after_s=1.0))
    assert taken(pool, "c", "d") == ["w-1", "w-1"]
    assert not pool.is_idle or not any(worker.calls for worker in pool.workers)


def test_ports_are_shared_out() -> None:
    config = EndpointConfig(rtp_ports=(4000, 4033))
    assert shares_of_rtp_ports(config, 4, 4) == [(4000, 4007), (4008, 4015), (4016, 4023), (4024, 4031)]
    assert shares_of_rtp_ports(EndpointConfig(), 4, 4) == [None, None, None, None]
    with pytest.raises(ConfigError, match="5 agents with 4 calls each need 40 ports, for instance 4000-4039"):
        shares_of_rtp_ports(config, 4, 5)
