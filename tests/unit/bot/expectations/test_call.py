"""bot.expectations.call: states, headers and requests; waits end with the call and with the agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import expect
from bot.errors import BotError, ConfigError, EndpointCrashed, ExpectationFailed
from bot.expectations.call import CallExpectation
from bot.expectations.endpoint import EndpointExpectation
from bot.expectations.recording import RecordingExpectation, SoundExpectation
from bot.model import CallState, EndedBy
from tests.support.call_assertions import Assertion, fails, passes, passes_later, verdicts
from tests.support.fakes import (
    KEY,
    LONG,
    PEER,
    SUITE,
    Line,
    Rig,
    WatchedJournal,
    at_once,
    message,
    response,
    while_waiting,
)


def test_expect_picks_by_type(talk: Line, tmp_path: Path) -> None:
    assert isinstance(expect(talk.call), CallExpectation)
    assert isinstance(expect(talk.call.record(tmp_path / "rx.wav")), RecordingExpectation)


def test_expect_takes_nothing_else() -> None:
    subject: Any = "a call"
    with pytest.raises(TypeError, match="not str"):
        expect(subject)


def test_a_failure_is_an_assertion_error(rig: Rig, busy: Line) -> None:
    with pytest.raises(AssertionError):
        expect(busy.call).to_be_confirmed(timeout=LONG)


# ---- states


def test_to_be_ringing(rig: Rig, line: Line) -> None:
    passes_later(
        rig,
        line.call,
        lambda it: it.to_be_ringing(timeout=LONG),
        lambda: line.state(CallState.EARLY, 180, "Ringing"),
    )


def test_to_have_been_ringing(rig: Rig, line: Line) -> None:
    line.state(CallState.EARLY, 180, "Ringing")
    line.answered()
    passes(rig, line.call, lambda it: it.to_be_ringing(timeout=0))


def test_to_be_confirmed(rig: Rig, line: Line) -> None:
    passes_later(rig, line.call, lambda it: it.to_be_confirmed(timeout=LONG), line.answered)
    (verdict,) = verdicts(rig)
    assert verdict.name == "call 1 is confirmed"
    assert (verdict.expected, verdict.observed) == ("CONFIRMED", "CONFIRMED")


def test_to_have_been_confirmed(rig: Rig, talk: Line) -> None:
    talk.ended()
    passes(rig, talk.call, lambda it: it.to_be_confirmed(timeout=0))


def test_to_be_confirmed_is_hopeless_after_the_end(rig: Rig, line: Line) -> None:
    line.received(response(line.dialog, 100, "Trying"))

    def refuse() -> None:
        line.received(response(line.dialog, 488, "Not Acceptable Here"))
        line.ended(488, "Not Acceptable Here")

    with while_waiting(rig.journal, refuse):
        text = fails(rig, line.call, lambda it: it.to_be_confirmed(timeout=LONG))
    assert text.startswith(f"srtpbot: call 1 to {PEER} is confirmed\n")
    assert "expected: CONFIRMED" in text
    assert "observed: DISCONNECTED 488 Not Acceptable Here, by remote" in text
    assert "CALLING" in text
    assert "--> INVITE sip:peer@127.0.0.1:5070" in text
    assert "<-- 100 Trying (INVITE)" in text
    assert "<-- 488 Not Acceptable Here (INVITE)" in text


def test_to_be_confirmed_in_vain(rig: Rig, line: Line) -> None:
    text = fails(rig, line.call, lambda it: it.to_be_confirmed(timeout=0.05))
    assert "observed: CALLING" in text
    assert "waited 0.05 s" in text


def test_to_be_disconnected(rig: Rig, talk: Line) -> None:
    passes_later(
        rig,
        talk.call,
        lambda it: it.to_be_disconnected(code=200, by="remote", timeout=LONG),
        lambda: talk.ended(200, "OK", EndedBy.REMOTE),
    )
    (verdict,) = verdicts(rig)
    assert verdict.expected == "DISCONNECTED 200 by remote"


@pytest.mark.parametrize("asked", [{}, {"code": 486}, {"by": EndedBy.REMOTE}, {"by": "remote", "code": 486}])
def test_to_be_disconnected_with_a_code_or_a_side(rig: Rig, busy: Line, asked: dict[str, Any]) -> None:
    passes(rig, busy.call, lambda it: it.to_be_disconnected(**asked, timeout=0))


@pytest.mark.parametrize("asked", [{"code": 603}, {"by": "local"}, {"by": "error", "code": 486}])
def test_to_be_disconnected_with_another_code_is_hopeless(
    rig: Rig, busy: Line, asked: dict[str, Any]
) -> None:
    text = fails(rig, busy.call, lambda it: it.to_be_disconnected(**asked, timeout=LONG))
    assert "observed: DISCONNECTED 486 Busy Here, by remote" in text


def test_to_be_disconnected_in_vain(rig: Rig, talk: Line) -> None:
    assert "observed: CONFIRMED" in fails(rig, talk.call, lambda it: it.to_be_disconnected(timeout=0.05))


def test_to_be_disconnected_by_an_unknown_side(rig: Rig, talk: Line) -> None:
    with pytest.raises(ConfigError, match="by 'nobody' is unknown; expected one of local, remote, error"):
        expect(talk.call).to_be_disconnected(by="nobody")


# ---- headers


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"value": "42"},
        {"matching": r"^\d+$"},
        {"value": "42", "matching": "4"},
    ],
)
@pytest.mark.parametrize("name", ["X-Test", "x-test"])
def test_to_have_header(rig: Rig, name: str, asked: dict[str, Any]) -> None:
    line = rig.incoming(headers={"X-Test": "42"})
    passes(rig, line.call, lambda it: it.to_have_header(name, **asked, timeout=0))


def test_to_have_header_in_a_later_message(rig: Rig, line: Line) -> None:
    answer = response(line.dialog, 200, "OK", headers={"X-Test": "42"})
    passes_later(
        rig,
        line.call,
        lambda it: it.to_have_header("X-Test", "42", timeout=LONG),
        lambda: line.received(answer),
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"value": "43"}, "X-Test: 43"),
        ({"matching": "^2"}, "X-Test: /^2/"),
    ],
)
def test_to_have_another_header_is_hopeless(rig: Rig, asked: dict[str, Any], expected: str) -> None:
    line = rig.incoming(headers={"X-Test": "42"})
    text = fails(rig, line.call, lambda it: it.to_have_header("X-Test", **asked, timeout=LONG))
    assert f"expected: {expected}" in text
    assert "observed: X-Test: 42" in text
    assert "the INVITE is here" in text


def test_to_have_header_means_received(rig: Rig, line: Line) -> None:
    line.sent(message(f"ACK {PEER} SIP/2.0", line.dialog, "1 ACK", {"X-Test": "42"}))
    text = fails(rig, line.call, lambda it: it.to_have_header("X-Test", timeout=0.05))
    assert "expected: X-Test: any value" in text
    assert "observed: no received message" in text


def test_to_have_header_with_an_invalid_expression(rig: Rig, talk: Line) -> None:
    with pytest.raises(ConfigError, match="not a regular expression"):
        expect(talk.call).to_have_header("X-Test", matching="(")
    assert verdicts(rig) == []


# ---- several endpoints


def test_verdicts_name_the_endpoint_when_there_are_several(new_rig: Callable[..., Rig]) -> None:
    alice = new_rig(name="alice")
    new_rig(name="bob", journal=alice.journal)
    line = alice.confirmed()
    expect(line.call).to_be_confirmed()
    assert verdicts(alice)[0].name == "alice call 1 is confirmed"


# ---- the end and the crash


HOPELESS_AFTER_THE_END: dict[str, tuple[Assertion, str]] = {
    "ringing": (lambda it: it.to_be_ringing(timeout=LONG), "expected: EARLY"),
    "media": (lambda it: it.to_have_active_media(timeout=LONG), "observed: no media, DISCONNECTED 486 Busy"),
    "codec": (lambda it: it.to_use_codec("PCMA", timeout=LONG), "no media"),
    "SRTP": (lambda it: it.to_be_encrypted(timeout=LONG), "no media"),
    "plain RTP": (lambda it: it.not_to_be_encrypted(timeout=LONG), "no media"),
    "header": (lambda it: it.to_have_header("X-Test", timeout=LONG), "expected: X-Test: any value"),
}
WAITING: dict[str, Assertion] = {
    "end": lambda it: it.to_be_disconnected(timeout=LONG),
    "digits": lambda it: it.to_have_received_dtmf("1", timeout=LONG),
    **{name: assertion for name, (assertion, _) in HOPELESS_AFTER_THE_END.items()},
}


@pytest.mark.parametrize(("assertion", "words"), HOPELESS_AFTER_THE_END.values(), ids=HOPELESS_AFTER_THE_END)
def test_no_assertion_waits_after_the_end(rig: Rig, busy: Line, assertion: Assertion, words: str) -> None:
    text = fails(rig, busy.call, assertion)
    assert words in text
    assert "it can no longer come true: the call ended: 486 Busy Here, by remote" in text


@pytest.mark.parametrize("assertion", WAITING.values(), ids=WAITING)
def test_a_crash_ends_every_wait(rig: Rig, line: Line, assertion: Assertion) -> None:
    with pytest.raises(EndpointCrashed), at_once(), while_waiting(rig.journal, rig.driver.crash):
        assertion(expect(line.call))


# ---- the journal


def test_verdicts_are_in_the_file_and_keys_are_not(new_rig: Callable[..., Rig], tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    rig = new_rig(journal=WatchedJournal(path))
    line = rig.confirmed()
    expect(line.call).to_be_encrypted()
    with pytest.raises(BotError) as caught:
        expect(line.call).not_to_be_encrypted()
    rig.journal.close()
    text = path.read_text()
    assert '"name":"call 1 is encrypted","passed":true' in text
    assert '"name":"call 1 is not encrypted","passed":false' in text
    assert SUITE in str(caught.value)
    assert KEY not in text
    assert KEY not in str(caught.value)


def test_received_request(rig: Rig) -> None:
    line = rig.confirmed()
    line.sent(message("INFO sip:b@h SIP/2.0", line.dialog, "3 INFO", body="mine"))
    with pytest.raises(ExpectationFailed, match=r"expected: INFO with /\^on/\nobserved: no INFO"):
        expect(line.call).to_have_received_request("INFO", matching="^on", timeout=0.05)
    line.received(message("INFO sip:a@h SIP/2.0", line.dialog, "1 INFO", body="one"))
    expect(line.call).to_have_received_request("INFO", matching="^on")
    expect(line.call).to_have_received_request("INFO")
    line.ended()
    with at_once(), pytest.raises(ExpectationFailed, match="observed: 'one'"):
        expect(line.call).to_have_received_request("INFO", matching="two", timeout=LONG)


def test_every_assertion_is_tested() -> None:
    """A new assertion has to be named here, after it was tested."""
    assertions = {name for name in dir(CallExpectation) if not name.startswith("_")}
    assert assertions == {
        "to_be_ringing",
        "to_be_confirmed",
        "to_be_disconnected",
        *("to_have_reached", "not_to_have_reached"),  # test_states.py
        *("to_have_response", "not_to_have_response"),
        *("to_be_ringing_within", "to_be_answered_within", "to_be_answered_after"),
        *("to_have_active_media", "to_have_inactive_media", "not_to_have_active_media"),
        "not_to_have_media_before",
        "to_use_codec",
        *("to_have_received_packets", "to_have_sent_packets", "to_have_media"),
        *("to_have_stream", "not_to_have_received_audio"),  # test_stream.py
        *("to_have_loss", "to_have_jitter", "to_have_mos"),  # test_quality.py
        "to_agree_on_encryption",  # test_inconsistent_answers.py
        "to_be_encrypted",
        "not_to_be_encrypted",
        "to_have_header",
        "not_to_have_header",  # test_stream.py
        "to_have_received_request",
        *("to_have_received_dtmf", "not_to_have_received_dtmf"),
        *("to_have_transferred", "to_have_been_transferred", "to_have_been_replaced"),  # test_transfer.py
        *("to_have_cancelled_correctly", "to_have_been_redirected"),  # test_setup.py
        *("to_use_reliable_provisionals", "not_to_use_reliable_provisionals"),
        *("to_use_session_timer", "not_to_use_session_timer"),
        *(
            "to_use_transport",
            "to_share_the_connection_of",
            "to_have_selected_candidates",
        ),  # test_transport.py
    }
    assert {name for name in vars(RecordingExpectation) if not name.startswith("_")} == {"to_match"}
    assert issubclass(RecordingExpectation, SoundExpectation)  # test_recording.py
    for owner in (CallExpectation, RecordingExpectation, EndpointExpectation):
        for name in dir(owner):
            if not name.startswith("_"):
                assert name.startswith(("to_", "not_to_"))
                assert getattr(owner, name).__doc__, name
