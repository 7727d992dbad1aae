"""Messages that cross, come again or come out of turn, played by SIPp on either side (RFC 3261, RFC 5407).

What the RFCs say of each case and what the library does is a table in ``scenarios/README.md``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import Call, CallState, Endpoint, expect
from bot.deadline import Deadline
from tests.support.sipp import ENDED_BY_PEER, Scripted, arrived, assert_exchange, line

pytestmark = pytest.mark.peer("sipp")

ANSWERED = "<- INVITE", "-> 100 INVITE", "-> 200 INVITE"
T1_S = 0.5


def wait_for(call: Call, count: int, *, sent: bool, method: str = "", status: int = 0) -> None:
    """Wait until so many such messages have gone by in the call."""

    def seen() -> int:
        those = (traced.message for traced in call.facts.messages if traced.sent is sent)
        return sum((one.method, one.status) == (method, status) for one in those)

    assert call.endpoint.wait_until(lambda: seen() >= count, Deadline(5)), f"{seen()} of {count}"


# ---- CANCEL of ours


@pytest.mark.parametrize(
    ("scenario", "code"), [("cancel-crosses-200", 200), ("cancel-gets-481", 481)], ids=["200", "481"]
)
def test_our_cancel_crosses_a_200(scenario: str, code: int, endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 9.1, 15: the call that was accepted all the same is acknowledged and ended, as it should be.

    It is told with the code that came, 200.
    """
    with Scripted(f"answers/{scenario}", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_ringing()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert_exchange(
        call,
        *("-> INVITE", "<- 180 INVITE", "-> CANCEL", f"<- {code} CANCEL"),
        *("<- 200 INVITE", "-> ACK", "-> BYE", "<- 200 BYE"),
    )
    assert call.facts.reached(CallState.CONFIRMED) is None


def test_a_200_comes_when_we_have_waited_long_enough(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 9.1, 15: the late 200 is acknowledged and the call ended, as it should be."""
    with Scripted("answers/cancel-crosses-200", tmp_path) as peer:
        call = endpoint.make_call(peer.uri, ring_timeout=0.2)
        expect(call).to_be_disconnected(by="error")
        assert call.facts.ended is not None
        assert "no final response from" in call.facts.ended.reason
    assert_exchange(
        call,
        *("-> INVITE", "<- 180 INVITE", "-> CANCEL", "<- 200 CANCEL"),
        *("<- 200 INVITE", "-> ACK", "-> BYE", "<- 200 BYE"),
    )


def test_our_cancel_waits_for_a_provisional_response(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 9.1: nothing is sent before the 180, as it should be; the call is told as over at once."""
    with Scripted("answers/cancel-held-back", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        call.hangup()
    expect(call).to_be_disconnected(code=487, by="local")
    assert_exchange(
        call,
        *("-> INVITE", "<- 180 INVITE", "-> CANCEL", "<- 200 CANCEL", "<- 487 INVITE", "-> ACK"),
    )


def test_a_fork_accepts_what_we_have_given_up(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.2.4 wants ACK and BYE for the late 200: the library repeats the ACK of the 487 instead.

    The dialog that the other branch believes in is never ended by us.
    """
    with Scripted("answers/late-200-after-487", tmp_path, sees_copies=True) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_ringing()
        call.hangup()
    expect(call).to_be_disconnected(code=487, by="local")
    assert_exchange(
        call,
        *("-> INVITE", "<- 180 INVITE", "-> CANCEL", "<- 200 CANCEL", "<- 487 INVITE", "-> ACK"),
        *("<- 200 INVITE", "-> ACK"),
        copies=True,
    )
    messages = [traced.message for traced in call.facts.messages]
    refusal, first_ack, acceptance, second_ack = messages[-4:]
    assert refusal.to_tag != acceptance.to_tag
    assert first_ack == second_ack
    assert second_ack.to_tag == refusal.to_tag


# ---- CANCEL of the peer's


def test_the_peer_cancels_while_we_ring(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 9.2: 200 for the CANCEL and 487 for the INVITE, as it should be."""
    with Scripted("calls/cancel-before-answer", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).ring()
    expect(call).to_be_disconnected(code=487, by="remote")
    assert_exchange(
        call,
        *("<- INVITE", "-> 100 INVITE", "-> 180 INVITE"),
        *("<- CANCEL", "-> 200 CANCEL", "-> 487 INVITE", "<- ACK"),
    )


def test_the_peers_cancel_crosses_our_200(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 9.2: it is answered 200 and the call goes on until its BYE, as it should be."""
    with Scripted("calls/cancel-crosses-200", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
        expect(call).to_be_confirmed()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert_exchange(call, *ANSWERED, "<- CANCEL", "-> 200 CANCEL", "<- ACK", *ENDED_BY_PEER)


def test_a_cancel_with_another_branch(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 9.2: 481, and the call goes on (until it is cancelled properly), as it should be."""
    with Scripted("calls/cancel-wrong-branch", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).ring()
    expect(call).to_be_disconnected(code=487, by="remote")
    assert_exchange(
        call,
        *("<- INVITE", "-> 100 INVITE", "-> 180 INVITE", "<- CANCEL", "-> 481 CANCEL"),
        *("<- CANCEL", "-> 200 CANCEL", "-> 487 INVITE", "<- ACK"),
    )


def test_the_peer_ends_by_bye_while_we_ring(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 15: 200 for the BYE and 487 for the INVITE, as it should be."""
    with Scripted("calls/bye-while-ringing", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).ring()
    expect(call).to_be_disconnected(code=487, by="remote")
    assert_exchange(
        call,
        *("<- INVITE", "-> 100 INVITE", "-> 180 INVITE"),
        *("<- BYE", "-> 200 BYE", "-> 487 INVITE", "<- ACK"),
    )
    assert call.facts.reached(CallState.CONNECTING, CallState.CONFIRMED) is None


# ---- the same again


def test_each_copy_of_the_200_gets_an_ack(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.2.4: one ACK for each, and one call, as it should be."""
    with Scripted("answers/retransmits-200", tmp_path, sees_copies=True) as peer:
        call = endpoint.make_call(peer.uri)
        wait_for(call, 3, sent=True, method="ACK")
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert_exchange(call, "-> INVITE", *("<- 200 INVITE", "-> ACK") * 3, "-> BYE", "<- 200 BYE", copies=True)
    assert [seen.state for seen in call.facts.states].count(CallState.CONFIRMED) == 1


def test_copies_of_the_180_change_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.2.1: it rings, and goes on ringing, as it should be; each copy is told as EARLY again."""
    with Scripted("answers/retransmits-180", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    states = [seen.state for seen in call.facts.states]
    early, rest = [CallState.EARLY] * 3, [CallState.CONNECTING, CallState.CONFIRMED, CallState.DISCONNECTED]
    assert states == [CallState.CALLING, *early, *rest]


def test_copies_of_an_invite_make_one_call(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 17.2.1, RFC 6026 7.1: each gets the last response again.

    So it is while it rings; the copy after the 200, for which RFC 6026 asks no answer, gets it too.
    """
    with Scripted("calls/retransmits-invite", tmp_path, uri=endpoint.uri, sees_copies=True):
        call = arrived(endpoint).ring()
        wait_for(call, 2, sent=True, status=180)
        assert endpoint.calls == [call]
        call.answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    ringing = "<- INVITE", "-> 180 INVITE"
    accepted = "-> 200 INVITE", "<- INVITE", "-> 200 INVITE", "<- ACK"
    assert_exchange(
        call, "<- INVITE", "-> 100 INVITE", "-> 180 INVITE", *ringing, *accepted, *ENDED_BY_PEER, copies=True
    )


def test_the_200_is_sent_again_until_its_ack(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.3.1.4: after T1, twice T1 ... as it should be.

    What follows 64 * T1 without an ACK is not waited for: that takes 32 s, and T1 cannot be set here.
    """
    with Scripted("calls/ack-never-comes", tmp_path, uri=endpoint.uri, sees_copies=True):
        call = arrived(endpoint).answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert_exchange(call, *ANSWERED, *["-> 200 INVITE"] * 2, *ENDED_BY_PEER, copies=True)
    first, second, third = (traced.at for traced in call.facts.messages if line(traced) == "-> 200 INVITE")
    assert second - first == pytest.approx(T1_S, abs=0.2)
    assert third - second == pytest.approx(2 * T1_S, abs=0.2)
    assert call.facts.reached(CallState.CONFIRMED) is None


# ---- out of turn


def test_our_reinvite_gets_491(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 14.1: the call goes on; whoever called ``reinvite`` is told, and may try again later."""
    with Scripted("answers/reinvite-gets-491", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        assert call.reinvite().wait(timeout=5, code=491) == 491
        assert call.state is CallState.CONFIRMED
        expect(call).to_have_active_media()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")


@pytest.mark.parametrize(("scenario", "method"), [("reinvite-glare", "INVITE"), ("update-glare", "UPDATE")])
def test_the_peers_offer_crosses_our_reinvite(
    scenario: str, method: str, endpoint: Endpoint, tmp_path: Path
) -> None:
    """RFC 3261 14.2, RFC 3311 5.2: the peer's gets 491 while ours has no answer, as it should be."""
    with Scripted(f"calls/{scenario}", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
        assert call.reinvite().wait(timeout=5) == 200
    expect(call).to_be_disconnected(code=200, by="remote")
    glare = "-> INVITE", f"<- {method}", f"-> 491 {method}", *(["<- ACK"] if method == "INVITE" else [])
    assert_exchange(call, *ANSWERED, "<- ACK", *glare, "<- 200 INVITE", "-> ACK", *ENDED_BY_PEER)


def test_a_reinvite_comes_before_the_ack(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 14.2 has no reason to refuse it once the INVITE is answered; the library does, with 491."""
    with Scripted("calls/reinvite-before-ack", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    early = "<- INVITE", "-> 491 INVITE", "<- ACK"
    assert_exchange(call, *ANSWERED, *early, "<- ACK", *ENDED_BY_PEER)
    assert call.facts.reached(CallState.CONFIRMED) is not None


def test_a_cseq_that_is_too_low(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 12.2.2: 500, even for a BYE, and the call goes on, as it should be."""
    with Scripted("calls/cseq-out-of-order", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert_exchange(call, *ANSWERED, "<- ACK", "<- BYE", "-> 500 BYE", *ENDED_BY_PEER)


def test_a_bye_comes_before_the_ack(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 15, RFC 5407 3.1.6: the call ends, as it should be, and was never confirmed."""
    with Scripted("calls/bye-before-ack", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert_exchange(call, *ANSWERED, *ENDED_BY_PEER)
    assert call.facts.reached(CallState.CONFIRMED) is None


def test_a_second_bye(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 15.1.2 wants 481 for it; the library, which still knows the dialog, says 200."""
    with Scripted("calls/bye-twice", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert_exchange(call, *ANSWERED, "<- ACK", *ENDED_BY_PEER, *ENDED_BY_PEER)
    assert [seen.state for seen in call.facts.states].count(CallState.DISCONNECTED) == 1
