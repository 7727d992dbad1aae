"""INVITEs refused before a call existed, and calls that cannot be answered: the caller and the reason."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bot import CallEnded, NativeError, WaitTimeout, expect
from bot.bots import bot
from bot.ipc.events import CallbackFailed, CallRefused
from tests.support.sip_peer import PLAIN_OFFER, WEBRTC_OFFER, SipPeer, sdp
from tests.support.starting import LOOPBACK, NewEndpoint, until

OTHER_SUITE = "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:" + "A" * 62 + "==\r\n"
TELEPHONE_EVENT = "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"


@pytest.mark.parametrize(
    ("media", "settings", "code", "why"),
    [
        (PLAIN_OFFER, {"srtp": "mandatory"}, 488, "it offers RTP/AVP, and srtp is mandatory"),
        (WEBRTC_OFFER, {}, 488, "it offers UDP/TLS/RTP/SAVP"),
        (
            "m=audio 4000 RTP/SAVP 8\r\n" + OTHER_SUITE,
            {"srtp": "off"},
            488,
            "it offers RTP/SAVP, and srtp is off",
        ),
        ("m=audio 4000 RTP/AVP 18\r\n", {}, 488, "no codec in common: it offers G729"),
        ("m=video 4000 RTP/AVP 31\r\n", {}, 488, "it offers no audio, only video on port 4000"),
        ("m=audio 0 RTP/AVP 8\r\n", {}, 488, "it offers no audio, only audio on port 0"),
        ("garbage\r\n", {}, 400, "its SDP is malformed: line 6 is not of the form x=value"),
    ],
)
def test_who_called_and_why_it_was_refused(
    media: str, settings: dict[str, Any], code: int, why: str, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(**settings)
    with SipPeer(callee.uri) as caller, pytest.raises(WaitTimeout) as caught, callee.expect_call(timeout=0.5):
        response = caller.ask(caller.request("INVITE", body=sdp(media)))
        assert response.status == code
        caller.ack(response)
    [refused] = callee.refused
    assert (refused.code, refused.peer) == (code, f"{LOOPBACK}:{caller.port}")
    assert why in refused.why
    text = f"no call arrived within 0.5 s; an INVITE from <{caller.uri}>"
    assert text in str(caught.value)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        ("IPv6", "the address of its c= is IPv6"),
        ("a name", "the name nobody.invalid in its SDP has no address"),
    ],
)
def test_addresses_that_the_endpoint_does_not_use(offer: str, why: str, new_endpoint: NewEndpoint) -> None:
    body, settings = UNANSWERABLE[offer]
    callee = new_endpoint(codecs=["PCMU"], **settings)
    with SipPeer(callee.uri) as caller:
        caller.ack(caller.ask(caller.request("INVITE", body=body)))
    until(callee, lambda: bool(callee.refused))
    assert [one.why for one in callee.refused] == [why]


def test_refusals_of_before_are_not_told(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp="mandatory")
    with SipPeer(callee.uri) as caller:
        caller.ack(caller.ask(caller.request("INVITE", body=sdp(PLAIN_OFFER))))
    until(callee, lambda: bool(callee.refused))
    with pytest.raises(WaitTimeout, match=r"no call arrived within 0\.1 s$"), callee.expect_call(timeout=0.1):
        pass


UNANSWERABLE = {
    "IPv6": ("v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\n" + PLAIN_OFFER, {"srtp": "off"}),
    "a name": (
        sdp(PLAIN_OFFER).replace(f"c=IN IP4 {LOOPBACK}", "c=IN IP4 nobody.invalid"),
        {"srtp": "off"},
    ),
    "digits only": (sdp(TELEPHONE_EVENT), {"srtp": "off"}),
    "no key": (sdp("m=audio 4000 RTP/SAVP 8\r\n"), {"srtp": "mandatory"}),
}


@pytest.mark.parametrize("role", ["parrot", "player", "reject", "tone"])
@pytest.mark.parametrize("offer", UNANSWERABLE)
def test_bots_go_on_after_what_they_cannot_answer(offer: str, role: str, new_endpoint: NewEndpoint) -> None:
    body, settings = UNANSWERABLE[offer]
    options = {"play": "tone:440:1"} if role == "player" else {}
    callee = new_endpoint(controller=bot(role, **options), codecs=["PCMU"], **settings)
    failures = []

    def observe(entry: Any) -> None:
        if isinstance(entry.event, CallbackFailed):
            failures.append(entry.event)

    callee.journal.observe(observe)
    with SipPeer(callee.uri) as caller:
        refusal = caller.ask(caller.request("INVITE", body=body))
        assert refusal.status >= 400
        caller.ack(refusal)
        assert caller.ask(caller.request("OPTIONS")).status == 200
    until(callee, lambda: not callee.calls)
    assert not failures
    assert callee.failure is None


def test_answer_says_why_it_cannot(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp="off")
    body, _ = UNANSWERABLE["digits only"]
    with SipPeer(callee.uri) as caller, callee.expect_call() as incoming:
        caller.send(caller.request("INVITE", body=body))
    with pytest.raises(CallEnded, match="cannot answer call 1, which is over: "):
        incoming.value.answer()
    expect(incoming.value).to_be_disconnected(code=488, by="local")
    assert "this side ended the call: the SDP in INVITE is not acceptable" in incoming.value.facts.ended_text


def test_late_answer_that_cannot_be_given(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(srtp="off")
    body, _ = UNANSWERABLE["digits only"]
    with SipPeer(callee.uri) as caller, callee.expect_call() as incoming:
        caller.send(caller.request("INVITE", body=body))
    incoming_call = incoming.value.answer(after=0.1)
    expect(incoming_call).to_be_disconnected(code=488, by="local")
    assert callee.failure is None


def test_a_call_is_no_refusal(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("reject"))
    seen = []
    callee.journal.observe(lambda entry: seen.append(entry.event))
    with SipPeer(callee.uri) as caller:
        caller.ack(
            caller.ask(
                caller.request("INVITE", body=sdp(PLAIN_OFFER.replace("9 ", "4000 ").replace("0\r", "8\r")))
            )
        )
    assert not [one for one in seen if isinstance(one, CallRefused)]


def test_ports_for_media_that_are_taken(new_endpoint: NewEndpoint) -> None:
    """Neither side can have a call then: the callee says why it refused, the caller why it sent nothing."""
    with taken_ports() as low:
        endpoint = new_endpoint(controller=bot("parrot"), rtp_ports=f"{low}-{low + 1}")
        with SipPeer(endpoint.uri) as caller:
            refusal = caller.ask(caller.request("INVITE", body=caller.sdp))
            caller.ack(refusal)
            assert refusal.status == 500
        until(endpoint, lambda: bool(endpoint.refused))
        assert endpoint.refused[0].why == "no port for RTP is free (Address already in use)"
        with pytest.raises(NativeError, match="no port for RTP is free; set other rtp_ports"):
            endpoint.make_call(f"sip:nobody@{LOOPBACK}:9")


@contextmanager
def taken_ports() -> Iterator[int]:
    """Two ports that are in use, the first of them even."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp,
        ):
            rtp.bind((LOOPBACK, 0))
            low = rtp.getsockname()[1]
            if low % 2:
                continue
            try:
                rtcp.bind((LOOPBACK, low + 1))
            except OSError:
                continue
            yield low
            return
