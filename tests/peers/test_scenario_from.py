"""srtpbot scenario from: calls of real peers are captured, converted and played again with the same peers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot import Call, expect
from bot.bots.parrot import Parrot
from bot.capture.recorder import CaptureFilter, PacketRecorder
from bot.captured import Converted, Side, calls_of, convert
from bot.errors import NativeError
from bot.scenario.load import load
from bot.scenario.runner import ScenarioRun
from bot.ua import Journal
from media.audio.wav import read
from media.signals.marker import find_markers
from tests.support.baresip import Baresip
from tests.support.programs import LOOPBACK, free_ports
from tests.support.sipp import arrived, sipp
from tests.support.starting import NewEndpoint

CAPTURE = "trace.pcap"


@contextmanager
def captured(folder: Path) -> Iterator[None]:
    """Record all packets on the loopback interface, or skip the test where that is not allowed."""
    try:
        recorder = PacketRecorder(folder / CAPTURE, CaptureFilter.of([LOOPBACK]))
        recorder.__enter__()
    except NativeError as error:
        pytest.skip(str(error))
    try:
        yield
    finally:
        recorder.__exit__(None, None, None)


def converted(folder: Path, call_id: str, side: Side) -> Converted:
    """The scenario of a side; other calls of this machine may be in the capture."""
    (call,) = [one for one in calls_of(folder / CAPTURE) if one.call_id == call_id]
    return convert(folder / CAPTURE, call, side, folder / f"{side}.yaml")


def played(done: Converted, folder: Path, **given: object) -> list[Call]:
    """Perform a scenario; raises when it fails. Its calls."""
    (case,) = load(str(done.scenario), {name: str(value) for name, value in given.items()})
    run = ScenarioRun(case, Journal(), folder)
    run.perform()
    return run.calls


def in_background(job: Callable[[], object]) -> Callable[[], None]:
    """Do something in a thread; the result waits for its end and raises what it raised."""
    failures: list[BaseException] = []

    def perform() -> None:
        try:
            job()
        except BaseException as failure:  # raised again by the thread that waits
            failures.append(failure)

    thread = threading.Thread(target=perform)
    thread.start()

    def end() -> None:
        thread.join()
        if failures:
            raise failures[0]

    return end


def test_our_parrot_is_called_again(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    parrot = new_endpoint(name="parrot", controller=Parrot(), srtp="mandatory", codecs=["PCMA"])
    caller = new_endpoint(name="caller", srtp="mandatory", codecs=["PCMA"])
    with captured(tmp_path):
        call = caller.make_call(parrot.uri, headers={"X-Trunk": 'a "b" ${c}'})
        expect(call).to_be_confirmed()
        call.play("marker:7").wait()
        call.send_dtmf("4#").wait()
        call.hold()
        call.unhold()
        call.hangup()
        expect(call).to_be_disconnected()
    first = converted(tmp_path, call.facts.sip_call_id, "caller")
    assert first.notes == []
    sent = next(path for path in first.sounds if "-sent-" in path.name)
    assert [one.identity for one in find_markers(read(sent))] == [7]
    (again,) = played(first, tmp_path, PEER=parrot.uri)
    assert [(one.digit, one.method) for one in again.facts.sent] == [("4", "rfc4733"), ("#", "rfc4733")]
    assert again.facts.messages[0].message.header("X-Trunk") == 'a "b" ${c}'
    other = converted(tmp_path, call.facts.sip_call_id, "callee").scenario.read_text()
    assert 'dtmf: "4#"' in other
    assert "direction: recvonly" in other  # the caller's hold, seen by the callee


@pytest.mark.peer("baresip")
def test_baresip_is_called_again(new_endpoint: NewEndpoint, baresip: Baresip, tmp_path: Path) -> None:
    caller = new_endpoint(name="caller", srtp="mandatory", codecs=["PCMU"])
    with captured(tmp_path):
        call = caller.make_call(baresip.uri("mand"))
        expect(call).to_be_confirmed()
        call.play("marker:9").wait()
        call.hangup()
        expect(call).to_be_disconnected()
    done = converted(tmp_path, call.facts.sip_call_id, "caller")
    assert {path.name for path in done.sounds} == {"caller-sent-1.wav", "caller-heard-1.wav"}
    (again,) = played(done, tmp_path)
    line = again.facts.audio()
    assert line is not None
    assert line.suite is not None


@pytest.mark.peer("sipp")
def test_sipp_calls_again(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    callee = new_endpoint(name="callee", codecs=["PCMU"], srtp="off")
    with captured(tmp_path), sipp("uac", callee.uri, tmp_path, "-m", "1", "-d", "300") as program:
        call = arrived(callee)
        call.answer()
        expect(call).to_be_disconnected(by="remote")
        assert program.wait(10) == 0
    done = converted(tmp_path, call.facts.sip_call_id, "callee")
    port = free_ports()
    end = in_background(lambda: played(done, tmp_path, PORT=port))
    with sipp("uac", f"sip:callee@{LOOPBACK}:{port}", tmp_path, "-m", "1", "-d", "300") as program:
        end()
        assert program.wait(10) == 0
