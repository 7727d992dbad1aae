"""Offers and answers where they are not expected, or missing, played by SIPp (RFC 3261 13.2.1, RFC 3264).

What the RFCs say of each case and what the library does is a table in ``scenarios/README.md``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import CallState, Endpoint, expect
from tests.support.programs import LOOPBACK
from tests.support.sipp import ENDED_BY_PEER, ENDED_BY_US, Scripted, arrived, assert_exchange

pytestmark = pytest.mark.peer("sipp")


def test_a_200_without_sdp(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.1: no answer, no call: ACK and BYE, as it should be; never confirmed, but an error."""
    with Scripted("answers/200-without-sdp", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_disconnected(by="error")
    assert_exchange(call, "-> INVITE", "<- 200 INVITE", "-> ACK", *ENDED_BY_US)
    assert call.facts.reached(CallState.CONFIRMED) is None
    assert not call.facts.media_history


def test_a_200_that_refuses_the_only_stream(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3264 6, RFC 3261 13.2.2.4: a call without media may be ended, by ACK and then BYE.

    The library ends it, as an error (415), but sends the BYE before the ACK, and says CONFIRMED in between.
    """
    with Scripted("answers/200-with-port-0", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_disconnected(by="error")
    assert_exchange(call, "-> INVITE", "<- 200 INVITE", "-> BYE", "-> ACK", "<- 200 BYE")
    assert call.facts.reached(CallState.CONFIRMED) is not None
    assert not any(line.active for _, media in call.facts.media_history for line in media)


def test_a_200_whose_sdp_is_not_that_of_the_183(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.1 wants it ignored: the first answer counts; the library goes on with the second."""
    with Scripted("answers/200-unlike-183", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    used = [line.codec for _, media in call.facts.media_history for line in media if line.active]
    assert used == ["PCMU", "PCMA"]
    assert call.facts.last_active[0].remote == f"{LOOPBACK}:40008"


def test_a_183_that_asks_for_prack(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3262 4: it gets a PRACK with its RSeq and the CSeq of the INVITE, as it should be.

    The answer was in the 183, and the 200 without one confirms the call.
    """
    with Scripted("answers/183-reliable", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        expect(call).to_have_active_media()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    early = "<- 183 INVITE", "-> PRACK", "<- 200 PRACK"
    assert_exchange(call, "-> INVITE", *early, "<- 200 INVITE", "-> ACK", *ENDED_BY_US)


def test_the_offer_is_in_our_200(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.1: the answer in the ACK makes the media, as it should be."""
    with Scripted("calls/late-offer", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
        expect(call).to_be_confirmed()
    expect(call).to_be_disconnected(code=200, by="remote")
    [(_, [line])] = [(at, media) for at, media in call.facts.media_history if media[0].active]
    assert line.codec == "PCMU"


def test_our_offer_stays_without_an_answer(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 13.2.2.4: the ACK must have had it; the library takes the call as confirmed, without media.

    It waits for the peer to end it.
    """
    with Scripted("calls/late-offer-unanswered", tmp_path, uri=endpoint.uri):
        call = arrived(endpoint).answer()
        expect(call).to_be_confirmed()
    expect(call).to_be_disconnected(code=200, by="remote")
    assert_exchange(call, "<- INVITE", "-> 100 INVITE", "-> 200 INVITE", "<- ACK", *ENDED_BY_PEER)
    assert not any(line.active for _, media in call.facts.media_history for line in media)
