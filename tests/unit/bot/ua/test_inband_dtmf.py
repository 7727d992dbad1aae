"""In-band digits and a codec that does not keep tones: the failure, the result and the summary say so."""

from __future__ import annotations

import msgspec
import pytest

from bot import expect
from bot.errors import ExpectationFailed
from bot.ipc.events import DtmfSent
from bot.model import DtmfMethod
from bot.report.call_result import call_result
from bot.report.summary import call_figures
from bot.ua.inband_dtmf import inband_warnings
from tests.support.fakes import Line, Rig, audio


@pytest.fixture
def talk(rig: Rig) -> Line:
    """A confirmed call."""
    return rig.confirmed()


def through(line: Line, *codecs: str) -> None:
    """The call uses one codec after another."""
    for codec in codecs:
        line.media(msgspec.structs.replace(audio(), codec=codec))


def sends(line: Line, method: DtmfMethod) -> None:
    line.driver.feed(DtmfSent(at=1.0, call=line.number, transmission=1, digit="1", method=method))


@pytest.mark.parametrize("codec", ["GSM", "iLBC", "speex"])
def test_a_call_that_listens_is_warned(talk: Line, codec: str) -> None:
    through(talk, codec)
    talk.call.listen()

    (told,) = inband_warnings(talk.call.facts)

    assert f"through {codec} is not reliable" in told
    assert call_result(talk.call).warnings == [told]
    assert ("warning", told) in call_figures(call_result(talk.call))


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16"])
def test_codecs_that_keep_tones_are_not_warned_of(talk: Line, codec: str) -> None:
    through(talk, codec)
    talk.call.listen()

    assert inband_warnings(talk.call.facts) == []


@pytest.mark.parametrize(("method", "count"), [("inband", 1), ("rfc4733", 0), ("info", 0)])
def test_a_call_that_sends_is_warned_of_in_band_digits_only(talk: Line, method: str, count: int) -> None:
    through(talk, "GSM")
    sends(talk, DtmfMethod(method))

    assert len(inband_warnings(talk.call.facts)) == count


def test_each_codec_that_the_call_used_is_named_once(talk: Line) -> None:
    through(talk, "GSM", "PCMA", "iLBC", "GSM")
    talk.call.listen()

    assert [told.split()[3] for told in inband_warnings(talk.call.facts)] == ["GSM", "iLBC"]


@pytest.mark.parametrize(("method", "warned"), [("inband", True), (None, True), ("rfc4733", False)])
def test_a_missed_digit_may_be_the_codecs_fault(talk: Line, method: str | None, warned: bool) -> None:
    through(talk, "GSM")
    talk.call.listen()
    talk.digits("4", DtmfMethod.INBAND)

    with pytest.raises(ExpectationFailed) as failure:
        expect(talk.call).to_have_received_dtmf("42", method=method, timeout=0)

    assert ("through GSM is not reliable" in str(failure.value)) is warned


def test_nothing_is_said_of_digits_that_arrived(talk: Line) -> None:
    through(talk, "GSM")
    talk.call.listen()
    talk.digits("42", DtmfMethod.INBAND)

    expect(talk.call).to_have_received_dtmf("42", method="inband", timeout=0)
    with pytest.raises(ExpectationFailed) as failure:
        expect(talk.call).to_have_received_dtmf("42", method="inband", max_digit_ms=50, timeout=0)
    assert "reliable" not in str(failure.value)
