"""Many calls, one after another, in one pair of endpoints: nothing grows.

They go over TCP: over UDP the library rightly keeps 33 KiB for each BYE that it answered, for the
32 s of Timer J (RFC 3261 17.2.2), so that memory first grows, to about 48 MB at 46 calls a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from bot import Call, CallFailed, CallState, Endpoint, Journal, SrtpMode
from bot.deadline import Deadline
from tests.agent.starting import NewEndpoint, until

CALLS, SETTLED = 500, 100
AT_ONCE, PAUSE_S = 4, 0.05
GROWTH_BYTES, GROWTH_HANDLES = 2 << 20, 4


def placed(caller: Endpoint, callee: Endpoint, deadline: Deadline) -> int:
    """Up to four calls at once, answered and ended; fewer when either side has had too many just now."""
    outgoing: list[Call] = []
    with suppress_refusal():
        while len(outgoing) < AT_ONCE:
            outgoing.append(caller.make_call(callee.uri))
    until(caller, lambda: len(callee.calls) == len(alive(outgoing)), deadline.left)
    refused = [call.known.ended.code for call in outgoing if call.known.ended is not None]
    assert set(refused) <= {503}
    answered = callee.calls
    for call in answered:
        call.answer()
    for call in alive(outgoing):
        call.wait(CallState.CONFIRMED, timeout=deadline.left)
        call.hangup()
    until(caller, lambda: not alive(outgoing) and not alive(answered), deadline.left)
    return len(answered)


def alive(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.known.ended is None]


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
    before: list[tuple[int, int]] = []
    done = 0
    while done < CALLS:
        assert not deadline.passed
        if done >= SETTLED and not before:
            before = sizes(agents)
        made = placed(caller, callee, deadline)
        done += made
        if made < AT_ONCE:
            caller.wait_until(lambda: False, Deadline(PAUSE_S))
    callee.wait_until(lambda: False, Deadline(0.7))  # closed sockets linger
    after = sizes(agents)
    for (memory, handles), (more_memory, more_handles) in zip(before, after, strict=True):
        print(f"RSS {memory >> 10} -> {more_memory >> 10} KiB, descriptors {handles} -> {more_handles}")
        assert more_memory - memory < GROWTH_BYTES
        assert more_handles - handles <= GROWTH_HANDLES


def sizes(agents: list[psutil.Process]) -> list[tuple[int, int]]:
    """Memory in bytes and open descriptors."""
    return [(agent.memory_info().rss, agent.num_fds()) for agent in agents]
