"""A NUL is a character like any in a quoted string and in a body (RFC 4475 3.1.1.2): no text ends there."""

from __future__ import annotations

import re

import pytest

from bot import Endpoint
from bot.ipc.events import SipReceived, SipSent
from bot.report.event_log import narrate
from tests.support.sip_peer import SipPeer, pcma, sdp
from tests.support.starting import NewEndpoint, until

NAME = '"a\x00b\\\x00c"'
OFFER = sdp(pcma(40000))


def request(peer: SipPeer, method: str, call_id: str, *, name: str = NAME, body: str = OFFER) -> str:
    """A request whose To has this display name."""
    kind = "application/sdp" if body.startswith("v=0") else "text/plain"
    headers = f"X-After: yes\r\nContent-Type: {kind}\r\n"
    return peer.request(method, call_id=call_id, to=f"{name} <{peer.target}>", headers=headers, body=body)


def traced(endpoint: Endpoint, kind: type[SipReceived | SipSent], call_id: str) -> list[str]:
    """The messages of a Call-ID in the journal."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return [one.text for one in events if isinstance(one, kind) and f"Call-ID: {call_id}\r\n" in one.text]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "UNHEARD"])
def test_the_journal_has_the_whole_request(transport: str, method: str, new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint(transports=[transport])
    with SipPeer(endpoint.uri) as peer:
        first, second = (request(peer, method, name, name=NAME) for name in ("one", "two"))
        for data in (first + second,) if transport == "tcp" else (first, second):
            peer.send(data)
        until(endpoint, lambda: all(traced(endpoint, SipSent, name) for name in ("one", "two")))
        for call_id, text in (("one", first), ("two", second)):
            assert traced(endpoint, SipReceived, call_id)[0] == text
            for answer in traced(endpoint, SipSent, call_id):
                assert NAME in answer
                assert answer.endswith("\r\n\r\n")


@pytest.mark.parametrize("size", [0, 2000])
def test_a_body_is_whole(size: int, new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint()
    with SipPeer(endpoint.uri) as peer:
        body = f"he\x00llo{'x' * size}\x00."
        peer.send(request(peer, "MESSAGE", "one", name="", body=body))
        until(endpoint, lambda: bool(endpoint.messages))
        assert endpoint.messages[0].body == body
        assert traced(endpoint, SipReceived, "one")[0].endswith(body)


def test_a_response_is_whole(new_endpoint: NewEndpoint) -> None:
    with SipPeer() as peer:
        caller = new_endpoint()
        call = caller.make_call(peer.uri)
        invite = peer.expect("INVITE")
        answer = (
            f"SIP/2.0 486 Busy Here\r\nVia: {invite.header('Via')}\r\nFrom: {invite.header('From')}\r\n"
            f"To: {NAME} <{peer.uri}>;tag=raw\r\n"
            f"Call-ID: {invite.call_id}\r\nCSeq: {invite.header('CSeq')}\r\n"
            "X-After: yes\r\nContent-Length: 0\r\n\r\n"
        )
        peer.send(answer)
        until(caller, lambda: call.facts.ended is not None)
        assert call.header("X-After") == "yes"


@pytest.mark.parametrize("where", ["name", "body"])
def test_the_gate_looks_behind_it(where: str, new_endpoint: NewEndpoint) -> None:
    """What an offer that would end the process has before it does not hide it."""
    webrtc = OFFER.replace("RTP/AVP", "UDP/TLS/RTP/SAVP")
    endpoint = new_endpoint(srtp="optional")
    with SipPeer(endpoint.uri) as peer:
        name, body = (NAME, webrtc) if where == "name" else ("", webrtc.replace("s=-", "s=a\x00b"))
        peer.send(request(peer, "INVITE", "one", name=name, body=body))
        until(endpoint, lambda: bool(traced(endpoint, SipSent, "one")))
        assert traced(endpoint, SipSent, "one")[0].startswith("SIP/2.0 488 ")
        assert not endpoint.calls


def test_a_terminal_gets_no_control_character(new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint()
    with SipPeer(endpoint.uri) as peer:
        peer.send(request(peer, "OPTIONS", "one", name='"\x00\x07\x1b[31m"'))
        until(endpoint, lambda: bool(traced(endpoint, SipSent, "one")))
        told = [narrate(entry, endpoint.journal, messages=True) or "" for entry in endpoint.journal.recent()]
        assert any(r"\x00\x07\x1b[31m" in one for one in told)
        assert not any(re.search(r"[\x00-\x08\x0b-\x1f]", one) for one in told)
