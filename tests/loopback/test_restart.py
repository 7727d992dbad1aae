"""An endpoint that restarts its agent: the same port again and again, and nothing left of those that died."""

from __future__ import annotations

import os
import signal
import threading

import psutil
import pytest

from bot import CallEnded, EndpointCrashed, expect
from bot.ipc import AgentReplaced
from bot.ua import supervisor
from tests.support.starting import NewEndpoint, connect, until

ROUNDS = 20


def test_twenty_deaths_leave_no_process_no_thread_and_no_descriptor(
    new_endpoint: NewEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF_S", (0.0,))
    endpoint = new_endpoint(on_crash="restart")
    this, uri, dead = psutil.Process(), endpoint.uri, []
    back = threading.Semaphore(0)
    endpoint.journal.observe(lambda one: back.release() if isinstance(one.event, AgentReplaced) else None)
    before = this.num_fds()
    for number in range(ROUNDS):
        dead.append(endpoint.pid)
        os.kill(endpoint.pid, signal.SIGSEGV if number % 2 else signal.SIGKILL)
        assert back.acquire(timeout=30)
    assert endpoint.uri == uri
    assert not any(psutil.pid_exists(pid) for pid in dead)
    until(endpoint, lambda: len(threading.enumerate()) < ROUNDS)
    assert this.num_fds() == before
    outgoing, _ = connect(new_endpoint(), endpoint)
    outgoing.hangup()
    expect(outgoing).to_be_disconnected(code=200)


def test_both_ends_of_a_lost_call(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(on_crash="restart"), new_endpoint()
    outgoing, answered = connect(caller, callee)
    playback = outgoing.play("tone:440:60")
    os.kill(caller.pid, signal.SIGKILL)
    expect(outgoing).to_be_disconnected(by="error")
    for wait in (playback.wait, outgoing.hangup):
        with pytest.raises(CallEnded):
            wait()
    again, _ = connect(caller, callee)
    assert (outgoing.number, again.number) == (1, 2)
    assert caller.calls == [again]
    answered.hangup()


def test_an_endpoint_in_python_fails_unless_told_otherwise(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    os.kill(callee.pid, signal.SIGKILL)
    with pytest.raises(EndpointCrashed):
        until(callee, lambda: False)
