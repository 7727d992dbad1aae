"""bot.sip.intake.description: session descriptions that pass, are mended or are refused (RFC 8866)."""

from __future__ import annotations

import pytest

from bot.sip import Message
from bot.sip.intake import Hosts, Mended, judge
from tests.support.intake import IN_DIALOG, description, message, refusal

AUDIO = "m=audio 4000 RTP/AVP 8"


@pytest.mark.parametrize(
    ("versions", "address", "attribute", "rule"),
    [
        ((6,), "IP6 2001:db8::1", "a=sendrecv", None),
        ((6,), "IP6 ::ffff:192.0.2.1", "a=rtcp:4001 IN IP6 ::1", None),
        ((4, 6), "IP4 192.0.2.1", "a=rtcp:4001 IN IP6 ::1", None),
        ((4, 6), "IP6 2001:DB8::1", "a=rtcp:4001 IN IP4 192.0.2.1", None),
        ((6,), "IP4 0.0.0.0", "a=inactive", None),
        ((6,), "IP4 192.0.2.1", "a=sendrecv", "ipv4-media"),
        ((6,), "IP6 ::1", "a=rtcp:4001 IN IP4 192.0.2.1", "ipv4-media"),
        ((4,), "IP6 ::1", "a=sendrecv", "ipv6-media"),
        ((6,), "IP6 fe80::1%eth0", "a=sendrecv", "name-in-sdp"),
        ((6,), "IP6 2001:db8::1::2", "a=sendrecv", "name-in-sdp"),
        ((6,), "IP6 192.0.2.1", "a=sendrecv", "name-in-sdp"),
        ((4, 6), "IP4 ::1", "a=sendrecv", "name-in-sdp"),
        ((4, 6), "IP6 media.example.org", "a=sendrecv", "name-in-sdp"),
    ],
)
def test_addresses_of_the_ip_versions(
    versions: tuple[int, ...], address: str, attribute: str, rule: str | None
) -> None:
    body = description(AUDIO, attribute, address=f"c=IN {address}".replace("%", "%%"))
    verdict = judge(message(body), hosts=Hosts(versions=versions))
    assert (verdict.rule if verdict is not None else None) == rule


@pytest.mark.parametrize(
    ("body", "rule", "code"),
    [
        (description(AUDIO, address="c=IN IP6 2001:db8::1"), "ipv6-media", 488),
        (description(AUDIO, address="c=IN IP4 media.example.org"), "name-in-sdp", 488),
        (description(AUDIO, address="c=IN IP4 999.0.2.1"), "name-in-sdp", 488),
        (description(AUDIO, "a=rtcp:4001 IN IP4 a.example"), "name-in-sdp", 488),
        (description(AUDIO, "a=rtcp:4001 IN IP6 ::1"), "ipv6-media", 488),
        (description(AUDIO, address=""), "malformed-sdp", 400),
        (description("m=audio 70000 RTP/AVP 8"), "malformed-sdp", 400),
        (description("m=audio x RTP/AVP 8"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP"), "malformed-sdp", 400),
        (description(AUDIO, "a=rtcp:x"), "malformed-sdp", 400),
        (description(AUDIO, "a=rtpmap:200 PCMA/8000"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 x/0"), "malformed-sdp", 400),
        (description(*[AUDIO] * 17), "many-media-lines", 488),
        (
            description("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 iLBC/8000", "a=fmtp:97 mode=99"),
            "ilbc-mode",
            488,
        ),
        (
            description("m=audio 4000 RTP/AVP 97", "a=fmtp:97 MODE = 3", "a=rtpmap:97 ILBC/8000"),
            "ilbc-mode",
            488,
        ),
        ("hello", "malformed-sdp", 400),
        (description("m=audio  4000 RTP/AVP 8"), "malformed-sdp", 400),
        (description(AUDIO, address="c=IN  IP4 192.0.2.1"), "malformed-sdp", 400),
        (description(AUDIO, "a=rtcp 4001 IN IP4 a.example"), "malformed-sdp", 400),
        (description(AUDIO).replace("t=0 0", "t=0"), "malformed-sdp", 400),
        (description("b=AS", AUDIO), "malformed-sdp", 400),
        (description(AUDIO).replace("o=- 1 1", "o=-"), "malformed-sdp", 400),
        (description("i=x\rm=video 0 RTP/AVP 31", AUDIO), "malformed-sdp", 400),
        (description("i=x\0y", AUDIO), "malformed-sdp", 400),
        (description("a=rtcp:9 IN IP6 ::1", AUDIO), "ipv6-media", 488),
        ("v=0\r\n\0\r\ns=-\r\n", "malformed-sdp", 400),
    ],
)
def test_a_description_is_refused(body: str, rule: str, code: int) -> None:
    verdict = refusal(message(body))
    assert (verdict.rule, verdict.code) == (rule, code)


@pytest.mark.parametrize(
    "address", ["c=IN IP6 2001:db8::1", "c=IN IP4 media.example.org", "a=rtcp:9 IN IP6 ::1"]
)
def test_a_line_that_nothing_can_be_sent_to_is_refused_alone(address: str) -> None:
    verdict = judge(message(description(AUDIO, "m=video 5000 RTP/AVP 31", address)))
    assert isinstance(verdict, Mended)
    assert b"m=audio 4000 RTP/AVP 8\r\n" in verdict.data
    assert b"m=video 0 RTP/AVP 31\r\n" in verdict.data
    assert b"IP6" not in verdict.data
    assert b"example.org" not in verdict.data
    assert judge(verdict.data) is None


def test_an_ipv6_address_that_no_line_uses() -> None:
    body = description(AUDIO, "c=IN IP4 192.0.2.1", address="c=IN IP6 ::1")
    verdict = judge(message(body))
    assert isinstance(verdict, Mended)
    assert b"m=audio 4000 RTP/AVP 8\r\nc=IN IP4 192.0.2.1\r\n" in verdict.data


def test_an_empty_session_name_gets_a_dash() -> None:
    verdict = judge(message(description(AUDIO).replace("s=-", "s=")))
    assert isinstance(verdict, Mended)
    assert b"\r\ns=-\r\n" in verdict.data


def test_a_fragment_has_neither_version_nor_addresses() -> None:
    def info(body: str) -> bytes:
        return message(body, method="INFO", kind="application/trickle-ice-sdpfrag", to=IN_DIALOG)

    assert judge(info("a=ice-ufrag:x\r\nm=audio 9 RTP/AVP 0\r\na=end-of-candidates\r\n")) is None
    assert refusal(info("a=ice-ufrag:x\r\nm=audio x\r\n")).rule == "malformed-sdp"


def test_a_name_passes_where_names_are_resolved() -> None:
    body = description(AUDIO, address="c=IN IP4 media.example.org")
    assert judge(message(body), hosts=Hosts(names=True)) is None


@pytest.mark.parametrize(
    "mapping",
    [
        "97\tiLBC/8000",
        "97 iLBC / 8000",
        "97 iLBC/8000 x",
        "97 iLBC/8000/1",
        "097 ilbc/8000",
        " 97  iLBC/8000",
    ],
)
def test_modes_of_ilbc_however_its_mapping_is_written(mapping: str) -> None:
    body = description("m=audio 4000 RTP/AVP 97", f"a=rtpmap:{mapping}", "a=fmtp:97 mode=99")
    assert refusal(message(body)).rule == "ilbc-mode"


@pytest.mark.parametrize("mode", ["20", "30"])
def test_modes_of_ilbc(mode: str) -> None:
    body = description("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 iLBC/8000", f"a=fmtp:97 mode={mode}")
    assert judge(message(body)) is None


def test_a_refused_line_without_address_gets_one() -> None:
    verdict = judge(message(description(AUDIO, "c=IN IP4 192.0.2.1", "m=video 0 RTP/AVP 31", address="")))
    assert isinstance(verdict, Mended)
    assert verdict.rule == "line-without-address"
    assert b"m=video 0 RTP/AVP 31\r\nc=IN IP4 0.0.0.0\r\n" in verdict.data
    mended = Message.parse(verdict.data.decode())
    assert int(mended.header("Content-Length") or 0) == len(mended.body)
    assert judge(verdict.data) is None


def test_surplus_lines_are_shown_as_refused() -> None:
    verdict = judge(message(description(*[AUDIO] * 16)))
    assert isinstance(verdict, Mended)
    assert verdict.data.count(b"m=audio 4000") == 4
    assert verdict.data.count(b"m=audio 0 ") == 12
