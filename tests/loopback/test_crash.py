"""A crash or a hang of an agent: detected at once, no process left, readable recordings."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import soundfile

from bot import CallFailed, EndpointCrashed, WaitTimeout, expect
from tests.support.starting import LOOPBACK, STARVED_MS, NewEndpoint, connect, until

ORPHAN = f"""
from bot import Endpoint
caller, callee = Endpoint(name="a", bind="{LOOPBACK}"), Endpoint(name="b", bind="{LOOPBACK}")
with caller, callee:
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.answer()
    print(caller.pid, callee.pid, flush=True)
    outgoing.wait(timeout=60)
"""

NOT_THE_TIMEOUT_S = 20.0
"""Well below the 30 s of the waits that a crash ends."""


def gone(pid: int, timeout: float = 5.0) -> bool:
    """Whether the process ends, or has ended, in that time; a zombie has."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        process.wait(timeout)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_abort_in_a_call_is_noticed_at_once(new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    callee, caller = new_endpoint(name="callee"), new_endpoint()
    outgoing, answered = connect(caller, callee)
    recording = answered.record(tmp_path / "heard.wav")
    outgoing.play(speech).wait()
    with pytest.raises(WaitTimeout):  # what a recorder holds back until it writes
        answered.wait(timeout=0.5)
    pid = callee.pid

    began = time.monotonic()
    os.kill(pid, signal.SIGABRT)
    with pytest.raises(
        EndpointCrashed, match="callee: the agent crashed: it was killed by SIGABRT"
    ) as caught:
        answered.wait(timeout=30)
    assert time.monotonic() - began < NOT_THE_TIMEOUT_S
    assert any("Fatal Python error: Aborted" in line for line in caught.value.log)
    assert gone(pid)

    assert soundfile.info(recording.path).duration > 1.5
    expect_end = answered.facts.ended
    assert expect_end is not None
    assert answered.facts.ended_by == "error"
    assert not callee.calls
    for verb in (answered.hangup, lambda: callee.make_call(caller.uri), lambda: answered.send_dtmf("1")):
        with pytest.raises(EndpointCrashed):
            verb()

    outgoing.hangup()  # the peer lives on
    connect(caller, new_endpoint())


def test_recording_of_a_crashed_agent_holds_the_audio(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    from media.audio import wav
    from media.compare.compare import Options, compare

    callee = new_endpoint()
    outgoing, answered = connect(new_endpoint(), callee)
    recording = answered.record(tmp_path / "heard.wav")
    outgoing.play(speech).wait()
    with pytest.raises(WaitTimeout):
        answered.wait(timeout=1)
    os.kill(callee.pid, signal.SIGKILL)
    with pytest.raises(EndpointCrashed, match="SIGKILL"):
        answered.wait(timeout=30)
    found = compare(wav.read(speech), wav.read(recording.path), options=Options(max_missing_ms=STARVED_MS))
    assert found.matched, found.reasons


def test_wait_of_another_thread_of_work_is_ended_by_a_crash(new_endpoint: NewEndpoint, speech: Path) -> None:
    caller = new_endpoint()
    outgoing, _ = connect(caller, new_endpoint())
    playback = outgoing.play(speech)
    os.kill(caller.pid, signal.SIGSEGV)
    with pytest.raises(EndpointCrashed, match="SIGSEGV"):
        playback.wait(timeout=30)
    with pytest.raises(EndpointCrashed):
        expect(outgoing).to_have_received_dtmf("1", timeout=30)


def test_expected_call_does_not_wait_for_a_dead_agent(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with pytest.raises(EndpointCrashed), callee.expect_call(timeout=30):
        os.kill(callee.pid, signal.SIGKILL)


def test_agent_that_hangs_is_noticed(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint()
    outgoing, _ = connect(caller, new_endpoint())
    pid = caller.pid
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(EndpointCrashed, match="it hung"):
        outgoing.wait(timeout=30)
    assert 0.3 < time.monotonic() - began < NOT_THE_TIMEOUT_S
    assert gone(pid)


def test_endpoint_that_has_crashed_closes_quietly(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    os.kill(callee.pid, signal.SIGKILL)
    with pytest.raises(EndpointCrashed):
        until(callee, lambda: False)
    callee.close()


def test_ended_by_sigterm_hangs_up_and_is_not_a_crash(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    outgoing, answered = connect(new_endpoint(), callee)
    os.kill(callee.pid, signal.SIGTERM)
    expect(outgoing).to_be_disconnected(code=200, by="remote")
    with pytest.raises((EndpointCrashed, CallFailed)):
        answered.hold()


def test_parents_death_leaves_no_agent_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            assert select.select([parent.stdout], [], [], 20)[0]
            agents = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(agents) == 2
            assert all(psutil.pid_exists(pid) for pid in agents)
        finally:
            parent.kill()
    assert all(gone(pid) for pid in agents)


def test_closed_endpoints_leave_no_process_and_no_descriptor(new_endpoint: NewEndpoint) -> None:
    this = psutil.Process()
    new_endpoint().close()  # what the first one opens for good
    before = this.num_fds()
    pids = []
    for _ in range(3):
        endpoint = new_endpoint()
        pids.append(endpoint.pid)
        endpoint.close()
    assert this.num_fds() == before
    assert not any(psutil.pid_exists(pid) for pid in pids)
