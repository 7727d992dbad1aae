"""bot.sip.intake: messages that pass, are mended or are refused, and the status codes (RFC 3261, 4475)."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from bot.sip import Message
from bot.sip.intake import RULES, SILENCE, Hosts, Mended, Refusal, bare_copy, judge
from tests.fuzz import seeds
from tests.support.hostile import FOLDER
from tests.support.intake import FACTS, IN_DIALOG, message, refusal

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
LINEAR_S = 0.5
"""What reading 60,000 bytes may take on a busy machine; a reader that tries again takes minutes."""


@pytest.mark.parametrize("name", sorted(path.stem for path in TORTURE.glob("*.sip")))
def test_the_torture_messages(name: str) -> None:
    verdict = judge((TORTURE / f"{name}.sip").read_bytes())
    code = verdict.code if isinstance(verdict, Refusal) else None
    assert code == REFUSED.get(name)


@pytest.mark.parametrize("name", sorted(path.stem for path in TORTURE_IPV6.glob("*.sip")))
def test_the_torture_messages_for_ipv6(name: str) -> None:
    data = (TORTURE_IPV6 / f"{name}.sip").read_bytes()
    verdict = judge(data, hosts=Hosts(signalling=(4, 6)))
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
    verdict = judge(seeds.request(form, **FACTS, to=IN_DIALOG))
    assert not isinstance(verdict, Refusal)


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


def test_an_encoded_body_is_not_supported() -> None:
    verdict = refusal(message(fields="e: GZIP\r\n"))
    assert (verdict.rule, verdict.code) == ("encoded-body", 415)
    assert verdict.headers == (("Accept-Encoding", "identity"),)
    assert judge(message(fields="Content-Encoding: Identity\r\n")) is None


def test_a_longer_datagram_is_cut_to_its_length() -> None:
    verdict = judge(message() + b"more")
    assert isinstance(verdict, Mended)
    assert verdict.data == message()


@pytest.mark.parametrize("start", ["SIP/2.0 200 OK", "sip/2.0 200 OK", "SIP/2.0 999 x", "SIP/2.0"])
def test_a_response_is_never_answered(start: str) -> None:
    rest = message(fields="Max-Forwards: x\r\n").partition(b"\r\n")[2]
    data = start.encode() + b"\r\n" + rest
    assert isinstance(judge(data), Refusal)
    assert not bare_copy(data)


@pytest.mark.parametrize("method", ["invite", "Subscribe", "iNFO", "ack"])
def test_a_method_in_another_case_is_another_method(method: str) -> None:
    data = message("", method=method)
    verdict = refusal(data)
    assert (verdict.rule, verdict.code) == ("method-case", SILENCE if method == "ack" else 501)
    assert bool(bare_copy(data)) is (method != "ack")
    assert judge(message("", method="Foo")) is None


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
    assert not bare_copy(message("", method="ACK"))


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
        "fingerprint-hash",
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
