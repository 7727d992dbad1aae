"""The gate before the library: refused messages are answered and reported, on all transports."""

from __future__ import annotations

import select
import socket

import pytest

from bot import Endpoint
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc import DtmfReceived, MessageRefused, SipReceived
from tests.fuzz import seeds
from tests.support.sip_peer import Dialog, SipPeer, pcma, sdp
from tests.support.starting import LOOPBACK, NewEndpoint

ANSWER_S = 5.0
OPTIONS = ("OPTIONS", "", "", "")


def filled(form: tuple[str, str, str, str], me: int, port: int, transport: str, call_id: str) -> bytes:
    facts = {"me": me, "port": port, "branch": call_id, "call_id": call_id, "tag": "1", "to": "", "cseq": 1}
    return seeds.request(form, transport=transport.upper(), **facts)


def refusals(endpoint: Endpoint) -> list[MessageRefused]:
    return [one.event for one in endpoint.journal.recent() if isinstance(one.event, MessageRefused)]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_malformed_request_is_answered_and_the_next_one_too(
    transport: str, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(transports=[transport])
    assert callee.ready is not None
    port = callee.ready.listeners[0].port
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as peer:
        peer.bind((LOOPBACK, 0))
        peer.settimeout(ANSWER_S)
        peer.connect((LOOPBACK, port))
        me = peer.getsockname()[1]
        bad = filled(OPTIONS, me, port, transport, "bad").replace(b"Max-Forwards: 70", b"Max-Forwards: x")
        good = filled(OPTIONS, me, port, transport, "good")
        answers = b""
        for data in (bad + good,) if transport == "tcp" else (bad, good):
            peer.sendall(data)
        while b"Call-ID: good" not in answers:
            answers += peer.recv(65536)
    assert answers.startswith(b"SIP/2.0 400 ")
    assert b'\r\nWarning: 399 srtpbot "Max-Forwards is malformed"\r\n' in answers
    assert b"SIP/2.0 200 OK" in answers
    assert callee.wait_until(lambda: bool(refusals(callee)), Deadline(ANSWER_S))
    (refused,) = refusals(callee)
    assert (refused.transport, refused.peer) == (transport, f"{LOOPBACK}:{me}")
    assert (refused.rule, refused.code) == ("malformed-field", 400)
    assert refused.summary.startswith("OPTIONS sip:a@")
    received = [one.event.text for one in callee.journal.recent() if isinstance(one.event, SipReceived)]
    assert any("Max-Forwards: x" in text for text in received)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"CSeq: 1 ", b"CSeq: 2147483648 "),
        (b"CSeq: 1 ", b"CSeq: 99999999999999999999 "),
        (b"SIP/2.0/UDP 127.0.0.1:", b"SIP/2.0/UDP 127.0.0.1:99"),
        (b";rport", b";rport=99999999999"),
        (b";rport", b";ttl=99999;rport"),
        (b"SIP/2.0/UDP", b"SIP/2.0/XYZ"),
    ],
)
def test_a_refusal_concerns_no_other_message(before: bytes, after: bytes, new_endpoint: NewEndpoint) -> None:
    """The library cannot parse the fields of its response either, and receives the next one in its place."""
    callee = new_endpoint()
    assert callee.ready is not None
    port = callee.ready.listeners[0].port
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        for one in (stranger, peer):
            one.bind((LOOPBACK, 0))
            one.settimeout(ANSWER_S)
            one.connect((LOOPBACK, port))
        bad = filled(OPTIONS, stranger.getsockname()[1], port, "udp", "bad")
        assert before in bad
        bad = bad.replace(before, after, 1).replace(b"Max-Forwards: 70", b"Max-Forwards: x")
        stranger.sendall(bad)
        peer.sendall(filled(OPTIONS, peer.getsockname()[1], port, "udp", "good"))
        assert peer.recv(65536).startswith(b"SIP/2.0 200 ")
        assert callee.wait_until(lambda: bool(refusals(callee)), Deadline(ANSWER_S))
        [refused] = refusals(callee)
        answered = bool(select.select([stranger], [], [], 0)[0])
        assert refused.code == (400 if answered else 0)  # what got no response was dropped


def test_what_gets_no_answer_is_told_too(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    assert callee.ready is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(
            b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n", (LOOPBACK, callee.ready.listeners[0].port)
        )
        assert callee.wait_until(lambda: bool(refusals(callee)), Deadline(ANSWER_S))
    (refused,) = refusals(callee)
    assert (refused.rule, refused.code) == ("start-line", 0)


def test_an_offer_of_a_name_is_refused_with_a_warning(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"))
    assert callee.ready is not None
    port = callee.ready.listeners[0].port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((LOOPBACK, 0))
        peer.settimeout(ANSWER_S)
        body = seeds.DESCRIPTIONS[0].replace("c=IN IP4 %(host)s", "c=IN IP4 media.example.org")
        form = ("INVITE", "", seeds.SDP, body)
        peer.sendto(filled(form, peer.getsockname()[1], port, "udp", "name"), (LOOPBACK, port))
        answer = peer.recv(65536)
    assert answer.startswith(b"SIP/2.0 488 ")
    assert b"\r\nWarning: 301 srtpbot " in answer
    assert callee.wait_until(lambda: bool(callee.refused), Deadline(ANSWER_S))
    assert callee.refused[0].code == 488


@pytest.mark.parametrize("field", ["Contact", "Record-Route"])
def test_an_invite_from_behind_ipv6_is_refused_with_the_reason(field: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("parrot"))
    with SipPeer(callee.uri) as peer:
        invite = peer.request("INVITE", headers=f"{field}: <sip:[2001:db8::1];lr>\r\n", body=peer.sdp)
        if field == "Contact":
            invite = invite.replace(f"Contact: <{peer.uri}>\r\n", "")
        response = peer.ask(invite)
        assert response.status == 400
        why = f"its {field} is an IPv6 address, and this endpoint has IPv4 only"
        assert why in (response.header("Warning") or "")
    assert callee.wait_until(lambda: bool(callee.refused), Deadline(ANSWER_S))
    assert callee.refused[0].why == why


@pytest.mark.parametrize(
    ("start", "code"), [(b"SUBSCRIBE", b"489"), (b"\r\n\r\nSUBSCRIBE", b"489"), (b"subscribe", b"501")]
)
def test_a_subscription_is_refused_however_it_begins(
    start: bytes, code: bytes, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(controller=bot("parrot"))
    assert callee.ready is not None
    port = callee.ready.listeners[0].port
    method = start.strip().decode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((LOOPBACK, 0))
        peer.settimeout(ANSWER_S)
        form = (method, "Event: presence\r\nExpires: 60\r\n", "", "")
        data = filled(form, peer.getsockname()[1], port, "udp", "presence")
        peer.sendto(start + data.removeprefix(method.encode()), (LOOPBACK, port))
        assert peer.recv(65536).startswith(b"SIP/2.0 " + code + b" ")


def answered(raw: SipPeer) -> Dialog:
    """A call to the endpoint that is confirmed."""
    response = raw.ask(raw.request("INVITE", body=sdp(pcma(40000))))
    raw.ack(response)
    assert response.status == 200, response
    return Dialog.of(response)


@pytest.mark.parametrize("call_id", ["of the live call", "in another case", "of no call"])
def test_the_tags_of_a_call_that_has_ended_are_those_of_no_other(
    call_id: str, new_endpoint: NewEndpoint
) -> None:
    """The library finds a dialog by its tags alone, and the call by a place that another one has now."""
    callee = new_endpoint(controller=bot("parrot"))
    with SipPeer(callee.uri) as former, SipPeer(callee.uri) as other:
        ended = answered(former)
        assert former.ask(former.request("BYE", dialog=ended)).status == 200
        for _ in range(3):
            assert other.ask(other.request("BYE", dialog=answered(other))).status == 200
        live = answered(other)
        ended.call_id = {"of the live call": live.call_id, "of no call": "none"}.get(
            call_id, ended.call_id.swapcase()
        )
        info = former.request(
            "INFO", dialog=ended, body="Signal=7\r\n", headers="Content-Type: application/dtmf-relay\r\n"
        )
        assert former.ask(info).status == 481
        assert other.ask(other.request("BYE", dialog=live)).status == 200
    assert not [one for one in callee.journal.recent() if isinstance(one.event, DtmfReceived)]
