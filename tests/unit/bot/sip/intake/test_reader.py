"""Messages that the reader passes, mends or refuses, and the status codes (RFC 3261, 4475, 8866)."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from bot.sip import Message
from bot.sip.intake import RULES, SILENCE, Dialogs, Hosts, Mended, Refusal, bare_copy, judge
from tests.fuzz import seeds
from tests.support.hostile import FOLDER

DATA = Path(__file__).parents[4] / "data"
TORTURE = DATA / "rfc4475"
TORTURE_IPV6 = DATA / "rfc5118"
REFUSED = {
    "badaspec": 400,
    "baddn": 400,
    "badinv01": 400,
    "badvers": 505,
    "bigcode": SILENCE,
    "clerr": 400,
    "insuf": SILENCE,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "mcl01": 400,
    "mismatch01": 400,
    "mismatch02": 400,
    "multi01": 400,
    "ncl": 400,
    "quotbal": 400,
    "regbadct": 400,
    "scalar02": 400,
    "scalarlg": 400,
    "trws": 400,
}
"""The messages of RFC 4475 that are invalid (3.1.2, 3.3), as far as the reader looks; the others pass."""
REFUSED_IPV6 = {"ipv6-bad": 400, "ipv6-in-sdp": 488, "ipv4-mapped-ipv6": 488}
"""The message of RFC 5118 that is invalid, and the two whose only addresses for media are IPv6."""
FACTS: dict[str, object] = {
    "port": 5060,
    "me": 5062,
    "branch": "1",
    "call_id": "2",
    "tag": "3",
    "to": "",
    "cseq": 1,
}
LINEAR_S = 0.5
"""What reading 60,000 bytes may take on a busy machine; a reader that tries again takes minutes."""


def message(body: str = seeds.DESCRIPTIONS[0], *, fields: str = "", method: str = "INVITE") -> bytes:
    return seeds.request((method, fields, seeds.SDP, body), **FACTS)


def description(*lines: str, address: str = "c=IN IP4 192.0.2.1") -> str:
    return "\r\n".join(
        ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", *filter(None, [address]), "t=0 0", *lines, ""]
    )


def refusal(data: bytes) -> Refusal:
    verdict = judge(data)
    assert isinstance(verdict, Refusal), verdict
    return verdict


@pytest.mark.parametrize("name", sorted(path.stem for path in TORTURE.glob("*.sip")))
def test_the_torture_messages(name: str) -> None:
    verdict = judge((TORTURE / f"{name}.sip").read_bytes())
    code = verdict.code if isinstance(verdict, Refusal) else None
    assert code == REFUSED.get(name)


@pytest.mark.parametrize("name", sorted(path.stem for path in TORTURE_IPV6.glob("*.sip")))
def test_the_torture_messages_for_ipv6(name: str) -> None:
    verdict = judge((TORTURE_IPV6 / f"{name}.sip").read_bytes())
    code = verdict.code if isinstance(verdict, Refusal) else None
    assert code == REFUSED_IPV6.get(name)
    if name == "mult-ip-in-sdp":
        assert isinstance(verdict, Mended)
        assert b"m=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n" in verdict.data
        assert b"m=video 0 RTP/AVP 107\r\nc=IN IP4 0.0.0.0\r\n" in verdict.data


@pytest.mark.parametrize("form", [*seeds.OUTSIDE, *seeds.IN_DIALOG])
def test_what_the_fuzzer_begins_with_is_legal(form: tuple[str, str, str, str]) -> None:
    if form[0] == "INFO" and form[2] == "application/dtmf-relay":
        return
    verdict = judge(seeds.request(form, **(FACTS | {"to": ";tag=9"})))
    assert not isinstance(verdict, Refusal)


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
    "via",
    [
        "SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bKx;received=2001:db8::9;rport=5060",
        "SIP/2.0/UDP [2001:db8::9];received=::1;branch=z9hG4bKx",
        "SIP/2.0/TCP [2001:db8::9];received=[2001:db8::9];branch=z9hG4bKx",
        "SIP/2.0/UDP [::ffff:192.0.2.1];received=::ffff:192.0.2.1;branch=z9hG4bKx",
        "SIP/2.0/UDP h;received=fe80::1;branch=z9hG4bKx, SIP/2.0/UDP [::1]:5061;branch=z9hG4bKy",
    ],
)
def test_via_with_ipv6_addresses(via: str) -> None:
    """RFC 5118 4.5: received has an IPv6 address with or without brackets."""
    assert judge(message(fields=f"Via: {via}\r\n")) is None


@pytest.mark.parametrize(
    ("body", "rule", "code"),
    [
        (description("m=audio 4000 RTP/AVP 8", address="c=IN IP6 2001:db8::1"), "ipv6-media", 488),
        (description("m=audio 4000 RTP/AVP 8", address="c=IN IP4 media.example.org"), "name-in-sdp", 488),
        (description("m=audio 4000 RTP/AVP 8", address="c=IN IP4 999.0.2.1"), "name-in-sdp", 488),
        (description("m=audio 4000 RTP/AVP 8", "a=rtcp:4001 IN IP4 a.example"), "name-in-sdp", 488),
        (description("m=audio 4000 RTP/AVP 8", "a=rtcp:4001 IN IP6 ::1"), "ipv6-media", 488),
        (description("m=audio 4000 RTP/AVP 8", address=""), "malformed-sdp", 400),
        (description("m=audio 70000 RTP/AVP 8"), "malformed-sdp", 400),
        (description("m=audio x RTP/AVP 8"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP 8", "a=rtcp:x"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP 8", "a=rtpmap:200 PCMA/8000"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 x/0"), "malformed-sdp", 400),
        (description(*["m=audio 4000 RTP/AVP 8"] * 17), "many-media-lines", 488),
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
        (description("m=audio 4000 RTP/AVP 8", address="c=IN  IP4 192.0.2.1"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP 8", "a=rtcp 4001 IN IP4 a.example"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP 8").replace("t=0 0", "t=0"), "malformed-sdp", 400),
        (description("b=AS", "m=audio 4000 RTP/AVP 8"), "malformed-sdp", 400),
        (description("m=audio 4000 RTP/AVP 8").replace("o=- 1 1", "o=-"), "malformed-sdp", 400),
        (description("i=x\rm=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 8"), "malformed-sdp", 400),
        (description("i=x\0y", "m=audio 4000 RTP/AVP 8"), "malformed-sdp", 400),
        (description("a=rtcp:9 IN IP6 ::1", "m=audio 4000 RTP/AVP 8"), "ipv6-media", 488),
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
    verdict = judge(message(description("m=audio 4000 RTP/AVP 8", "m=video 5000 RTP/AVP 31", address)))
    assert isinstance(verdict, Mended)
    assert b"m=audio 4000 RTP/AVP 8\r\n" in verdict.data
    assert b"m=video 0 RTP/AVP 31\r\n" in verdict.data
    assert b"IP6" not in verdict.data
    assert b"example.org" not in verdict.data
    assert judge(verdict.data) is None


def test_an_ipv6_address_that_no_line_uses() -> None:
    body = description("m=audio 4000 RTP/AVP 8", "c=IN IP4 192.0.2.1", address="c=IN IP6 ::1")
    verdict = judge(message(body))
    assert isinstance(verdict, Mended)
    assert b"m=audio 4000 RTP/AVP 8\r\nc=IN IP4 192.0.2.1\r\n" in verdict.data


def test_an_empty_session_name_gets_a_dash() -> None:
    verdict = judge(message(description("m=audio 4000 RTP/AVP 8").replace("s=-", "s=")))
    assert isinstance(verdict, Mended)
    assert b"\r\ns=-\r\n" in verdict.data


def test_an_encoded_body_is_not_supported() -> None:
    verdict = refusal(message(fields="e: GZIP\r\n"))
    assert (verdict.rule, verdict.code) == ("encoded-body", 415)
    assert verdict.headers == (("Accept-Encoding", "identity"),)
    assert judge(message(fields="Content-Encoding: Identity\r\n")) is None


def test_a_fragment_has_neither_version_nor_addresses() -> None:
    def info(body: str) -> bytes:
        form = ("INFO", "", "application/trickle-ice-sdpfrag", body)
        return seeds.request(form, **(FACTS | {"to": ";tag=9"}))

    assert judge(info("a=ice-ufrag:x\r\nm=audio 9 RTP/AVP 0\r\na=end-of-candidates\r\n")) is None
    assert refusal(info("a=ice-ufrag:x\r\nm=audio x\r\n")).rule == "malformed-sdp"


def test_a_name_passes_where_names_are_resolved() -> None:
    body = description("m=audio 4000 RTP/AVP 8", address="c=IN IP4 media.example.org")
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
    verdict = judge(
        message(
            description("m=audio 4000 RTP/AVP 8", "c=IN IP4 192.0.2.1", "m=video 0 RTP/AVP 31", address="")
        )
    )
    assert isinstance(verdict, Mended)
    assert verdict.rule == "line-without-address"
    assert b"m=video 0 RTP/AVP 31\r\nc=IN IP4 0.0.0.0\r\n" in verdict.data
    mended = Message.parse(verdict.data.decode())
    assert int(mended.header("Content-Length") or 0) == len(mended.body)
    assert judge(verdict.data) is None


def test_surplus_lines_are_shown_as_refused() -> None:
    verdict = judge(message(description(*["m=audio 4000 RTP/AVP 8"] * 16)))
    assert isinstance(verdict, Mended)
    assert verdict.data.count(b"m=audio 4000") == 4
    assert verdict.data.count(b"m=audio 0 ") == 12


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("Signal=5\r\nDuration=160\r\n", None),
        ("Signal=5", "Signal=5\r\n"),
        ("Signal= #\r\nDuration= 250", "Signal=#\r\nDuration=250\r\n"),
        ("signal=A\nduration=100\n", "Signal=A\r\nDuration=100\r\n"),
        ("Signal=10\r\nDuration=160\r\n", "Signal=*\r\nDuration=160\r\n"),
        ("Signal=11\r\n", "Signal=#\r\n"),
        ("Signal=15\r\n", "Signal=D\r\n"),
    ],
)
def test_a_digit_by_info(body: str, plain: str | None) -> None:
    verdict = judge(seeds.request(("INFO", "", "application/dtmf-relay", body), **(FACTS | {"to": ";tag=9"})))
    assert (
        verdict.data.partition(b"\r\n\r\n")[2].decode() if isinstance(verdict, Mended) else verdict
    ) == plain


@pytest.mark.parametrize("body", ["Signal", "Signal=\xff\r\n", "Signal==5\r\n", "Duration=5\r\n", "=" * 300])
def test_what_is_no_digit(body: str) -> None:
    form = ("INFO", "", "application/dtmf-relay", body)
    assert refusal(seeds.request(form, **(FACTS | {"to": ";tag=9"}))).code == 400


def test_a_longer_datagram_is_cut_to_its_length() -> None:
    verdict = judge(message() + b"more")
    assert isinstance(verdict, Mended)
    assert verdict.data == message()


@pytest.mark.parametrize("to", ["", ";tag=", ";tag=;x"])
def test_an_ack_without_a_tag(to: str) -> None:
    assert refusal(seeds.request(("ACK", "", "", ""), **(FACTS | {"to": to}))).rule in {"ack-without-tag"}


class Ended(Dialogs):
    def is_over(self, call_id: bytes) -> bool:
        return call_id == b"2"


class Inviting(Dialogs):
    def is_inviting(self, call_id: bytes) -> bool:
        return call_id == b"2"


def in_dialog(method: str) -> bytes:
    return seeds.request((method, "", "", ""), **(FACTS | {"to": ";tag=9"}))


def test_a_request_of_a_dialog_that_has_ended() -> None:
    verdict = judge(in_dialog("INFO"), dialogs=Ended())
    assert isinstance(verdict, Refusal)
    assert (verdict.rule, verdict.code) == ("ended-dialog", 481)
    assert judge(in_dialog("INFO")) is None
    for method in ("BYE", "ACK", "CANCEL"):
        assert judge(in_dialog(method), dialogs=Ended()) is None
    assert judge(message(), dialogs=Ended()) is None  # the Call-ID is used again


class Owning(Dialogs):
    def owner(self, tag: bytes) -> bytes | None:
        return {b"9": b"another", b"8": b"2"}.get(tag)


@pytest.mark.parametrize(("method", "code"), [("INFO", 481), ("BYE", 481), ("INVITE", 481), ("ACK", SILENCE)])
def test_a_request_with_the_tag_of_another_call(method: str, code: int) -> None:
    verdict = judge(in_dialog(method), dialogs=Owning())
    assert isinstance(verdict, Refusal)
    assert (verdict.rule, verdict.code) == ("other-dialog", code)
    assert judge(in_dialog(method).replace(b";tag=9", b";tag=8"), dialogs=Owning()) is None


def test_an_invite_meets_one_of_ours() -> None:
    verdict = judge(in_dialog("INVITE"), dialogs=Inviting())
    assert isinstance(verdict, Refusal)
    assert (verdict.rule, verdict.code) == ("invite-in-progress", 491)
    assert judge(in_dialog("UPDATE"), dialogs=Inviting()) is None


@pytest.mark.parametrize(
    ("status", "method", "passes"),
    [
        ("183", "INVITE", True),
        ("200", "INVITE", True),
        ("200", "UPDATE", True),
        ("200", "OPTIONS", True),
        ("200", "PRACK", False),
        ("200", "BYE", False),
        ("488", "INVITE", False),
    ],
)
def test_sdp_in_responses(status: str, method: str, passes: bool) -> None:
    head, _, body = message().partition(b"\r\n\r\n")
    lines = head.replace(b"CSeq: 1 INVITE", f"CSeq: 1 {method}".encode()).split(b"\r\n")
    verdict = judge(b"\r\n".join([f"SIP/2.0 {status} x".encode(), *lines[1:]]) + b"\r\n\r\n" + body)
    if passes:
        assert verdict is None
    else:
        assert isinstance(verdict, Mended)
        assert verdict.data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("start", ["SIP/2.0 200 OK", "sip/2.0 200 OK", "SIP/2.0 999 x", "SIP/2.0"])
def test_a_response_is_never_answered(start: str) -> None:
    rest = message(fields="Max-Forwards: x\r\n").partition(b"\r\n")[2]
    data = start.encode() + b"\r\n" + rest
    assert isinstance(judge(data), Refusal)
    assert not bare_copy(data)


@pytest.mark.parametrize("method", ["invite", "Subscribe", "iNFO", "ack"])
def test_a_method_in_another_case_is_another_method(method: str) -> None:
    data = seeds.request((method, "", "", ""), **FACTS)
    verdict = refusal(data)
    assert (verdict.rule, verdict.code) == ("method-case", SILENCE if method == "ack" else 501)
    assert bool(bare_copy(data)) is (method != "ack")
    assert judge(seeds.request(("Foo", "", "", ""), **FACTS)) is None


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("To: sip:a@192.0.2.1&Content-Type:application/sdp", "malformed-field"),
        ('Authorization: Digest username="x"&Content-Type:application/sdp', "malformed-field"),
        ('Proxy-Authenticate: Digest realm="&", nonce=x&y', "malformed-field"),
        ("Subject: x\rContent-Type: application/sdp", "line-end"),
        ("Content-Type\r\n : application/sdp", "header-line"),
        ("Subject (x): y", "header-line"),
    ],
)
def test_a_field_that_only_the_library_would_see(line: str, rule: str) -> None:
    name = line.partition(":")[0]
    data = re.sub(rf"(?m)^{re.escape(name)}: .*\r\n", "", message().decode())
    start, _, rest = data.partition("\r\n")
    assert refusal(f"{start}\r\n{line}\r\n{rest}".encode()).rule == rule


@pytest.mark.parametrize(
    "line",
    [
        'Authorization: Digest username="a&b", realm="r", nonce="n", uri="sip:x", response="0", nc=00000001',
        "Authorization: Bearer abc.def-==",
        "Proxy-Authenticate: NTLM",
        "From: sip:a&b=c;d@192.0.2.1;tag=1",
        "Contact: <sip:x@192.0.2.1?Subject=a&Priority=b>",
    ],
)
def test_an_ampersand_where_it_may_stand(line: str) -> None:
    name = line.partition(":")[0]
    data = re.sub(rf"(?m)^{name}: .*\r\n", "", message().decode())
    start, _, rest = data.partition("\r\n")
    assert judge(f"{start}\r\n{line}\r\n{rest}".encode()) is None


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ("Service-Route: <sip:192.0.2.1;lr>\r\n" * 8, True),
        ("Service-Route: <sip:192.0.2.1;lr>\r\n" * 9, False),
        (
            "service-route : " + ", ".join(["<sip:192.0.2.1;lr>"] * 8) + "\r\nService-Route: <sip:a;lr>\r\n",
            False,
        ),
    ],
)
def test_service_routes(fields: str, passes: bool) -> None:
    _, _, rest = message("", fields=fields).decode().partition("\r\n")
    data = f"SIP/2.0 200 OK\r\n{rest.replace('INVITE', 'REGISTER')}".encode()
    verdict = judge(data)
    if passes:
        assert verdict is None
    else:
        assert isinstance(verdict, Mended)
        assert b"route" not in verdict.data.lower()
        assert judge(verdict.data) is None
        assert Message.parse(verdict.data.decode()).fields[-1] == ("Content-Length", "0")


def test_a_bare_copy_has_what_a_response_repeats() -> None:
    via = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx;maddr=evil.example\r\n"
    copy = Message.parse(bare_copy(message(fields=via)).decode())
    assert (copy.method, copy.call_id, copy.cseq, copy.from_tag) == ("INVITE", "2", (1, "INVITE"), "3")
    assert len(copy.headers("Via")) == 2
    assert "maddr" not in copy.headers("Via")[1]
    assert not copy.body
    assert not bare_copy(message().replace(b"Call-ID", b"Call-IX"))
    assert not bare_copy(seeds.request(("ACK", "", "", ""), **FACTS))


@pytest.mark.parametrize("name", ["Via", "Contact", "From", "Route", "Replaces", "Session-Expires", "X"])
@pytest.mark.parametrize(
    "filler", [" ", ";", ";a=b", "<", '"', '"\\', ",", "sip:a,", "<sip:a>,", "a b", "\r\n ", "@"]
)
def test_reading_takes_linear_time(name: str, filler: str) -> None:
    data = message(fields=f"{name}: <sip:a>{filler * (60_000 // len(filler))}\x01\r\n")
    began = time.process_time()
    judge(data)
    bare_copy(data)
    assert time.process_time() - began < LINEAR_S


def test_every_fault_of_the_library_is_played_to_a_bare_agent() -> None:
    cases = [path.stem for path in FOLDER.rglob("*.txt")]
    assert all(rule.versions and rule.what for rule in RULES.values())
    played = {rule for rule in RULES if any(case.startswith(rule) for case in cases)}
    assert set(RULES) - played == {
        "dtls-offer",  # tests/loopback/test_dtls.py: a bare agent has no DTLS
        "sdp-out-of-place",
        "prack-out-of-place",
        "invite-in-progress",
    }  # a caller's


@pytest.mark.parametrize(
    "via",
    [
        "Via: SIP/2.0/UDP a;maddr=192.0.2.9;branch=z9hG4bK1",
        "v: SIP/2.0/UDP a\r\n ; MADDR = x.test ;branch=z9hG4bK1",
    ],
)
def test_maddr_does_not_lead_the_response_elsewhere(via: str) -> None:
    text = re.sub(rb"Via:[^\r]*", via.encode(), message(method="OPTIONS"), count=1)
    verdict = judge(text)
    assert isinstance(verdict, Mended)
    assert b"addr" not in verdict.data.lower()
    assert b"branch=z9hG4bK1" in verdict.data
    assert judge(verdict.data) is None


def test_maddr_of_a_body_or_a_response_stays() -> None:
    body = message("Via: SIP/2.0/UDP a;maddr=b\r\n").replace(b"application/sdp", b"text/plain")
    assert judge(body) is None
