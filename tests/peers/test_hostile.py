"""Single messages that a user agent has to refuse, or to survive."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bot import expect
from bot.bots.parrot import Parrot
from bot.ipc.events import SipReceived
from tests.support.calls import assert_next_call_works
from tests.support.sip_peer import PLAIN_OFFER, WEBRTC_OFFER, Dialog, SipPeer, sdp
from tests.support.starting import NewEndpoint

Bad = Callable[[SipPeer], str | bytes]


@pytest.mark.parametrize(
    ("method", "to_tag", "status"),
    [
        ("OPTIONS", "", 200),
        ("REGISTER", "", 405),
        ("FOO", "", 405),
        ("BYE", "nobody", 481),
        ("INFO", "nobody", 481),
        ("UPDATE", "nobody", 481),
        ("CANCEL", "", 481),
    ],
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_request_outside_a_dialog_is_answered(
    transport: str, method: str, to_tag: str, status: int, new_endpoint: NewEndpoint
) -> None:
    endpoint = new_endpoint(controller=Parrot(), transports=[transport])
    with SipPeer(endpoint.uri) as raw:
        response = raw.ask(raw.request(method, to=f"<{raw.target}>;tag={to_tag}" if to_tag else ""))
        assert response.status == status
        assert response.to_tag == (to_tag or response.to_tag)
        assert response.to_tag
        if status == 405:
            assert "INVITE" in (response.header("Allow") or "")
    assert endpoint.failure is None


@pytest.mark.parametrize("srtp", ["off", "optional", "mandatory"])
def test_a_webrtc_offer_is_not_acceptable(srtp: str, new_endpoint: NewEndpoint) -> None:
    endpoint, caller = new_endpoint(controller=Parrot(), srtp=srtp), new_endpoint(srtp=srtp)
    with SipPeer(endpoint.uri) as raw:
        raw.send(raw.request("INVITE", body=sdp(WEBRTC_OFFER)))
        response = raw.final()
        raw.ack(response)
        assert response.status == 488
        assert raw.messages() == []
    assert not endpoint.calls
    assert_next_call_works(caller, endpoint.uri)


def test_a_refer_is_declined_and_places_no_call(new_endpoint: NewEndpoint) -> None:
    endpoint, target = new_endpoint(controller=Parrot()), new_endpoint(name="target")
    with SipPeer(endpoint.uri) as raw, endpoint.expect_call() as incoming:
        answer = raw.ask(raw.request("INVITE", body=sdp(PLAIN_OFFER)))
        assert answer.status == 200
        raw.ack(answer)
        dialog = Dialog.of(answer)
        expect(incoming.call or endpoint.calls[0]).to_be_confirmed()
        refer = raw.request("REFER", dialog=dialog, headers=f"Refer-To: <{target.uri}>\r\n")
        assert raw.ask(refer).status == 603
        assert len(endpoint.calls) == 1
        bye = raw.request("BYE", dialog=dialog)
        assert raw.ask(bye).status == 200
    expect(incoming.value).to_be_disconnected(code=200, by="remote")
    assert not [entry for entry in target.journal.recent() if isinstance(entry.event, SipReceived)]


def random_bytes(raw: SipPeer) -> bytes:
    return random.Random(raw.port).randbytes(700)


def truncated(raw: SipPeer) -> str:
    return raw.request("INVITE", body=sdp(PLAIN_OFFER))[:300]


def truncated_body(raw: SipPeer) -> str:
    return raw.request("INVITE", body=sdp(PLAIN_OFFER))[:-40]


def invalid_utf8(raw: SipPeer) -> bytes:
    invite = raw.request("INVITE", body=sdp(PLAIN_OFFER)).encode()
    return invite.replace(b"From: <", b'From: "\xff\xfe\xc3\x28 caf\xe9" <').replace(b"s=-", b"s=\xff\xfe")


def length_too_large(raw: SipPeer) -> str:
    return raw.request("INVITE", body=sdp(PLAIN_OFFER)).replace("Content-Length: ", "Content-Length: 9")


def length_too_small(raw: SipPeer) -> str:
    invite = raw.request("INVITE", body=sdp(PLAIN_OFFER))
    return invite.replace(f"Content-Length: {len(sdp(PLAIN_OFFER))}", "Content-Length: 7")


def length_negative(raw: SipPeer) -> str:
    return raw.request("INVITE", body=sdp(PLAIN_OFFER)).replace("Content-Length: ", "Content-Length: -")


def length_absurd(raw: SipPeer) -> str:
    lie = "Content-Length: 99999999999"
    return raw.request("INVITE", body=sdp(PLAIN_OFFER)).replace("Content-Length: ", lie)


def no_call_id(raw: SipPeer) -> str:
    return raw.request("INVITE", body=sdp(PLAIN_OFFER)).replace("Call-ID", "X-Call-ID")


def nul_bytes(raw: SipPeer) -> bytes:
    return raw.request("INVITE", headers="Subject: a\0b\r\n", body=sdp(PLAIN_OFFER)).encode()


def no_sdp_in_body(raw: SipPeer) -> str:
    return raw.request("INVITE", body="this is no SDP\r\n" * 3)


def many_media_lines(raw: SipPeer) -> str:
    return raw.request("INVITE", body=sdp(PLAIN_OFFER * 40))


def bad_crypto(raw: SipPeer) -> str:
    savp = PLAIN_OFFER.replace("RTP/AVP", "RTP/SAVP")
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:!!!!\r\na=crypto:x y\r\n"
    return raw.request("INVITE", body=sdp(savp + crypto))


def stray_response(raw: SipPeer) -> str:
    return raw.request("INVITE").replace(f"INVITE {raw.target} SIP/2.0", "SIP/2.0 200 OK")


GARBAGE: list[Bad] = [
    random_bytes,
    truncated,
    truncated_body,
    invalid_utf8,
    length_too_large,
    length_too_small,
    length_negative,
    length_absurd,
    no_call_id,
    nul_bytes,
    no_sdp_in_body,
    many_media_lines,
    bad_crypto,
    stray_response,
]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("bad", GARBAGE, ids=lambda bad: bad.__name__)
def test_garbage_is_survived(bad: Bad, transport: str, new_endpoint: NewEndpoint) -> None:
    settings = {"transports": [transport]}
    endpoint, caller = new_endpoint(controller=Parrot(), **settings), new_endpoint(**settings)
    with SipPeer(endpoint.uri) as raw:
        raw.send(bad(raw))
        for answer in raw.messages(quiet_s=0.2, limit_s=1):
            if answer.status >= 200 and answer.cseq_method == "INVITE":
                raw.ack(answer)
    assert_next_call_works(caller, endpoint.uri)
    assert endpoint.failure is None


LONGEST = 4000
"""The library's PJSIP_MAX_PKT_LEN; what is longer it drops without an answer."""


def padded(raw: SipPeer, size: int, *, in_headers: bool) -> str:
    """A WebRTC offer of that size, with the padding before the m= line or before the body."""

    def invite(padding: str) -> str:
        headers, filler = (f"X-Padding: {padding}\r\n", "") if in_headers else ("", f"a=x:{padding}\r\n")
        return raw.request("INVITE", headers=headers, body=sdp(WEBRTC_OFFER, filler))

    return invite("x" * (size - len(invite("x" * 1000)) + 1000))


@pytest.mark.parametrize("in_headers", [True, False], ids=["headers", "body"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("srtp", ["optional", "mandatory"])
def test_a_long_webrtc_offer_is_not_acceptable(
    srtp: str, transport: str, in_headers: bool, new_endpoint: NewEndpoint
) -> None:
    """Its m= line may lie beyond what the library's log shows of a message."""
    settings = {"transports": [transport], "srtp": srtp}
    endpoint, caller = new_endpoint(controller=Parrot(), **settings), new_endpoint(**settings)
    with SipPeer(endpoint.uri) as raw:
        for size in (3000, 3700, 3900, LONGEST - 50, LONGEST - 5):
            response = raw.ask(padded(raw, size, in_headers=in_headers))
            assert response.status == 488, size
            raw.ack(response)
    assert_next_call_works(caller, endpoint.uri)
    assert endpoint.failure is None


def huge_header(raw: SipPeer) -> str:
    return raw.request("INVITE", headers=f"X-Huge: {'x' * 60_000}\r\n", body=sdp(PLAIN_OFFER))


def long_webrtc_offer(raw: SipPeer) -> str:
    return padded(raw, 6000, in_headers=False)


def long_webrtc_offer_behind_headers(raw: SipPeer) -> str:
    return padded(raw, 6000, in_headers=True)


@pytest.mark.parametrize(
    "bad", [huge_header, long_webrtc_offer, long_webrtc_offer_behind_headers], ids=lambda bad: bad.__name__
)
@pytest.mark.parametrize("srtp", ["off", "optional", "mandatory"])
def test_a_too_long_message_over_tcp_is_survived(bad: Bad, srtp: str, new_endpoint: NewEndpoint) -> None:
    """The library drops it without an answer."""
    settings = {"transports": ["tcp"], "srtp": srtp}
    endpoint, caller = new_endpoint(controller=Parrot(), **settings), new_endpoint(**settings)
    with SipPeer(endpoint.uri) as raw:
        raw.send(bad(raw))
        assert [message for message in raw.messages(limit_s=1) if 200 <= message.status < 300] == []
    assert_next_call_works(caller, endpoint.uri)
    assert endpoint.failure is None
