"""Many calls through one endpoint: nothing crashes, and memory and descriptors do not grow."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import pytest

from bot import CallFailed, CallState, Endpoint
from bot.bots.parrot import Parrot
from bot.deadline import Deadline
from tests.agent.starting import NewEndpoint

CALLS = 500
WARM_UP = 100
LINGERING = 2200
"""Calls until the transactions that linger for 32 s (RFC 3261 17.2.2, timer J) have reached their number."""
NO_MORE_THAN_MB = 3.0


@dataclass
class Usage:
    """Of one process."""

    megabytes: float
    descriptors: int


def usage(endpoint: Endpoint) -> Usage:
    process = psutil.Process(endpoint.pid)
    return Usage(process.memory_info().rss / 1e6, process.num_fds())


def make_calls(caller: Endpoint, uri: str, count: int) -> None:
    """One after another, as fast as the caller's admission lets them."""
    deadline = Deadline(60.0)
    made = 0
    while made < count:
        assert not deadline.passed
        try:
            call = caller.make_call(uri)
            call.wait(CallState.CONFIRMED, timeout=5)
            call.hangup()
            made += 1
        except CallFailed:  # 503 or too many at once: the sockets of the calls before still linger
            caller.wait_until(lambda: False, Deadline(0.05))


@pytest.mark.slow
def test_five_hundred_calls_leave_nothing_behind_at_the_caller(new_endpoint: NewEndpoint) -> None:
    parrot = new_endpoint(name="parrot", controller=Parrot(), codecs=["PCMA"])
    caller = new_endpoint(name="caller", codecs=["PCMA"], srtp="mandatory")
    make_calls(caller, parrot.uri, WARM_UP)
    callers, parrots = usage(caller), usage(parrot)
    make_calls(caller, parrot.uri, CALLS - WARM_UP)
    assert usage(caller).descriptors <= callers.descriptors + 8
    assert usage(parrot).descriptors <= parrots.descriptors + 8
    growth = usage(caller).megabytes - callers.megabytes
    assert growth < 10.0, f"{growth:.1f} MB in {CALLS - WARM_UP} calls"


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_memory_is_steady_once_the_transactions_linger_in_constant_number(new_endpoint: NewEndpoint) -> None:
    parrot = new_endpoint(name="parrot", controller=Parrot(), codecs=["PCMA"])
    caller = new_endpoint(name="caller", codecs=["PCMA"], srtp="mandatory")
    make_calls(caller, parrot.uri, LINGERING)
    before = usage(caller), usage(parrot)
    make_calls(caller, parrot.uri, CALLS)
    after = usage(caller), usage(parrot)
    for early, late in zip(before, after, strict=True):
        assert late.megabytes - early.megabytes < NO_MORE_THAN_MB
        assert late.descriptors <= early.descriptors + 8
