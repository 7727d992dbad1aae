"""An agent without calls: its threads for media and audio sleep."""

from __future__ import annotations

import contextlib
import select
from pathlib import Path

from bot import Endpoint, expect
from tests.support.starting import NewEndpoint, connect

WINDOW_S = 0.5
POLLS = 100 * WINDOW_S
"""What the media thread makes of itself in that time."""


TRIES = 20


def turns(endpoint: Endpoint, thread: str) -> list[int]:
    """How often each thread of that name in the agent has gone to sleep."""
    found = []
    for task in Path(f"/proc/{endpoint.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if (task / "comm").read_text().strip() == thread:
                words = (task / "status").read_text().split()
                found.append(int(words[words.index("voluntary_ctxt_switches:") + 1]))
    return found


def in_a_window(endpoint: Endpoint, thread: str) -> int:
    before = sum(turns(endpoint, thread))
    select.select([], [], [], WINDOW_S)
    return sum(turns(endpoint, thread)) - before


def sleeps(endpoint: Endpoint, thread: str) -> bool:
    """Whether the thread polls no more, or is soon at its end."""
    return any(in_a_window(endpoint, thread) < POLLS / 4 for _ in range(TRIES))


def test_media_is_read_in_calls_only(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    assert sleeps(callee, "media")
    for _ in range(2):
        outgoing, answered = connect(caller, callee)
        expect(answered).to_have_media("sendrecv")
        outgoing.hangup()
        expect(outgoing).to_be_disconnected(code=200)
        expect(answered).to_be_disconnected(code=200)
        assert sleeps(callee, "media")


def test_the_audio_clock_ends_after_the_last_call(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(), new_endpoint()
    outgoing, answered = connect(caller, callee)
    expect(answered).to_have_media("sendrecv")
    assert turns(callee, "clock")
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200)
    assert any(not in_a_window(callee, "clock") and not turns(callee, "clock") for _ in range(TRIES))
