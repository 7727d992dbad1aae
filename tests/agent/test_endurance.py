"""Many calls, one after another, in one pair of endpoints: nothing grows.

They go over TCP: over UDP the library rightly keeps 33 KiB for each BYE that it answered, for the
32 s of Timer J (RFC 3261 17.2.2), so that memory first grows, to about 48 MB at 46 calls a second.
"""

from __future__ import annotations

import psutil
import pytest

from bot import CallFailed, CallState, Endpoint, Journal, SrtpMode
from bot.deadline import Deadline
from tests.agent.starting import NewEndpoint, until

CALLS, SETTLED = 500, 100
PAUSE_S = 0.05
GROWTH_BYTES, GROWTH_HANDLES = 6 << 20, 4


def placed(caller: Endpoint, callee: Endpoint, deadline: Deadline) -> bool:
    """One call, answered and ended; False when either side has too many just now."""
    try:
        outgoing = caller.make_call(callee.uri)
    except CallFailed as refusal:
        assert "too many calls at once" in str(refusal)
        return False
    until(caller, lambda: bool(callee.calls) or outgoing.known.ended is not None, deadline.left)
    if not callee.calls:
        assert outgoing.known.ended is not None
        assert outgoing.known.ended.code == 503
        return False
    with callee.expect_call(timeout=deadline.left) as incoming:
        pass
    incoming.value.answer()
    outgoing.wait(CallState.CONFIRMED, timeout=deadline.left)
    outgoing.hangup()
    ends = [call.known for call in (outgoing, incoming.value)]
    until(caller, lambda: all(known.ended is not None for known in ends), deadline.left)
    return True


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_five_hundred_calls_do_not_grow(new_endpoint: NewEndpoint) -> None:
    journal = Journal()
    callee = new_endpoint(srtp=SrtpMode.OPTIONAL, transports=["tcp"], journal=journal)
    caller = new_endpoint(srtp=SrtpMode.MANDATORY, transports=["tcp"], journal=journal)
    agents = [psutil.Process(endpoint.pid) for endpoint in (callee, caller)]
    deadline = Deadline(150)
    before: list[tuple[int, int]] = []
    for number in range(CALLS):
        if number == SETTLED:
            before = [(agent.memory_info().rss, agent.num_fds()) for agent in agents]
        while not placed(caller, callee, deadline):
            assert not deadline.passed
            caller.wait_until(lambda: False, Deadline(PAUSE_S))
    callee.wait_until(lambda: False, Deadline(0.7))  # closed sockets linger
    after = [(agent.memory_info().rss, agent.num_fds()) for agent in agents]
    for (memory, handles), (more_memory, more_handles) in zip(before, after, strict=True):
        print(f"RSS {memory >> 10} -> {more_memory >> 10} KiB, descriptors {handles} -> {more_handles}")
        assert more_memory - memory < GROWTH_BYTES
        assert more_handles - handles <= GROWTH_HANDLES
