"""Single messages that a user agent has to refuse, or to survive."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bot import expect
from bot.bots.parrot import Parrot
from bot.events import SipReceived
from tests.interop.conftest import NewEndpoint
from tests.interop.raw import PLAIN_OFFER, WEBRTC_OFFER, RawUser, body_of
from tests.interop.test_flood import assert_next_call_works

Bad = Callable[[RawUser], str | bytes]


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
    with RawUser(endpoint.uri) as raw:
        response = raw.ask(raw.request(method, to_tag=to_tag))
        assert response.status == status
        assert response.to_tag == (to_tag or response.to_tag)
        assert response.to_tag
        if status == 405:
            assert "INVITE" in (response.header("Allow") or "")
    assert endpoint.failure is None


@pytest.mark.parametrize("srtp", ["off", "optional", "mandatory"])
def test_a_webrtc_offer_is_not_acceptable(srtp: str, new_endpoint: NewEndpoint) -> None:
    endpoint, caller = new_endpoint(controller=Parrot(), srtp=srtp), new_endpoint(srtp=srtp)
    with RawUser(endpoint.uri) as raw:
        raw.send(raw.request("INVITE", body=body_of(WEBRTC_OFFER)))
        response = raw.final()
        raw.ack(response)
        assert response.status == 488
        assert raw.messages() == []
    assert not endpoint.calls
    assert_next_call_works(caller, endpoint.uri)


def test_a_refer_is_declined_and_places_no_call(new_endpoint: NewEndpoint) -> None:
    endpoint, target = new_endpoint(controller=Parrot()), new_endpoint(name="target")
    with RawUser(endpoint.uri) as raw, endpoint.expect_call() as incoming:
        answer = raw.ask(raw.request("INVITE", body=body_of(PLAIN_OFFER)))
        assert answer.status == 200
        raw.ack(answer)
        dialog = {"call_id": answer.call_id, "to_tag": answer.to_tag or ""}
        expect(incoming.call or endpoint.calls[0]).to_be_confirmed()
        refer = raw.request("REFER", cseq=2, headers=f"Refer-To: <{target.uri}>\r\n", **dialog)
        assert raw.ask(refer).status == 603
        assert len(endpoint.calls) == 1
        bye = raw.request("BYE", cseq=3, **dialog)
        assert raw.ask(bye).status == 200
    expect(incoming.value).to_be_disconnected(code=200, by="remote")
    assert not [entry for entry in target.journal.recent() if isinstance(entry.event, SipReceived)]


def random_bytes(raw: RawUser) -> bytes:
    return random.Random(raw.port).randbytes(700)


def truncated(raw: RawUser) -> str:
    return raw.request("INVITE", body=body_of(PLAIN_OFFER))[:300]


def truncated_body(raw: RawUser) -> str:
    return raw.request("INVITE", body=body_of(PLAIN_OFFER))[:-40]


def invalid_utf8(raw: RawUser) -> bytes:
    invite = raw.request("INVITE", body=body_of(PLAIN_OFFER)).encode()
    return invite.replace(b"From: <", b'From: "\xff\xfe\xc3\x28 caf\xe9" <').replace(b"s=-", b"s=\xff\xfe")


def length_too_large(raw: RawUser) -> str:
    return raw.request("INVITE", body=body_of(PLAIN_OFFER)).replace("Content-Length: ", "Content-Length: 9")


def length_too_small(raw: RawUser) -> str:
    invite = raw.request("INVITE", body=body_of(PLAIN_OFFER))
    return invite.replace(f"Content-Length: {len(body_of(PLAIN_OFFER))}", "Content-Length: 7")


def length_negative(raw: RawUser) -> str:
    return raw.request("INVITE", body=body_of(PLAIN_OFFER)).replace("Content-Length: ", "Content-Length: -")


def length_absurd(raw: RawUser) -> str:
    lie = "Content-Length: 99999999999"
    return raw.request("INVITE", body=body_of(PLAIN_OFFER)).replace("Content-Length: ", lie)


def no_call_id(raw: RawUser) -> str:
    return raw.request("INVITE", body=body_of(PLAIN_OFFER)).replace("Call-ID", "X-Call-ID")


def nul_bytes(raw: RawUser) -> bytes:
    return raw.request("INVITE", headers="Subject: a\0b\r\n", body=body_of(PLAIN_OFFER)).encode()


def no_sdp_in_body(raw: RawUser) -> str:
    return raw.request("INVITE", body="this is no SDP\r\n" * 3)


def many_media_lines(raw: RawUser) -> str:
    return raw.request("INVITE", body=body_of(PLAIN_OFFER * 40))


def bad_crypto(raw: RawUser) -> str:
    savp = PLAIN_OFFER.replace("RTP/AVP", "RTP/SAVP")
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:!!!!\r\na=crypto:x y\r\n"
    return raw.request("INVITE", body=body_of(savp + crypto))


def stray_response(raw: RawUser) -> str:
    return raw.request("INVITE").replace(f"INVITE {raw.uri} SIP/2.0", "SIP/2.0 200 OK")


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
    with RawUser(endpoint.uri) as raw:
        raw.send(bad(raw))
        for answer in raw.messages(quiet_s=0.2, limit_s=1):
            if answer.status >= 200 and answer.cseq_method == "INVITE":
                raw.ack(answer)
    assert_next_call_works(caller, endpoint.uri)
    assert endpoint.failure is None


def huge_header(raw: RawUser) -> str:
    return raw.request("INVITE", headers=f"X-Huge: {'x' * 60_000}\r\n", body=body_of(PLAIN_OFFER))


def long_webrtc_offer(raw: RawUser) -> str:
    """The m-line that matters comes after more than the library's log shows of a message."""
    filler = "".join(f"a=filler{number}:{'x' * 80}\r\n" for number in range(60))
    return raw.request("INVITE", body=body_of(WEBRTC_OFFER, filler))


def long_webrtc_offer_behind_headers(raw: RawUser) -> str:
    headers = "".join(f"X-Filler-{number}: {'x' * 80}\r\n" for number in range(60))
    return raw.request("INVITE", headers=headers, body=body_of(WEBRTC_OFFER))


@pytest.mark.parametrize(
    "bad", [huge_header, long_webrtc_offer, long_webrtc_offer_behind_headers], ids=lambda bad: bad.__name__
)
@pytest.mark.parametrize("srtp", ["off", "optional", "mandatory"])
def test_a_long_message_over_tcp_is_survived(bad: Bad, srtp: str, new_endpoint: NewEndpoint) -> None:
    settings = {"transports": ["tcp"], "srtp": srtp}
    endpoint, caller = new_endpoint(controller=Parrot(), **settings), new_endpoint(**settings)
    with RawUser(endpoint.uri) as raw:
        raw.send(bad(raw))
        answers = [message.status for message in raw.messages(quiet_s=0.3, limit_s=2)]
        if bad is not huge_header:
            assert [status for status in answers if status >= 200][:1] == [488]
    assert_next_call_works(caller, endpoint.uri)
    assert endpoint.failure is None
