"""bot.interop.observation: from a call's record to one word and the facts beside it."""

from __future__ import annotations

import pytest

from bot.interop.observation import Heard, Talk, observed
from bot.ipc.events import Event
from bot.model import CallState, EndedBy
from bot.ua.call_record import CallRecord
from tests.support.build import (
    BOTH_WAYS,
    DIALOG,
    OTHER,
    answered,
    bye,
    cell,
    ended,
    received,
    record,
    refused_with,
    sent,
    state,
)
from tests.support.fakes import SUITE, invite, response, sdp

MANDATORY, OPTIONAL, OFF = "mandatory/all", "optional/all", "off"


def outcome(name: str, known: CallRecord, talk: Talk = BOTH_WAYS) -> str:
    return observed(cell(name), known, talk).outcome


def test_an_encrypted_call() -> None:
    found = observed(cell(MANDATORY), answered(sdp(), sdp()), BOTH_WAYS)
    assert found.outcome == f"SRTP {SUITE}"
    assert found.why is None
    assert (found.code, found.reason) == (200, "OK")
    assert (found.offer_profile, found.answer_profile) == ("RTP/SAVP", "RTP/SAVP")
    assert (found.offered, found.answered, found.tag, found.active) == ((SUITE,), SUITE, 1, SUITE)
    assert (found.sent, found.received, found.audio) == (60, 61, "marker")
    assert found.codec == "PCMA/8000"
    assert found.ended_by is EndedBy.LOCAL
    assert found.peer_spoke


def test_a_plain_call() -> None:
    assert outcome(OFF, answered(sdp(None), sdp(None), suite=None)) == "plain"
    offer = sdp(profile="RTP/AVP")
    assert outcome(OPTIONAL, answered(offer, sdp(None), suite=None)) == "plain"


@pytest.mark.parametrize("code", [302, 406, 488, 603])
def test_a_refusal(code: int) -> None:
    found = observed(cell(MANDATORY), refused_with(code), Talk())
    assert (found.outcome, found.code) == (f"refused {code}", code)


def test_a_refused_line_is_a_refusal() -> None:
    nothing = sdp().replace("m=audio 4000", "m=audio 0")
    assert outcome(MANDATORY, answered(sdp(), nothing, after=())) == "refused port 0"


def test_a_challenge_is_no_refusal() -> None:
    known = record(
        sent(invite(DIALOG, body=sdp())),
        received(response(DIALOG, 401, "Unauthorized")),
        sent(invite(DIALOG, cseq=2, body=sdp())),
        received(response(DIALOG, 488, "Not Acceptable Here", cseq=2)),
        ended(488, "Not Acceptable Here", EndedBy.REMOTE),
    )
    assert outcome(MANDATORY, known) == "refused 488"
    only = record(
        sent(invite(DIALOG, body=sdp())),
        received(response(DIALOG, 401, "Unauthorized")),
        ended(401, "Unauthorized", EndedBy.REMOTE),
    )
    assert outcome(MANDATORY, only) == "refused 401"


def test_nobody_answers() -> None:
    silent = record(sent(invite(DIALOG, body=sdp())), ended(408, "Request Timeout", EndedBy.LOCAL))
    found = observed(cell(MANDATORY), silent, Talk())
    assert found.outcome == "broken: no final response: 408 Request Timeout"
    assert not found.peer_spoke
    ringing = record(sent(invite(DIALOG)), received(response(DIALOG, 180, "Ringing")))
    assert observed(cell(MANDATORY), ringing, Talk(trouble="not CONFIRMED after 2 s")).peer_spoke


def test_a_suite_that_was_not_offered_is_broken() -> None:
    found = observed(cell(MANDATORY), answered(sdp(), sdp(OTHER)), BOTH_WAYS)
    assert found.outcome == f"broken: {found.why}"
    assert "which was offered as" in (found.why or "")


def test_the_library_runs_something_else() -> None:
    known = answered(sdp(), sdp(), suite=OTHER)
    assert outcome(MANDATORY, known) == f"broken: the answer says SRTP {SUITE}, the library runs SRTP {OTHER}"


def test_crypto_in_the_answer_to_a_plain_offer_is_not_looked_at() -> None:
    found = observed(cell(OFF), answered(sdp(None), sdp(profile="RTP/AVP"), suite=None), BOTH_WAYS)
    assert found.outcome == "plain"
    assert "though none was offered" in (found.why or "")


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (Heard("silence", 60, 0), "one-way: sent 60, received 0 packets, none received"),
        (Heard("audio", 0, 60), "one-way: sent 0, received 60 packets, none sent"),
        (Heard("silence", 0, 0), "no packets"),
    ],
)
def test_media_in_one_direction(heard: Heard, why: str) -> None:
    talk = Talk(heard=[heard], hung_up=True)
    assert outcome(MANDATORY, answered(sdp(), sdp()), talk) == f"broken: {why}"


def test_media_counts_after_the_renegotiation() -> None:
    talk = Talk(heard=[Heard("marker", 60, 60), Heard("silence", 60, 0)], hung_up=True)
    found = observed(cell("renegotiation/hold"), answered(sdp(), sdp()), talk)
    assert (found.why or "").startswith("one-way after the renegotiation")
    assert found.audio == "silence"


def test_no_audio_at_all() -> None:
    known = answered(sdp(), sdp(), after=(ended(),))
    assert outcome(MANDATORY, known, Talk(hung_up=True)) == "broken: answered, but no audio became active"


@pytest.mark.parametrize(
    ("from_us", "who"), [(True, "this endpoint gave it up"), (False, "the peer ended it")]
)
def test_who_ended_it_is_read_from_the_wire(from_us: bool, who: str) -> None:
    end = ended(488, "Unable to create media session", EndedBy.REMOTE)
    known = answered(sdp(), sdp(), after=(bye(from_us=from_us), end))
    found = observed(cell(MANDATORY), known, Talk())
    assert found.outcome == f"broken: answered, then {who}: 488 Unable to create media session"
    assert found.ended_by is (EndedBy.LOCAL if from_us else EndedBy.REMOTE)


def test_a_step_that_is_refused() -> None:
    talk = Talk(heard=[Heard("marker", 9, 9)], refused_step=("UPDATE", 405), hung_up=True)
    found = observed(cell("renegotiation/update"), answered(sdp(), sdp()), talk)
    assert (found.outcome, found.why) == ("refused 405", "the call was answered, UPDATE was not accepted")


def test_of_an_odd_offer_the_answer_counts() -> None:
    """This endpoint cannot use its own tag 0, which is not the peer's fault."""
    zero = sdp(tag=0)
    end = ended(488, "Unable to create media session", EndedBy.REMOTE)
    found = observed(cell("negative/tag-0"), answered(zero, zero, after=(bye(from_us=True), end)), Talk())
    assert found.outcome == f"SRTP {SUITE}"
    assert found.why == "then this endpoint gave it up: 488 Unable to create media session"


def test_our_own_breach_is_not_the_peers() -> None:
    twice = sdp().replace("a=sendrecv", f"a=crypto:1 {OTHER} inline:x\r\na=sendrecv")
    assert outcome("negative/duplicate-tags", answered(twice, sdp())) == f"SRTP {SUITE}"
    assert outcome("mandatory/all", answered(twice, sdp())).startswith("broken: the offer uses a tag")
    lower = sdp(SUITE.lower(), profile="RTP/SAVP")
    assert outcome("negative/lower-case-suite", answered(lower, sdp())) == f"SRTP {SUITE}"
    assert outcome("negative/duplicate-tags", answered(twice, sdp(tag=2))).startswith("broken")


def test_a_session_parameter_that_is_not_repeated() -> None:
    asked = sdp().replace("a=sendrecv", "").replace("[redacted]", "x")
    asked = "\r\n".join(
        line + " UNENCRYPTED_SRTP" if line.startswith("a=crypto") else line for line in asked.split("\r\n")
    )
    assert "other session parameters" in outcome("negative/unencrypted-srtp", answered(asked, sdp()))


def test_we_do_not_talk_in_clear() -> None:
    avp = sdp(profile="RTP/AVP")
    known = answered(avp, sdp(None), suite=None)
    assert outcome("negative/crypto-under-avp", known).startswith("broken: this endpoint talks in clear")
    quiet = answered(avp, sdp(None), after=(bye(from_us=True), ended(488, "x", EndedBy.REMOTE)))
    assert outcome("negative/crypto-under-avp", quiet, Talk()) == "plain"


def called(*after: Event, answer: str = "") -> CallRecord:
    known = record(
        received(invite(DIALOG, body=sdp())),
        sent(response(DIALOG, 200, "OK", body=answer or sdp())),
        state(CallState.CONFIRMED, 200, "OK"),
    )
    for event in after:
        known.observe(event)
    return known


def test_the_peer_ends_a_call_whose_answer_it_does_not_like() -> None:
    known = called(bye(from_us=False), ended(200, "OK", EndedBy.REMOTE), answer=sdp(OTHER))
    assert outcome("listen/negative/answer-other-suite", known, Talk()) == "refused BYE"


def test_the_peer_goes_on_with_a_wrong_answer() -> None:
    known = answered(sdp(), sdp(OTHER))
    silent = Talk(heard=[Heard("silence", 60, 0)], hung_up=True)
    assert outcome("listen/negative/answer-other-suite", known) == f"SRTP {SUITE}"
    assert outcome("listen/negative/answer-other-suite", known, silent).startswith("broken: the peer keeps")


def test_we_refuse_the_peers_offer() -> None:
    known = record(
        received(invite(DIALOG, body=sdp())),
        sent(response(DIALOG, 488, "Not Acceptable Here")),
        ended(488, "Not Acceptable Here"),
    )
    found = observed(cell("listen/off"), known, Talk())
    assert (found.outcome, found.why) == ("refused 488", "this endpoint refused the offer")
