"""Many calls, one after another, in one pair of endpoints: nothing grows.

They go over TCP: over UDP the library rightly keeps 33 KiB for each BYE that it answered, for the
32 s of Timer J (RFC 3261 17.2.2), so that memory first grows, to about 48 MB at 46 calls a second.

PJSIP 2.17 keeps about 65 KiB of each incoming call for 32 s over TCP too: at 29 calls a second a callee
grows from 58 MB to 119 MB in the first 1000 calls. Its heap reaches its size in steps, by up to 8 KiB a call
between the 1500th and the 2000th; from the 2500th to the 3500th it grew by 96 KiB in all. There the calls are
counted after those 32 s, and may grow twice as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from bot import Call, CallFailed, CallState, Endpoint, Journal, SrtpMode
from bot.agent.workarounds.registry import numbers
from bot.deadline import Deadline
from bot.ua import build
from tests.support.starting import NewEndpoint, until

CALLS, SETTLED = 500, 100
AT_ONCE, PAUSE_S = 4, 0.05
GROWTH_BYTES, GROWTH_HANDLES = 2 << 20, 4
KEPT_S = 33.0
"""Seconds for which newer versions keep the transactions of a call that was answered."""


def placed(caller: Endpoint, callee: Endpoint, deadline: Deadline) -> int:
    """Up to four calls at once, answered and ended; fewer when either side has had too many just now."""
    outgoing: list[Call] = []
    with suppress_refusal():
        while len(outgoing) < AT_ONCE:
            outgoing.append(caller.make_call(callee.uri))
    until(caller, lambda: len(callee.calls) == len(alive(outgoing)), deadline.left)
    refused = [call.facts.ended.code for call in outgoing if call.facts.ended is not None]
    assert set(refused) <= {503}
    answered = callee.calls
    for call in answered:
        call.answer()
    for call in alive(outgoing):
        call.wait(CallState.CONFIRMED, timeout=deadline.left)
        call.hangup()
    until(caller, lambda: not alive(outgoing) and not alive(answered), deadline.left)
    return len(answered)


def place(count: int, caller: Endpoint, callee: Endpoint, deadline: Deadline) -> None:
    """At least this many calls."""
    done = 0
    while done < count:
        assert not deadline.passed
        made = placed(caller, callee, deadline)
        done += made
        if made < AT_ONCE:
            caller.wait_until(lambda: False, Deadline(PAUSE_S))


def keeps_calls(version: str) -> bool:
    return numbers(version) > (2, 15, 1)


def alive(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.facts.ended is None]


@contextmanager
def suppress_refusal() -> Iterator[None]:
    try:
        yield
    except CallFailed as refusal:
        assert "too many calls at once" in str(refusal)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_five_hundred_calls_do_not_grow(new_endpoint: NewEndpoint) -> None:
    journal = Journal()
    callee = new_endpoint(srtp=SrtpMode.OPTIONAL, transports=["tcp"], journal=journal)
    caller = new_endpoint(srtp=SrtpMode.MANDATORY, transports=["tcp"], journal=journal)
    agents = [psutil.Process(endpoint.pid) for endpoint in (callee, caller)]
    deadline = Deadline(150)
    if keeps_calls(build().version):
        place(CALLS, caller, callee, deadline)
        callee.wait_until(lambda: False, Deadline(KEPT_S))
        growth = 2 * GROWTH_BYTES
    else:
        place(SETTLED, caller, callee, deadline)
        growth = GROWTH_BYTES
    before = sizes(agents)
    place(CALLS - SETTLED, caller, callee, deadline)
    callee.wait_until(lambda: False, Deadline(0.7))  # closed sockets linger
    after = sizes(agents)
    for (memory, handles), (more_memory, more_handles) in zip(before, after, strict=True):
        print(f"RSS {memory >> 10} -> {more_memory >> 10} KiB, descriptors {handles} -> {more_handles}")
        assert more_memory - memory < growth
        assert more_handles - handles <= GROWTH_HANDLES


def sizes(agents: list[psutil.Process]) -> list[tuple[int, int]]:
    """Memory in bytes and open descriptors."""
    return [(agent.memory_info().rss, agent.num_fds()) for agent in agents]
