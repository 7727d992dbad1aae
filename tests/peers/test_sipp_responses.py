"""Responses to our INVITE that refuse, redirect, challenge or look odd, played by SIPp (RFC 3261 8.1.3, 22).

What the RFCs say of each case and what the library does is a table in ``scenarios/README.md``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import CallState, Endpoint, expect
from tests.support.sipp import Scripted, assert_exchange
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("sipp")

REALM = "here"
CREDENTIALS = {"user": "alice", "password": "secret"}


@pytest.mark.parametrize(
    ("code", "retry_after"), [(484, "18000;duration=3600"), (503, "120 (I'm in a meeting)")]
)
def test_a_refusal_with_retry_after(code: int, retry_after: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 8.1.3.5, 20.33: it is told with its Retry-After and not tried again, as it should be."""
    with Scripted(f"answers/refuses-{code}", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_disconnected(code=code, by="remote")
    assert call.header("Retry-After") == retry_after
    assert_exchange(call, "-> INVITE", f"<- {code} INVITE", "-> ACK")


def test_a_redirection_with_several_contacts(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 8.1.3.4: it may be followed or told; it is told, with all of its Contacts."""
    with Scripted("answers/redirects", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_disconnected(code=302, by="remote")
    assert_exchange(call, "-> INVITE", "<- 302 INVITE", "-> ACK")
    contacts = ",".join(call.facts.messages[1].message.headers("Contact"))
    assert [who in contacts for who in ("sip:first@", "sip:second@", "sip:third@")] == [True] * 3


@pytest.mark.parametrize("code", [401, 407])
def test_a_stale_nonce(code: int, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    """RFC 3261 22, RFC 7616 3.3: the new nonce is taken with the same password, as it should be.

    CSeq rises by one with each try, and nc begins anew with the new nonce.
    """
    endpoint = new_endpoint(**CREDENTIALS, srtp="off")
    with Scripted(f"answers/challenges-{code}-stale", tmp_path, realm=REALM) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    sent = [one.message for one in call.facts.messages if one.sent and one.message.method == "INVITE"]
    numbers = [message.cseq[0] for message in sent if message.cseq]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


@pytest.mark.parametrize("settings", [{}, {**CREDENTIALS, "realm": "elsewhere"}], ids=["none", "elsewhere"])
def test_a_challenge_for_another_realm(
    settings: dict[str, str], new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    """RFC 3261 22.1: without credentials for the realm the 401 is the end, as it should be."""
    endpoint = new_endpoint(**settings, srtp="off")
    with Scripted("answers/challenges", tmp_path, realm=REALM) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_disconnected(code=401, by="remote")
    assert_exchange(call, "-> INVITE", "<- 401 INVITE", "-> ACK")


@pytest.mark.parametrize("missing", ["contact", "to-tag"])
def test_a_200_that_lacks_a_header(missing: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 12.1.1, 12.1.2: the peer is wrong; the call works all the same, where the INVITE went."""
    with Scripted(f"answers/200-without-{missing}", tmp_path) as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_have_active_media()
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert_exchange(call, "-> INVITE", "<- 200 INVITE", "-> ACK", "-> BYE", "<- 200 BYE")
    assert {traced.message.uri for traced in call.facts.messages if traced.sent} == {peer.uri}


def test_responses_of_an_odd_form(endpoint: Endpoint, tmp_path: Path) -> None:
    """RFC 3261 7.3: compact names, any case, folded lines, an empty field are read, as they should be."""
    with Scripted("answers/odd-responses", tmp_path, fold=" ") as peer:
        call = endpoint.make_call(peer.uri)
        expect(call).to_be_confirmed()
        expect(call).to_use_codec("PCMU")
        call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert call.header("Subject") == "café ☎"
    assert call.header("X-Unknown") == ""
    assert call.header("Server") == "SIPp"
    assert [seen.reason for seen in call.facts.states if seen.state is CallState.CONFIRMED] == ["d'accord"]
