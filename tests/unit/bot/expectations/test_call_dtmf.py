"""bot.expectations.call: received DTMF digits, their method and their duration."""

from __future__ import annotations

from typing import Any

import pytest

from bot import expect
from bot.errors import ConfigError, ExpectationFailed
from bot.model import DtmfMethod
from tests.support.call_assertions import fails, passes, passes_later, verdicts
from tests.support.fakes import LONG, Line, Rig, while_waiting


@pytest.mark.parametrize("method", [None, "rfc4733", DtmfMethod.RFC4733])
def test_to_have_received_dtmf(rig: Rig, talk: Line, method: str | None) -> None:
    talk.digits("4")
    passes_later(
        rig,
        talk.call,
        lambda it: it.to_have_received_dtmf("42#", method=method, timeout=LONG),
        lambda: talk.digits("2#"),
    )
    assert verdicts(rig)[0].observed == "'42#' by rfc4733"


@pytest.mark.parametrize("digits", ["24#", "42", "4", "9"])
def test_to_have_received_other_dtmf_is_hopeless(rig: Rig, talk: Line, digits: str) -> None:
    talk.digits("42#")
    text = fails(rig, talk.call, lambda it: it.to_have_received_dtmf(digits, timeout=LONG))
    assert f"expected: {digits!r}" in text
    assert "observed: '42#' by rfc4733" in text
    assert "other digits arrived" in text


def test_to_have_received_dtmf_by_another_method_is_hopeless(rig: Rig, talk: Line) -> None:
    talk.digits("4", DtmfMethod.INFO)
    text = fails(rig, talk.call, lambda it: it.to_have_received_dtmf("42", method="rfc4733", timeout=LONG))
    assert "expected: '42' by rfc4733" in text
    assert "a digit came by another method" in text


def test_to_have_received_dtmf_by_any_method(rig: Rig, talk: Line) -> None:
    talk.digits("4", DtmfMethod.INFO)
    talk.digits("4", DtmfMethod.INBAND)  # the same digit, which many peers send in both ways
    talk.digits("2", DtmfMethod.RFC4733)
    passes(rig, talk.call, lambda it: it.to_have_received_dtmf("42", timeout=0))


def test_inband_digits_count_where_none_was_signalled(rig: Rig, talk: Line) -> None:
    talk.digits("42", DtmfMethod.INBAND)
    passes(rig, talk.call, lambda it: it.to_have_received_dtmf("42", timeout=0))


@pytest.fixture
def listened(talk: Line) -> Line:
    """A confirmed call that is listened to."""
    talk.call.listen()
    return talk


def test_to_have_received_dtmf_inband(rig: Rig, listened: Line) -> None:
    listened.digits("4", DtmfMethod.INBAND)
    passes_later(
        rig,
        listened.call,
        lambda it: it.to_have_received_dtmf("42", method="inband", timeout=LONG),
        lambda: listened.digits("2", DtmfMethod.INBAND),
    )


@pytest.mark.parametrize(("method", "digits"), [("inband", "42"), ("rfc4733", "17")])
def test_inband_digits_are_judged_apart(rig: Rig, listened: Line, method: str, digits: str) -> None:
    for inband, signalled in ("41", "27"):
        listened.digits(inband, DtmfMethod.INBAND)
        listened.digits(signalled)
    passes(rig, listened.call, lambda it: it.to_have_received_dtmf(digits, method=method, timeout=0))
    assert verdicts(rig)[0].observed == "'4127' by inband, rfc4733"


def test_signalled_digits_are_no_inband_ones(rig: Rig, listened: Line) -> None:
    listened.digits("42")
    text = fails(rig, listened.call, lambda it: it.to_have_received_dtmf("42", method="inband", timeout=0.05))
    assert "expected: '42' by inband" in text
    assert "waited 0.05 s" in text


def test_other_inband_digits_are_hopeless(rig: Rig, listened: Line) -> None:
    listened.digits("9", DtmfMethod.INBAND)
    text = fails(rig, listened.call, lambda it: it.to_have_received_dtmf("42", method="inband", timeout=LONG))
    assert "other digits arrived" in text


def test_inband_digits_without_listening_are_refused(rig: Rig, talk: Line) -> None:
    with pytest.raises(ConfigError, match=r"does not listen for in-band digits; call\.listen\(\) first"):
        expect(talk.call).to_have_received_dtmf("1", method=DtmfMethod.INBAND)
    assert verdicts(rig) == []


def test_not_to_have_received_dtmf_counts_inband_digits(rig: Rig, listened: Line) -> None:
    listened.digits("7", DtmfMethod.INBAND)
    text = fails(rig, listened.call, lambda it: it.not_to_have_received_dtmf())
    assert "observed: '7' by inband" in text


def test_to_have_received_dtmf_is_hopeless_after_the_end(rig: Rig, talk: Line) -> None:
    talk.digits("4")
    with while_waiting(rig.journal, talk.ended):
        text = fails(rig, talk.call, lambda it: it.to_have_received_dtmf("42", timeout=LONG))
    assert "the call ended: 200 OK" in text


def test_to_have_received_dtmf_in_vain(rig: Rig, talk: Line) -> None:
    text = fails(rig, talk.call, lambda it: it.to_have_received_dtmf("42", timeout=0.05))
    assert "observed: no digits" in text


def test_not_to_have_received_dtmf(rig: Rig, talk: Line) -> None:
    passes(rig, talk.call, lambda it: it.not_to_have_received_dtmf())


def test_not_to_have_received_dtmf_fails(rig: Rig, talk: Line) -> None:
    talk.digits("7")
    text = fails(rig, talk.call, lambda it: it.not_to_have_received_dtmf())
    assert "expected: no digits" in text
    assert "observed: '7' by rfc4733" in text


@pytest.mark.parametrize(
    ("lasting", "limits", "fault"),
    [
        (None, {}, "digit 4 has no end"),
        (20, {}, "digit 4 lasted 20 ms, less than 40 ms"),
        (100, {"min_digit_ms": 120}, "digit 4 lasted 100 ms, less than 120 ms"),
        (100, {"max_digit_ms": 80}, "digit 4 lasted 100 ms, more than 80 ms"),
    ],
)
def test_a_digit_of_another_length_fails(
    lasting: int | None, limits: dict[str, Any], fault: str, rig: Rig, talk: Line
) -> None:
    talk.digits("4", lasting=lasting)
    with pytest.raises(ExpectationFailed, match=fault):
        expect(talk.call).to_have_received_dtmf("4", timeout=0, **limits)


def test_digits_of_any_length_can_be_allowed(rig: Rig, talk: Line) -> None:
    talk.digits("4", lasting=None)
    talk.digits("2", lasting=20)
    passes(
        rig,
        talk.call,
        lambda it: it.to_have_received_dtmf("42", allow_unended=True, min_digit_ms=20, timeout=0),
    )


def test_sip_info_need_not_tell_how_long_a_digit_is(rig: Rig, talk: Line) -> None:
    talk.digits("4", DtmfMethod.INFO, lasting=None)
    passes(rig, talk.call, lambda it: it.to_have_received_dtmf("4", timeout=0))


def test_limits_that_no_digit_can_keep_are_refused(talk: Line) -> None:
    with pytest.raises(ConfigError, match="at least 100 ms and at most 50 ms"):
        expect(talk.call).to_have_received_dtmf("4", min_digit_ms=100, max_digit_ms=50)


def test_digits_under_a_payload_type_that_was_not_negotiated(rig: Rig, talk: Line) -> None:
    talk.measured(100, 100, unoffered_digits={"99": "5"})
    with pytest.raises(ExpectationFailed, match="set telephone_event: 99 to offer it"):
        expect(talk.call).to_have_received_dtmf("5", timeout=0)
    with pytest.raises(ExpectationFailed, match="payload type 99"):
        expect(talk.call).not_to_have_received_dtmf()
