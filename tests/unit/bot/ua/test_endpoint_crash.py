"""bot.ua.endpoint: a crash of the agent ends its calls, requests and waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import EndpointCrashed
from bot.ipc.commands import Reinvite
from bot.model import CallState, EndedBy
from bot.ua.endpoint import Endpoint
from tests.support.fakes import LONG, PEER, FakeDriver, Rig, at_once, while_waiting

LOG = ["Assertion failed: sess", "Fatal Python error: Aborted"]


def test_a_crash_ends_calls_as_errors(rig: Rig) -> None:
    out, came, over = rig.confirmed(), rig.incoming(dialog="1@peer"), rig.incoming(dialog="2@peer")
    over.ended(200, "OK", EndedBy.REMOTE)
    rig.driver.crash("it was killed by SIGABRT", LOG)
    for line in (out, came):
        end = line.call.facts.ended
        assert end is not None
        assert (end.code, end.reason) == (0, "the agent died: it was killed by SIGABRT")
        assert line.call.facts.ended_by is EndedBy.ERROR
    assert over.call.facts.ended_by is EndedBy.REMOTE
    assert rig.endpoint.calls == []


def test_a_crash_ends_a_request_that_waits(rig: Rig) -> None:
    rig.driver.ignore(Reinvite)
    with (
        pytest.raises(EndpointCrashed, match="SIGABRT") as caught,
        at_once(),
        while_waiting(rig.journal, lambda: rig.driver.crash(log=LOG)),
    ):
        rig.endpoint.request(Reinvite(call=1), LONG)
    assert caught.value.log == tuple(LOG)
    assert "  | Fatal Python error: Aborted" in str(caught.value)


def test_a_crash_ends_every_kind_of_wait(rig: Rig, sound: Path, tmp_path: Path) -> None:
    line = rig.confirmed()
    playback, recording = line.call.play(sound), line.call.record(tmp_path / "rx.wav")
    transmission = line.call.send_dtmf("1")
    rig.driver.crash()

    def expect_call() -> None:
        with rig.endpoint.expect_call(timeout=LONG):
            pass

    waits: list[Callable[[], object]] = [
        lambda: rig.endpoint.make_call(PEER),
        lambda: rig.endpoint.wait_registered(timeout=LONG),
        lambda: line.call.wait(CallState.EARLY, timeout=LONG),
        lambda: line.call.wait(timeout=LONG),
        line.call.hangup,
        lambda: playback.wait(LONG),
        playback.stop,
        lambda: recording.wait(LONG),
        recording.stop,
        lambda: transmission.wait(LONG),
        expect_call,
    ]
    for wait in waits:
        with pytest.raises(EndpointCrashed), at_once():
            wait()


def test_a_crash_is_raised_at_the_end_of_the_block(drivers: list[FakeDriver]) -> None:
    with pytest.raises(EndpointCrashed), Endpoint():
        drivers[0].crash()


def test_the_exception_of_the_block_precedes_the_crash(drivers: list[FakeDriver]) -> None:
    def crash_and_divide() -> float:
        drivers[0].crash()
        return 1 / 0

    with pytest.raises(ZeroDivisionError), Endpoint():
        crash_and_divide()


def test_a_crash_is_remembered_after_close(rig: Rig) -> None:
    rig.driver.crash()
    rig.endpoint.close()
    with pytest.raises(EndpointCrashed):
        rig.endpoint.make_call(PEER)


def test_a_crash_leaves_recordings_readable(rig: Rig, sound: Path, tmp_path: Path) -> None:
    line = rig.confirmed()
    path = tmp_path / "rx.wav"
    recording = line.call.record(path)
    whole = sound.read_bytes()
    path.write_bytes(
        whole[:4] + bytes(4) + whole[8:40] + bytes(4) + whole[44:]
    )  # as a killed recorder leaves it
    rig.driver.crash()
    assert path.read_bytes() == whole
    assert recording.complete


def test_a_crash_does_not_mind_recordings_that_are_gone(rig: Rig, tmp_path: Path) -> None:
    line = rig.confirmed()
    gone = line.call.record(tmp_path / "rx.wav")
    (tmp_path / "rx.wav").unlink(missing_ok=True)
    other = line.call.record(tmp_path / "other.wav")
    (tmp_path / "other.wav").write_text("not a WAV")
    rig.driver.crash()
    assert not gone.complete
    assert not other.complete
    assert isinstance(rig.endpoint.failure, EndpointCrashed)


def test_one_crash_is_not_the_others(new_rig: Callable[..., Rig]) -> None:
    alice = new_rig(name="alice")
    bob = new_rig(name="bob", journal=alice.journal)
    alice.driver.crash()
    assert bob.outgoing().call in bob.endpoint.calls
    assert bob.endpoint.failure is None
