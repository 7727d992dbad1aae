"""Session descriptions in multipart bodies (RFC 2046 5.1, RFC 5621): each is read, and mended in place."""

from __future__ import annotations

import pytest

from bot.sip import Message
from bot.sip.intake import Mended, judge
from tests.fuzz import seeds
from tests.support.intake import description, message, refusal

ADDRESS = "c=IN IP4 192.0.2.1"
PLAIN = description("m=audio 4000 RTP/AVP 8", ADDRESS, address="")
BROKEN = description(
    "m=audio 4000 RTP/AVP 97", ADDRESS, "a=rtpmap:97 iLBC/8000", "a=fmtp:97 mode=99", address=""
)
NEEDS_ADDRESS = description("m=audio 4000 RTP/AVP 8", ADDRESS, "m=video 0 RTP/AVP 31", address="")


def multipart(*parts: str, boundary: str = "b", kind: str = "multipart/mixed;boundary=b") -> bytes:
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return message(body.replace("%", "%%"), kind=kind)


def part(body: str, kind: str = "application/sdp", *fields: str) -> str:
    return "\r\n".join([f"Content-Type: {kind}", *fields, "", body.removesuffix("\r\n")])


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/mixed;boundary=b",
        'Multipart/Mixed ; Boundary="b"',
        'multipart / alternative; x="\\";boundary=c"; boundary=b',
        'multipart/related;boundary=b;type="application/sdp"',
    ],
)
@pytest.mark.parametrize("inner", ["application/sdp", "Application/SDP;charset=x", "application / sdp"])
def test_a_description_in_a_part(kind: str, inner: str) -> None:
    text = part("hello", "text/plain")
    assert refusal(multipart(text, part(BROKEN, inner), kind=kind)).rule == "ilbc-mode"
    verdict = judge(multipart(text, part(NEEDS_ADDRESS, inner), text, kind=kind))
    assert isinstance(verdict, Mended)
    assert b"m=video 0 RTP/AVP 31\r\nc=IN IP4 0.0.0.0\r\n\r\n--b\r\n" in verdict.data
    mended = Message.parse(verdict.data.decode())
    assert int(mended.header("Content-Length") or 0) == len(mended.body)
    assert judge(verdict.data) is None
    assert (
        judge(multipart(text, part(seeds.DESCRIPTIONS[0] % {"host": "192.0.2.1", "media": 9}, inner))) is None
    )


def test_descriptions_in_several_parts() -> None:
    assert refusal(multipart(part(NEEDS_ADDRESS), part(BROKEN))).rule == "ilbc-mode"
    verdict = judge(multipart(part(NEEDS_ADDRESS), part(NEEDS_ADDRESS)))
    assert isinstance(verdict, Mended)
    assert verdict.data.count(b"c=IN IP4 0.0.0.0") == 2


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/mixed", "--b\r\n\r\nx\r\n--b--\r\n"),
        ('multipart/mixed;boundary=""', "--\r\n\r\nx\r\n----\r\n"),
        ("multipart/mixed;boundary=b", "x"),
        ("multipart/mixed;boundary=b", "--b\r\n\r\nx\r\n"),
        ("multipart/mixed;boundary=b", "--b\r\n\r\nx--b--\r\n"),
        ("multipart/mixed;boundary=b", "--bc\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/mixed;boundary=b", "--b"),
        ("multipart/mixed;boundary=b", "--b\r\n" * 70 + "--b--"),
    ],
)
def test_malformed_delimiters(kind: str, body: str) -> None:
    verdict = refusal(message(body, kind=kind))
    assert (verdict.rule, verdict.code) == ("malformed-multipart", 400)


@pytest.mark.parametrize(
    ("fields", "rule", "code"),
    [
        (("Content-Type: application/sdp",), "repeated-field", 400),
        (("Contact: x",), "malformed-field", 400),
        (("x",), "header-line", 400),
        (("A: b\rC: d",), "line-end", 400),
        (("Content-Encoding: gzip",), "encoded-body", 415),
        (("Content-Transfer-Encoding: base64",), "encoded-body", 415),
    ],
)
def test_header_fields_of_a_part(fields: tuple[str, ...], rule: str, code: int) -> None:
    verdict = refusal(multipart(part(PLAIN, "application/sdp", *fields)))
    assert (verdict.rule, verdict.code) == (rule, code)


def test_a_binary_part_is_left_alone() -> None:
    isup = part("\x01\0\r\x80\n\n--a\r", "application/ISUP;version=itu-t92+", "Content-Disposition: signal")
    assert judge(multipart(part(PLAIN), isup)) is None
