"""Processes that are stopped for a while: a machine's pause and a debugger's are no pump that hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from bot import EndpointCrashed, expect
from bot.agent.loop import SILENCE_S
from bot.deadline import Deadline
from tests.support.starting import LOOPBACK, NewEndpoint, connect, until

PAUSE_S = 3 * SILENCE_S
LATER_S = SILENCE_S / 2
"""Between the moments at which two processes of a machine go on."""
CALLING = f"""
import sys
from bot import CallState, Endpoint
with Endpoint(name="a", bind="{LOOPBACK}") as caller, Endpoint(name="b", bind="{LOOPBACK}") as callee:
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.answer()
    outgoing.wait(CallState.CONFIRMED)
    print(caller.pid, callee.pid, flush=True)
    input()
    outgoing.hangup().wait()
    outgoing.wait()
print("whole", flush=True)
"""
TRACER = """
import ctypes, os, sys
ATTACH, DETACH = 16, 17
trace, pid = ctypes.CDLL(None, use_errno=True).ptrace, int(sys.argv[1])
trace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
print(trace(ATTACH, pid, None, None), flush=True)
input()
trace(DETACH, pid, None, None)
"""


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that is told things on its standard input."""
    with subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def runs_on(process: subprocess.Popen[str], seconds: float) -> None:
    """It does not end in that time."""
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)


def go_on(process: subprocess.Popen[str]) -> None:
    """Let it have the line that it waits for."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def stop(pid: int) -> None:
    """Stop a process, and be sure that it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        pass


@pytest.mark.parametrize("parent_first", [True, False])
def test_a_machine_that_was_suspended_goes_on_with_its_calls(parent_first: bool) -> None:
    with running("-c", CALLING) as parent:
        agents = [int(pid) for pid in line(parent).split()]
        assert len(agents) == 2
        order = [parent.pid, *agents] if parent_first else [*agents, parent.pid]
        for pid in reversed(order):
            stop(pid)
        runs_on(parent, PAUSE_S)
        for pid in order:
            os.kill(pid, signal.SIGCONT)
            runs_on(parent, LATER_S / len(agents))
        go_on(parent)
        assert line(parent) == "whole"
        assert parent.wait(20) == 0


def test_an_agent_that_stops_for_less_than_the_limit_goes_on(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    outgoing, _ = connect(caller, new_endpoint())
    stop(caller.pid)
    assert not caller.wait_until(lambda: False, Deadline(SILENCE_S / 3))
    os.kill(caller.pid, signal.SIGCONT)
    outgoing.hangup()
    expect(outgoing).to_be_disconnected(code=200, by="local")


def test_an_agent_that_stops_for_more_than_the_limit_has_hung(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    stop(callee.pid)
    with pytest.raises(EndpointCrashed, match="it hung"):
        until(callee, lambda: False, timeout=30)


def test_an_agent_that_a_debugger_has_stopped_has_not_hung(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with running("-c", TRACER, str(callee.pid)) as tracer:
        if line(tracer) != "0":
            pytest.skip("this system does not let one process trace another")
        assert not callee.wait_until(lambda: False, Deadline(PAUSE_S))
        go_on(tracer)
        assert tracer.wait(10) == 0
    connect(new_endpoint(), callee)
