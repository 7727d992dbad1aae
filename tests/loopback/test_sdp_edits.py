"""Edited SDP: the SDP that the peer receives, and invalid edits."""

from __future__ import annotations

import pytest

from bot import Call, CallState, Endpoint, MediaDirection, expect
from bot.errors import CallbackFailed, ConfigError, ExpectationFailed
from bot.ipc.events import SipSent
from bot.sip.sdp_edit import SdpEdit
from tests.support.renegotiating import keys, secured, sent_sdp, sent_text
from tests.support.starting import NewEndpoint, connect, until

KEY = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
UNKNOWN_FIRST = [
    (r"^a=crypto:4 .*\r\n", ""),
    ("^a=crypto:3 ", "a=crypto:4 "),
    ("^a=crypto:2 ", "a=crypto:3 "),
    ("^a=crypto:1 ", f"a=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}\r\na=crypto:2 "),
]
NO_CRYPTO = [(r"^a=crypto.*\r\n", "")]
PLAIN_PROFILE = [("RTP/SAVP", "RTP/AVP")]
VIDEO = [(r"\Z", "m=video 40000 RTP/AVP 34\r\nc=IN IP4 127.0.0.1\r\na=rtpmap:34 H263/90000\r\n")]
NEVER_SENT = [
    pytest.param([("^v=0", "v=9")], "Invalid SDP version", id="version"),
    pytest.param([(r"^m=.*\r\n", "m=audio\r\n")], "Invalid SDP media line", id="media line"),
    pytest.param([(r"^c=.*\r\n", "")], "Missing SDP connection", id="connection"),
    pytest.param([(r"\Z", "k=prompt\r\n")], "would not send the line 'k=prompt'", id="unknown line"),
    pytest.param([("^a=no-such-line", "")], "'.a=no-such-line' matches nothing", id="matches nothing"),
]


def invites(endpoint: Endpoint) -> int:
    """How many INVITEs were sent."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return sum(isinstance(event, SipSent) and event.text.startswith("INVITE ") for event in events)


def ring(caller: Endpoint, callee: Endpoint) -> tuple[Call, Call]:
    """A call that is not answered yet."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    return outgoing, incoming.value


# ---- offers


@pytest.mark.parametrize("parameter", ["UNENCRYPTED_SRTP", "UNAUTHENTICATED_SRTP", "KDR=10", "NEW_ONE=1"])
def test_a_session_parameter_without_support_is_skipped(parameter: str, new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    outgoing, answered = connect(caller, callee, edit_sdp=[(r"^(a=crypto:1 .*)\r", rf"\1 {parameter}\r")])
    for call in (outgoing, answered):
        assert call.facts.crypto().tag == 2
        expect(call).to_be_encrypted()
        expect(call).to_have_received_packets(at_least=10)
    offer = sent_sdp(outgoing, "INVITE ").media[0].crypto
    assert offer[0].session_params == (parameter,)  # the journal has the offer as it came


@pytest.mark.parametrize("mode", ["optional", "mandatory"])
def test_nothing_but_session_parameters_without_support_is_refused(
    mode: str, new_endpoint: NewEndpoint
) -> None:
    caller, callee = new_endpoint(srtp="mandatory"), new_endpoint(srtp=mode)
    outgoing = caller.make_call(callee.uri, edit_sdp=[(r"^(a=crypto:.*)\r", r"\1 UNENCRYPTED_SRTCP\r")])
    expect(outgoing).to_be_disconnected(code=406)


@pytest.mark.parametrize("parameter", ["WSH=128", "-NEW_ONE", "FEC_ORDER=SRTP_FEC"])
def test_a_session_parameter_without_effect_is_passed_over(parameter: str, new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    outgoing, answered = connect(caller, callee, edit_sdp=[(r"^(a=crypto:1 .*)\r", rf"\1 {parameter}\r")])
    assert answered.facts.crypto().tag == 1
    expect(answered).to_have_received_packets(at_least=10)
    outgoing.hangup()


def test_an_unknown_suite_first_is_skipped(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    outgoing, answered = connect(caller, callee, edit_sdp=UNKNOWN_FIRST)
    suites = [line.suite for line in sent_sdp(outgoing, "INVITE ").media[0].crypto]
    assert suites[0] == "F8_128_HMAC_SHA1_80"
    for call in (outgoing, answered):
        assert list(call.facts.crypto().offered) == suites
        assert call.facts.crypto().tag == 2
        expect(call).to_be_encrypted(suites[1])
        expect(call).to_have_received_packets(at_least=10)
    assert KEY in keys(callee, sent=False)
    assert not any(KEY in str(traced.text) for traced in outgoing.facts.messages)


def test_an_offer_without_keys_is_refused(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    outgoing = caller.make_call(callee.uri, edit_sdp=NO_CRYPTO)
    assert sent_sdp(outgoing, "INVITE ").media[0].crypto == ()
    expect(outgoing).to_be_disconnected(by="remote")
    assert outgoing.facts.ended is not None
    assert outgoing.facts.ended.code in {406, 488}  # the library says 406 Not Acceptable


def test_one_media_line_more_is_declined(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(*secured(new_endpoint), edit_sdp=VIDEO)
    assert [line.type for line in sent_sdp(outgoing, "INVITE ").media] == ["audio", "video"]
    assert [line.rejected for line in sent_sdp(answered, "SIP/2.0 200").media] == [False, True]
    for call in (outgoing, answered):
        expect(call).to_be_encrypted()
        expect(call).to_have_received_packets(at_least=10)


@pytest.mark.parametrize(("edits", "problem"), NEVER_SENT)
def test_an_offer_that_cannot_be_sent_is_not_sent(
    edits: list[SdpEdit], problem: str, new_endpoint: NewEndpoint
) -> None:
    caller, callee = secured(new_endpoint)
    with pytest.raises(ConfigError, match=f"call to sip:callee.*the edited SDP was not sent: .*{problem}"):
        caller.make_call(callee.uri, edit_sdp=edits)
    assert invites(caller) == 0
    until(caller, lambda: not caller.calls)
    outgoing, answered = connect(caller, callee)
    for renegotiate in (Call.reinvite, Call.update):
        with pytest.raises(ConfigError, match=f"the edited SDP was not sent: .*{problem}"):
            renegotiate(answered, direction=MediaDirection.SENDONLY, edit_sdp=edits)
    assert invites(callee) == 0
    assert outgoing.reinvite(direction=MediaDirection.SENDONLY).wait(5) == 200  # and nothing is broken
    expect(answered).to_have_active_media(direction="recvonly")


def test_a_later_offer_is_edited_once(new_endpoint: NewEndpoint) -> None:
    _, answered = connect(*secured(new_endpoint))
    assert answered.reinvite(edit_sdp=[(r"^s=[^\r]*", "s=first")]).wait(5) == 200
    assert "\r\ns=first\r\n" in sent_text(answered, "INVITE ")
    assert answered.update(edit_sdp=[(r"^s=[^\r]*", "s=second")]).wait(5) == 200
    assert "\r\ns=second\r\n" in sent_text(answered, "UPDATE ")
    assert answered.reinvite().wait(5) == 200
    assert "\r\ns=pjmedia\r\n" in sent_text(answered, "INVITE ")


# ---- answers


@pytest.mark.parametrize(
    ("edits", "profile", "crypto_lines"), [(PLAIN_PROFILE, "RTP/AVP", 1), (NO_CRYPTO, "RTP/SAVP", 0)]
)
def test_an_answer_that_a_caller_must_not_accept(
    edits: list[SdpEdit], profile: str, crypto_lines: int, new_endpoint: NewEndpoint
) -> None:
    outgoing, answered = ring(*secured(new_endpoint))
    answered.answer(edit_sdp=edits)
    answer = sent_sdp(answered, "SIP/2.0 200").media[0]
    assert (answer.profile, len(answer.crypto)) == (profile, crypto_lines)
    expect(outgoing).to_be_disconnected(by="error")
    assert "the SDP in 200 OK is not acceptable" in outgoing.facts.ended_text
    expect(answered).to_be_disconnected(by="remote")


def test_an_edited_provisional_answer_stays_the_answer(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = ring(*secured(new_endpoint))
    answered.ring(183, edit_sdp=[(r"^s=[^\r]*", "s=early")])
    assert "\r\ns=early\r\n" in sent_text(answered, "SIP/2.0 183")
    answered.answer()
    assert "\r\ns=early\r\n" in sent_text(answered, "SIP/2.0 200")
    expect(outgoing).to_be_encrypted()


def test_a_late_offer_and_its_answer_are_edited(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, offer=False, edit_sdp=[(r"^s=[^\r]*", "s=answer")])
    incoming.value.answer(edit_sdp=UNKNOWN_FIRST)
    assert sent_sdp(incoming.value, "SIP/2.0 200").media[0].crypto[0].suite == "F8_128_HMAC_SHA1_80"
    assert "\r\ns=answer\r\n" in sent_text(outgoing, "ACK ")
    for call in (outgoing, incoming.value):
        expect(call).to_be_encrypted()
        expect(call).to_have_received_packets(at_least=10)
    assert outgoing.reinvite(offer=False, edit_sdp=[(r"^s=[^\r]*", "s=again")]).wait(5) == 200
    until(outgoing, lambda: "\r\ns=again\r\n" in sent_text(outgoing, "ACK "))


def test_an_answer_that_left_unedited_is_told(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = ring(*secured(new_endpoint))
    with pytest.raises(ConfigError, match="the SDP was sent unedited: the message had no description"):
        answered.ring(180, edit_sdp=PLAIN_PROFILE)
    with pytest.raises(ConfigError, match=r"the SDP was sent unedited: .*matches nothing") as unmatched:
        answered.answer(edit_sdp=[(f"inline:{KEY}", "")])
    assert KEY not in str(unmatched.value)
    assert sent_sdp(answered, "SIP/2.0 200").media[0].profile == "RTP/SAVP"
    expect(outgoing).to_be_encrypted()


def test_a_late_offer_that_cannot_be_sent_leaves_unedited_and_is_told(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, offer=False)
    with pytest.raises(ConfigError, match="the SDP was sent unedited: the library cannot use it"):
        incoming.value.answer(edit_sdp=[("^v=0", "v=9")])
    expect(outgoing).to_be_encrypted()


def test_an_answer_in_the_ack_that_left_unedited_fails_the_run(new_endpoint: NewEndpoint) -> None:
    caller, callee = secured(new_endpoint)
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, offer=False, edit_sdp=[("^a=no-such-line", "")])
    incoming.value.answer()
    with pytest.raises(CallbackFailed, match=r"the SDP was sent unedited: .*matches nothing"):
        outgoing.wait(CallState.DISCONNECTED, timeout=5)


# ---- deviations that are accepted by name


@pytest.mark.parametrize("accepted", [False, True])
def test_rtp_savp_in_answer_to_avp_with_crypto(accepted: bool, new_endpoint: NewEndpoint) -> None:
    """As [MS-SDPEXT] has it: told as what it is, and a failure unless it is accepted by name."""
    caller = new_endpoint(srtp="optional", accept=["avp-savp"] if accepted else [])
    callee = new_endpoint(srtp="optional")
    outgoing, answered = ring(caller, callee)
    answered.answer(edit_sdp=[("RTP/AVP", "RTP/SAVP")])
    until(outgoing, lambda: bool(outgoing.media) and outgoing.media[0].active)
    crypto = outgoing.facts.crypto()
    if accepted:
        expect(outgoing).to_be_encrypted()
        assert crypto.disagreement is None
        assert "MS-SDPEXT" in (crypto.deviation or "")
    else:
        with pytest.raises(
            ExpectationFailed, match="the offer's profile is RTP/AVP, the answer's is RTP/SAVP"
        ):
            expect(outgoing).to_be_encrypted()
        assert crypto.deviation is None
