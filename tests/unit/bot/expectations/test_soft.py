"""Soft expectations outside of pytest: collected until the endpoint ends, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import soft_failures
from bot.errors import ExpectationFailed, NativeError
from bot.expectations import expect
from bot.ipc.events import ExpectationChecked
from bot.soft_failures import SoftExpectationsFailed, SoftFailures
from bot.ua import Awaited, Call
from tests.support.fakes import Line, Rig

BUSY = "DISCONNECTED 486 Busy Here"


@pytest.fixture(autouse=True)
def no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program without pytest."""
    monkeypatch.setattr("bot.expectations.verdict.active_collector", lambda: None)


@pytest.fixture
def busy(rig: Rig) -> Line:
    """An outgoing call that was refused."""
    line = rig.outgoing()
    line.ended(486, "Busy Here")
    return line


def fail(call: Call) -> None:
    expect.soft(call).to_be_confirmed()


def failed(rig: Rig) -> list[str]:
    events = [entry.event for entry in rig.journal.recent()]
    return [event.name for event in events if isinstance(event, ExpectationChecked) and not event.passed]


def test_failures_are_recorded_and_raised_at_the_end_of_the_block(rig: Rig, busy: Line) -> None:
    with pytest.raises(SoftExpectationsFailed) as caught, rig.endpoint:
        fail(busy.call)
        expect.soft(busy.call).to_be_disconnected(code=486)
        expect.soft(busy.call).to_have_active_media(timeout=0)
        expect.soft(rig.endpoint).to_be_registered(timeout=0)
        expect(busy.call).to_be_disconnected()
    text = str(caught.value)
    lines = text.splitlines()
    assert lines[0] == "3 soft expectations failed"
    assert lines[1].startswith("1. ")
    assert lines[1].endswith(f"{busy.call} is confirmed")
    assert "test_soft.py:" in lines[1]
    assert lines[2:4] == ["   expected: CONFIRMED", f"   observed: {BUSY}"] or BUSY in lines[3]
    assert text.index("2. ") < text.index("3. ") < len(text)
    assert text.count("last states:") == 1
    assert failed(rig) == ["call 1 is confirmed", "call 1 has active media", "srtpbot is registered"]
    assert isinstance(caught.value, ExpectationFailed)


def test_close_raises_them_too_and_only_once(rig: Rig, busy: Line) -> None:
    fail(busy.call)
    with pytest.raises(SoftExpectationsFailed, match="1 soft expectation failed"):
        rig.endpoint.close()
    rig.endpoint.close()


def test_after_the_end_a_failure_is_raised_at_once(rig: Rig, busy: Line) -> None:
    rig.endpoint.close()
    expect.soft(busy.call).to_be_disconnected(code=486)
    with pytest.raises(ExpectationFailed, match="is confirmed"):
        fail(busy.call)


def test_another_failure_is_told_with_them(rig: Rig, busy: Line) -> None:
    together = r"(?s)1 soft .*and then ValueError: bad"
    with pytest.raises(SoftExpectationsFailed, match=together) as caught, rig.endpoint:
        fail(busy.call)
        raise ValueError("bad")
    assert isinstance(caught.value.__cause__, ValueError)


def test_what_happened_to_the_endpoint_is_told_with_them(rig: Rig, busy: Line) -> None:
    with pytest.raises(SoftExpectationsFailed, match="and then NativeError: no more"), rig.endpoint:
        fail(busy.call)
        rig.endpoint.fail(NativeError("no more"))


@pytest.mark.parametrize("error", [SystemExit(), SystemExit(0), GeneratorExit()])
def test_a_successful_exit_is_none(error: BaseException, rig: Rig, busy: Line) -> None:
    with pytest.raises(SoftExpectationsFailed), rig.endpoint:
        fail(busy.call)
        raise error


def test_an_interrupt_stays_one(rig: Rig, busy: Line) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, rig.endpoint:
        fail(busy.call)
        raise KeyboardInterrupt
    assert "1 soft expectation failed" in caught.value.__notes__[0]


def test_those_of_several_endpoints_become_one_list() -> None:
    def failing(collector: SoftFailures, text: str) -> None:
        collector.add(soft_failures.SoftFailure("call", text))

    def nested() -> Iterator[None]:
        outer, inner = SoftFailures(), SoftFailures()
        outer.open()
        inner.open()
        failing(outer, "first")
        failing(inner, "second")
        failing(outer, "third")
        try:
            inner.finish(ValueError("bad"))
        except SoftExpectationsFailed as error:
            outer.finish(error)
        yield

    with pytest.raises(SoftExpectationsFailed) as caught:
        next(nested())
    assert [failure.text for failure in caught.value.failures] == ["first", "second", "third"]
    assert str(caught.value).endswith("and then ValueError: bad")


def test_a_closed_collector_says_that_it_takes_nothing() -> None:
    collector = SoftFailures()
    assert not collector.add(soft_failures.SoftFailure("call", "lost"))
    collector.finish(None)


def test_wrong_subjects_are_told_what_is_accepted(rig: Rig) -> None:
    hard: Any = expect
    soft: Any = expect.soft
    accepted = r"a Call \(.*\), a Recording \(call.record\(...\)\) or an Endpoint"
    for subject, kind in ((rig.journal, "WatchedJournal"), (None, "NoneType"), ("sip:a@b", "str")):
        with pytest.raises(TypeError, match=rf"expect\(\) takes {accepted}, not {kind}$"):
            hard(subject)
        with pytest.raises(TypeError, match=rf"expect\.soft\(\) takes {accepted}, not {kind}$"):
            soft(subject)
    with pytest.raises(TypeError, match=r"not Awaited: use its \.value after the with block"):
        hard(Awaited())
