"""The proof that an endpoint still works: the next call."""

from __future__ import annotations

from bot import Call, CallState, Endpoint, expect
from bot.deadline import Deadline

__all__ = ["BUSY_HERE", "RECOVERY_S", "SERVICE_UNAVAILABLE", "assert_next_call_works", "next_call"]

BUSY_HERE, SERVICE_UNAVAILABLE = 486, 503
RECOVERY_S = 6.0
RETRY_S = 0.2


def next_call(caller: Endpoint, uri: str, within_s: float = RECOVERY_S) -> Call:
    """A call that is answered within a few seconds; until then it is tried again when it is refused."""
    deadline = Deadline(within_s)
    while True:
        call = caller.make_call(uri)
        reached = call.wait(CallState.CONFIRMED, CallState.DISCONNECTED, timeout=deadline.left)
        if reached is CallState.CONFIRMED:
            return call
        assert call.known.ended is not None
        assert call.known.ended.code in {BUSY_HERE, SERVICE_UNAVAILABLE}, call.known.ended
        assert not deadline.passed, f"still refused after {within_s} s: {call.known.ended}"
        caller.wait_until(lambda: False, Deadline(RETRY_S))


def assert_next_call_works(caller: Endpoint, uri: str, within_s: float = RECOVERY_S) -> None:
    """The next call is answered, and audio flows both ways."""
    call = next_call(caller, uri, within_s)
    expect(call).to_have_active_media()
    expect(call).to_have_received_packets(at_least=10)
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
