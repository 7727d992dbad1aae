"""Each assertion passes, waits, gives up when hopeless, and explains itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import expect
from bot.errors import BotError, ConfigError, EndpointCrashed, ExpectationFailed, WaitTimeout
from bot.expectations.call import CallExpectation
from bot.expectations.endpoint import EndpointExpectation
from bot.expectations.recording import RecordingExpectation, SoundExpectation
from bot.ipc.commands import Measure
from bot.ipc.events import ExpectationChecked
from bot.model import CallState, CryptoSuite, DtmfMethod, EndedBy, MediaDirection
from bot.ua.call import Call, Recording
from tests.support.fakes import (
    KEY,
    LONG,
    PEER,
    SUITE,
    Line,
    Rig,
    WatchedJournal,
    at_once,
    audio,
    done,
    invite,
    measured,
    message,
    response,
    sdp,
    while_waiting,
)

OTHER = CryptoSuite.AES_CM_128_HMAC_SHA1_32
Assertion = Callable[[CallExpectation], None]


@pytest.fixture
def line(rig: Rig) -> Line:
    """An outgoing call that nobody answered yet."""
    return rig.outgoing()


@pytest.fixture
def busy(rig: Rig) -> Line:
    """An outgoing call that was refused."""
    line = rig.outgoing()
    line.received(response(line.dialog, 486, "Busy Here"))
    line.ended(486, "Busy Here")
    return line


@pytest.fixture
def talk(rig: Rig) -> Line:
    """A confirmed call with SRTP."""
    return rig.confirmed()


def verdicts(rig: Rig) -> list[ExpectationChecked]:
    return [one.event for one in rig.journal.recent() if isinstance(one.event, ExpectationChecked)]


def passes(rig: Rig, call: Call, assertion: Assertion) -> ExpectationChecked:
    """The assertion holds now, and its verdict is in the journal."""
    with at_once():
        assertion(expect(call))
    (verdict,) = verdicts(rig)
    assert verdict.passed
    assert verdict.call == call.number
    return verdict


def passes_later(rig: Rig, call: Call, assertion: Assertion, job: Callable[[], object]) -> None:
    """The assertion waits for what ``job`` brings."""
    with while_waiting(rig.journal, job):
        passes(rig, call, assertion)


def fails(rig: Rig, call: Call, assertion: Assertion) -> str:
    """The assertion fails at once, its verdict is in the journal; returns the message."""
    with pytest.raises(ExpectationFailed) as caught, at_once():
        assertion(expect(call))
    (verdict,) = verdicts(rig)
    assert not verdict.passed
    text = str(caught.value)
    lines = text.splitlines()
    assert lines[0] == f"{call} {verdict.name.partition(' ')[2].partition(' ')[2]}"
    assert lines[1] == f"expected: {verdict.expected}"
    assert lines[2] == f"observed: {verdict.observed}"
    assert "last states:" in lines
    assert "SIP messages:" in lines
    return text


# ---- what can be expected of what


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


def test_to_be_ringing_is_hopeless_after_the_end(rig: Rig, busy: Line) -> None:
    text = fails(rig, busy.call, lambda it: it.to_be_ringing(timeout=LONG))
    assert "expected: EARLY" in text
    assert "it can no longer come true: the call ended: 486 Busy Here, by remote" in text


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
def test_to_be_disconnected_as_far_as_asked(rig: Rig, busy: Line, asked: dict[str, Any]) -> None:
    passes(rig, busy.call, lambda it: it.to_be_disconnected(**asked, timeout=0))


@pytest.mark.parametrize("asked", [{"code": 603}, {"by": "local"}, {"by": "error", "code": 486}])
def test_to_be_disconnected_otherwise_is_hopeless(rig: Rig, busy: Line, asked: dict[str, Any]) -> None:
    text = fails(rig, busy.call, lambda it: it.to_be_disconnected(**asked, timeout=LONG))
    assert "observed: DISCONNECTED 486 Busy Here, by remote" in text


def test_to_be_disconnected_in_vain(rig: Rig, talk: Line) -> None:
    assert "observed: CONFIRMED" in fails(rig, talk.call, lambda it: it.to_be_disconnected(timeout=0.05))


def test_to_be_disconnected_by_nobody(rig: Rig, talk: Line) -> None:
    with pytest.raises(ConfigError, match="by 'nobody' is unknown; expected one of local, remote, error"):
        expect(talk.call).to_be_disconnected(by="nobody")


# ---- media


def test_to_have_active_media(rig: Rig, line: Line) -> None:
    passes_later(
        rig, line.call, lambda it: it.to_have_active_media(timeout=LONG), lambda: line.media(audio())
    )


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", MediaDirection.SENDONLY])
def test_to_have_active_media_in_a_direction(rig: Rig, talk: Line, direction: str) -> None:
    talk.media(audio(direction=MediaDirection(direction)))
    passes(rig, talk.call, lambda it: it.to_have_active_media(direction=direction, timeout=0))


def test_to_have_inactive_media(rig: Rig, talk: Line) -> None:
    talk.media(audio(active=False, direction=MediaDirection.INACTIVE))
    passes(rig, talk.call, lambda it: it.to_have_active_media(direction="inactive", timeout=0))


@pytest.mark.parametrize(
    ("state", "observed"),
    [
        (audio(active=False), "audio inactive, sendrecv"),
        (audio(direction=MediaDirection.RECVONLY), "audio active, recvonly"),
        (audio(kind="video"), "video active, sendrecv"),
    ],
)
def test_to_have_active_media_fails(rig: Rig, talk: Line, state: Any, observed: str) -> None:
    talk.media(state)
    text = fails(rig, talk.call, lambda it: it.to_have_active_media(timeout=0.05))
    assert f"observed: {observed}" in text


def test_to_have_active_media_is_hopeless_after_the_end(rig: Rig, busy: Line) -> None:
    text = fails(rig, busy.call, lambda it: it.to_have_active_media(timeout=LONG))
    assert "observed: no media, DISCONNECTED 486 Busy Here" in text


@pytest.mark.parametrize("name", ["PCMA", "pcma", "PCMA/8000"])
def test_to_use_codec(rig: Rig, line: Line, name: str) -> None:
    passes_later(rig, line.call, lambda it: it.to_use_codec(name, timeout=LONG), lambda: line.media(audio()))
    assert verdicts(rig)[0].observed == "PCMA/8000"


@pytest.mark.parametrize("name", ["PCMU", "PCMA/16000", "PCM"])
def test_to_use_another_codec_is_hopeless(rig: Rig, talk: Line, name: str) -> None:
    text = fails(rig, talk.call, lambda it: it.to_use_codec(name, timeout=LONG))
    assert f"expected: {name}" in text
    assert "it can no longer come true: the codec is PCMA/8000" in text


def test_to_use_codec_is_hopeless_after_the_end(rig: Rig, busy: Line) -> None:
    assert "no media" in fails(rig, busy.call, lambda it: it.to_use_codec("PCMA", timeout=LONG))


def test_to_have_used_codec(rig: Rig, talk: Line) -> None:
    talk.ended()
    passes(rig, talk.call, lambda it: it.to_use_codec("PCMA", timeout=0))


# ---- packets


def count(rig: Rig, *counts: tuple[int, int]) -> None:
    """Each Measure finds the next of the counts, the last one for ever."""
    remaining = list(counts)

    def reply(number: int, command: Any) -> list[Any]:
        rx, tx = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return [measured(1, rx, tx), done(number)]

    rig.driver.reply_to(Measure, reply)


def test_to_have_received_packets(rig: Rig, talk: Line) -> None:
    count(rig, (0, 9), (3, 9), (10, 9))
    verdict = passes(rig, talk.call, lambda it: it.to_have_received_packets(at_least=10, timeout=LONG))
    assert (verdict.expected, verdict.observed) == ("at least 10 RTP packets", "10 packets")
    assert len(rig.driver.told(Measure)) == 3


def test_to_have_sent_packets(rig: Rig, talk: Line) -> None:
    count(rig, (0, 5))
    passes(rig, talk.call, lambda it: it.to_have_sent_packets(at_least=5, timeout=LONG))


def test_to_have_received_packets_in_vain(rig: Rig, talk: Line) -> None:
    count(rig, (0, 5))
    text = fails(rig, talk.call, lambda it: it.to_have_received_packets(timeout=0.15))
    assert "observed: 0 packets" in text
    assert "waited 0.15 s" in text


def test_to_have_received_packets_that_were_never_counted(rig: Rig, talk: Line) -> None:
    assert "0 packets" in fails(rig, talk.call, lambda it: it.to_have_received_packets(timeout=0))


def test_to_have_received_packets_is_hopeless_after_the_end(rig: Rig, talk: Line) -> None:
    count(rig, (0, 5))
    with while_waiting(rig.journal, talk.ended):
        text = fails(rig, talk.call, lambda it: it.to_have_received_packets(timeout=LONG))
    assert "the call ended: 200 OK, by remote" in text


def test_to_have_received_packets_counts_the_last_word(rig: Rig, talk: Line) -> None:
    talk.measured(300, 300, final=True)
    talk.ended()
    passes(rig, talk.call, lambda it: it.to_have_received_packets(at_least=300, timeout=0))


# ---- SRTP


@pytest.mark.parametrize("suite", [None, SUITE, str(SUITE)])
def test_to_be_encrypted(rig: Rig, line: Line, suite: str | None) -> None:
    passes_later(rig, line.call, lambda it: it.to_be_encrypted(suite, timeout=LONG), line.answered)
    assert verdicts(rig)[0].observed == f"{SUITE} (offered {SUITE}; answered {SUITE})"


def test_to_be_encrypted_with_another_suite_is_hopeless(rig: Rig, talk: Line) -> None:
    text = fails(rig, talk.call, lambda it: it.to_be_encrypted(OTHER, timeout=LONG))
    assert f"expected: {OTHER}" in text
    assert f"it can no longer come true: the stream runs {SUITE}" in text


def test_to_be_encrypted_is_hopeless_over_plain_rtp(rig: Rig, line: Line) -> None:
    line.answered(suite=None)
    text = fails(rig, line.call, lambda it: it.to_be_encrypted(timeout=LONG))
    assert "observed: plain RTP (offered nothing; answered nothing)" in text
    assert "RTP/AVP PCMA, no crypto" in text


@pytest.mark.parametrize("active", [None, OTHER])
def test_to_be_encrypted_fails_when_sdp_and_library_differ(
    rig: Rig, talk: Line, active: CryptoSuite | None
) -> None:
    talk.media(audio(suite=active))
    text = fails(rig, talk.call, lambda it: it.to_be_encrypted(active, timeout=LONG))
    assert f"the SDP answer chose {SUITE}, the library runs {active or 'no SRTP'}" in text


def test_to_be_encrypted_fails_when_offer_and_answer_differ(rig: Rig, line: Line) -> None:
    line.sent(invite(line.dialog, cseq=2, body=sdp(tag=1)))
    line.received(response(line.dialog, 200, "OK", cseq=2, body=sdp(tag=2)))
    line.media(audio())
    text = fails(rig, line.call, lambda it: it.to_be_encrypted(timeout=LONG))
    assert "the answer's tag 2 is not among the offered tags 1" in text


def test_to_be_encrypted_is_hopeless_after_the_end(rig: Rig, busy: Line) -> None:
    assert "no media" in fails(rig, busy.call, lambda it: it.to_be_encrypted(timeout=LONG))


@pytest.mark.parametrize("suite", ["AES", "aes_cm_128_hmac_sha1_80", ""])
def test_to_be_encrypted_with_a_suite_that_is_none(rig: Rig, talk: Line, suite: str) -> None:
    with pytest.raises(ConfigError, match="AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32"):
        expect(talk.call).to_be_encrypted(suite)
    assert verdicts(rig) == []


def test_not_to_be_encrypted(rig: Rig, line: Line) -> None:
    passes_later(
        rig,
        line.call,
        lambda it: it.not_to_be_encrypted(timeout=LONG),
        lambda: line.answered(suite=None),
    )


def test_not_to_be_encrypted_is_hopeless_over_srtp(rig: Rig, talk: Line) -> None:
    text = fails(rig, talk.call, lambda it: it.not_to_be_encrypted(timeout=LONG))
    assert "expected: plain RTP" in text
    assert f"the stream runs {SUITE}" in text


def test_not_to_be_encrypted_needs_a_stream(rig: Rig, busy: Line) -> None:
    assert "no media" in fails(rig, busy.call, lambda it: it.not_to_be_encrypted(timeout=LONG))


# ---- DTMF


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


def test_inband_digits_that_nobody_listens_for(rig: Rig, talk: Line) -> None:
    with pytest.raises(ConfigError, match=r"does not listen for in-band digits; call\.listen\(\) first"):
        expect(talk.call).to_have_received_dtmf("1", method=DtmfMethod.INBAND)
    assert verdicts(rig) == []


def test_inband_digits_count_where_there_should_be_none(rig: Rig, listened: Line) -> None:
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


# ---- packets that were refused


NONE_READ = {"not authentic, carrying an MKI of 4 bytes": 150}


def test_to_be_encrypted_needs_an_authentic_packet_where_any_came(rig: Rig, talk: Line) -> None:
    talk.measured(0, 100, refused=NONE_READ)
    with pytest.raises(
        ExpectationFailed, match=r"150 packets came, none of which could be read: .* MKI of 4"
    ) as failed:
        expect(talk.call).to_be_encrypted(timeout=0)
    assert "it can no longer come true: no received packet was authentic" in str(failed.value)


def test_to_be_encrypted_beside_packets_that_were_refused(rig: Rig, talk: Line) -> None:
    talk.measured(126, 100, refused={"not authentic": 275})
    observed = passes(rig, talk.call, lambda it: it.to_be_encrypted(timeout=0)).observed
    assert "275 packets came, beside 126 that were taken: 275 not authentic" in observed


def test_to_have_received_packets_tells_of_those_that_were_refused(rig: Rig, talk: Line) -> None:
    talk.measured(0, 100, refused=NONE_READ)
    with pytest.raises(ExpectationFailed, match="0 packets; 150 packets came"):
        expect(talk.call).to_have_received_packets(timeout=0)


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


def test_to_have_header_is_hopeless_after_the_end(rig: Rig, busy: Line) -> None:
    assert "486" in fails(rig, busy.call, lambda it: it.to_have_header("X-Test", timeout=LONG))


def test_to_have_header_matching_what_is_no_expression(rig: Rig, talk: Line) -> None:
    with pytest.raises(ConfigError, match="not a regular expression"):
        expect(talk.call).to_have_header("X-Test", matching="(")
    assert verdicts(rig) == []


# ---- recordings


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    from media.audio.wav import write
    from media.signals.tones import speech_like

    path = tmp_path / "reference.wav"
    write(path, speech_like(1.5, 8000, seed=1))
    return path


@pytest.fixture
def recording(talk: Line, tmp_path: Path) -> Recording:
    return talk.call.record(tmp_path / "heard.wav")


def heard(recording: Recording, source: Path) -> None:
    """The call hears this, and its recording is closed."""
    recording.path.write_bytes(source.read_bytes())
    recording.stop()


def test_to_match(rig: Rig, recording: Recording, reference: Path) -> None:
    heard(recording, reference)
    expect(recording).to_match(reference)
    (verdict,) = verdicts(rig)
    assert (verdict.passed, verdict.name) == (True, "call 1 recording matches")
    assert verdict.observed.startswith("matched, delay 0 ms")
    comparison = recording.call.facts.comparison
    assert comparison is not None
    assert comparison.matched


def test_to_match_waits_for_the_file(rig: Rig, recording: Recording, reference: Path) -> None:
    with while_waiting(rig.journal, lambda: heard(recording, reference)), at_once():
        expect(recording).to_match(str(reference), timeout=LONG)


def test_to_match_fails_for_other_audio(
    rig: Rig, recording: Recording, reference: Path, tmp_path: Path
) -> None:
    from media.audio.wav import write
    from media.signals.tones import tone

    other = tmp_path / "other.wav"
    write(other, tone([440.0], 1.5, 8000))
    heard(recording, other)
    with pytest.raises(ExpectationFailed) as caught:
        expect(recording).to_match(reference)
    (verdict,) = verdicts(rig)
    assert not verdict.passed
    assert f"expected: the audio of {reference}" in str(caught.value)
    assert f"observed: {verdict.observed}" in str(caught.value)
    assert "SIP messages:" in str(caught.value)
    comparison = recording.call.facts.comparison
    assert comparison is not None
    assert not comparison.matched


@pytest.mark.parametrize("content", [b"", b"RIFF"])
def test_to_match_fails_for_no_audio(rig: Rig, recording: Recording, reference: Path, content: bytes) -> None:
    recording.path.write_bytes(content)
    recording.stop()
    with pytest.raises(ExpectationFailed, match="observed: no audio"):
        expect(recording).to_match(reference)
    assert [verdict.passed for verdict in verdicts(rig)] == [False]


def test_to_match_fails_for_silence(rig: Rig, recording: Recording, reference: Path, tmp_path: Path) -> None:
    from media.audio.wav import write
    from media.signals.tones import silence

    write(tmp_path / "silence.wav", silence(2.0, 8000))
    heard(recording, tmp_path / "silence.wav")
    with pytest.raises(ExpectationFailed):
        expect(recording).to_match(reference)


def test_to_match_passes_options_on(rig: Rig, recording: Recording, reference: Path) -> None:
    from media.audio.wav import Audio, read, write

    whole = read(reference)
    samples = whole.samples.copy()
    samples[4000:7200] = 0.0
    write(recording.path, Audio(samples, whole.rate))
    recording.stop()
    with pytest.raises(ExpectationFailed, match="missing"):
        expect(recording).to_match(reference)
    expect(recording).to_match(reference, ignore=[(0.45, 0.95)])
    expect(recording).to_match(reference, max_missing_ms=500)
    with pytest.raises(ExpectationFailed, match="SNR"):
        expect(recording).to_match(reference, max_missing_ms=500, min_snr_db=200)


def test_to_match_a_reference_that_is_none(rig: Rig, recording: Recording, tmp_path: Path) -> None:
    recording.stop()
    with pytest.raises(ConfigError, match=r"nothing\.wav"):
        expect(recording).to_match(tmp_path / "nothing.wav")
    assert verdicts(rig) == []


def test_to_match_in_vain(recording: Recording, reference: Path) -> None:
    with pytest.raises(WaitTimeout, match=r"heard\.wav is still being recorded"):
        expect(recording).to_match(reference, timeout=0.05)


# ---- several endpoints


def test_verdicts_name_the_endpoint_when_there_are_several(new_rig: Callable[..., Rig]) -> None:
    alice = new_rig(name="alice")
    new_rig(name="bob", journal=alice.journal)
    line = alice.confirmed()
    expect(line.call).to_be_confirmed()
    assert verdicts(alice)[0].name == "alice call 1 is confirmed"


# ---- the crash


ASSERTIONS: list[Assertion] = [
    lambda it: it.to_be_ringing(timeout=LONG),
    lambda it: it.to_be_disconnected(timeout=LONG),
    lambda it: it.to_have_active_media(timeout=LONG),
    lambda it: it.to_use_codec("PCMA", timeout=LONG),
    lambda it: it.to_have_received_dtmf("1", timeout=LONG),
    lambda it: it.to_be_encrypted(timeout=LONG),
    lambda it: it.not_to_be_encrypted(timeout=LONG),
    lambda it: it.to_have_header("X-Test", timeout=LONG),
]


@pytest.mark.parametrize("assertion", ASSERTIONS)
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
    assert issubclass(RecordingExpectation, SoundExpectation)  # tested in test_recording_expectations.py
    for owner in (CallExpectation, RecordingExpectation, EndpointExpectation):
        for name in dir(owner):
            if not name.startswith("_"):
                assert name.startswith(("to_", "not_to_"))
                assert getattr(owner, name).__doc__, name
