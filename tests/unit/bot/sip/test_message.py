"""bot.sip.message: messages, URIs and header fields as text, without secrets."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.sip.message import Message, parse_header
from bot.sip.redaction import REDACTED, redact
from bot.sip.uri import parse_uri

INVITE = """\
INVITE sip:bob@127.0.0.1:5060 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1
Via: SIP/2.0/UDP 127.0.0.1:5071;branch=z9hG4bK0
f: "Alice; tag=no" <sip:alice@127.0.0.1;tag=neither>;tag=a1
t: <sip:bob@127.0.0.1>
i: call-1@127.0.0.1
CSeq:  102 INVITE
Subject: one
 two
\tthree
c: application/sdp;charset=utf-8
l: 7

v=0
s=-
"""
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


def test_a_request_is_read() -> None:
    message = Message.parse(INVITE.replace("\n", "\r\n"))
    assert message.is_request
    assert (message.method, message.uri) == ("INVITE", "sip:bob@127.0.0.1:5060")
    assert message.call_id == message.header("call-id") == message.header("I") == "call-1@127.0.0.1"
    assert (message.cseq, message.cseq_method) == ((102, "INVITE"), "INVITE")
    assert (message.from_tag, message.to_tag) == ("a1", None)
    assert message.header("subject") == "one two three"
    assert message.headers("v") == [
        "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1",
        "SIP/2.0/UDP 127.0.0.1:5071;branch=z9hG4bK0",
    ]
    assert message.fields[2][0] == "From"
    assert message.content_type == "application/sdp"
    assert message.body == message.sdp == "v=0\r\ns=-\r\n"
    assert message.summary == "INVITE sip:bob@127.0.0.1:5060"


def test_line_ends_do_not_matter() -> None:
    crlf = Message.parse("\r\n\r\n" + INVITE.replace("\n", "\r\n"))
    assert crlf.fields == Message.parse(INVITE).fields


@pytest.mark.parametrize(
    ("text", "status", "reason", "summary"),
    [
        ("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n", 200, "OK", "200 OK (INVITE)"),
        ("SIP/2.0 488 Not Acceptable Here\n", 488, "Not Acceptable Here", "488 Not Acceptable Here"),
        ("SIP/2.0 183\nCSeq: 7 INVITE", 183, "", "183 (INVITE)"),
    ],
)
def test_a_response_is_read(text: str, status: int, reason: str, summary: str) -> None:
    message = Message.parse(text)
    assert not message.is_request
    assert (message.status, message.reason, message.summary) == (status, reason, summary)


@pytest.mark.parametrize(
    "start", ["", "\r\n", "hello world", "SIP/2.0 99 No", "INVITE sip:x", "IN VITE SIP/2.0x"]
)
def test_an_unusable_start_line_is_a_value_error(start: str) -> None:
    with pytest.raises(ValueError, match="start line"):
        Message.parse(start)


def test_a_message_cut_anywhere_after_its_start_line_is_read() -> None:
    for end in range(INVITE.index("\n"), len(INVITE)):
        message = Message.parse(INVITE[:end])
        assert message.method == "INVITE"
        assert message.uri == "sip:bob@127.0.0.1:5060"
        assert "INVITE".startswith(message.cseq_method)


def test_malformed_headers_are_skipped_and_strange_ones_kept() -> None:
    message = Message.parse(
        "BYE sip:x SIP/2.0\n folded onto nothing\nno colon\n: no name\nX-Odd : 1:2\nCSeq: x\n\n"
    )
    assert message.fields == (("X-Odd", "1:2"), ("CSeq", "x"))
    assert message.cseq is None
    assert Message.parse(f"BYE sip:x SIP/2.0\nCSeq: {'9' * 5000} BYE").cseq is None


def test_sdp_is_found_in_a_multipart_body() -> None:
    text = (
        'INVITE sip:x SIP/2.0\r\nContent-Type: multipart/mixed; boundary="b 1"\r\n\r\n'
        "--b 1\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        "--b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\n--b 1--\r\n"
    )
    sdp = Message.parse(text).sdp
    assert sdp is not None
    assert sdp.split() == ["v=0", "m=audio", "1", "RTP/AVP", "0"]
    assert Message.parse(text.replace("application/sdp", "text/html")).sdp is None
    assert Message.parse("MESSAGE sip:x SIP/2.0\nContent-Type: text/plain\n\nv=0").sdp is None


def test_a_summary_shows_no_password() -> None:
    assert Message.parse("INVITE sip:a:geheim@h SIP/2.0").summary == f"INVITE sip:a:{REDACTED}@h"


# --- redaction --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4 KDR=3 UNENCRYPTED_SRTCP\r\nx",
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{REDACTED}|2^20|1:4 KDR=3 UNENCRYPTED_SRTCP\r\nx",
        ),
        (
            f"a=crypto:2 F8_128_HMAC_SHA1_80 inline:{KEY}|1:4;inline:{KEY}|2:4 FEC_ORDER=FEC_SRTP",
            f"a=crypto:2 F8_128_HMAC_SHA1_80 inline:{REDACTED}|1:4;inline:{REDACTED}|2:4 FEC_ORDER=FEC_SRTP",
        ),
        (f"12:00 ...inline:{KEY}... done", f"12:00 ...inline:{REDACTED} done"),
        (f"TX: AES_CM_128_HMAC_SHA1_80 key={'0aF3' * 15}", f"TX: AES_CM_128_HMAC_SHA1_80 key={REDACTED}"),
        (
            'Authorization: Digest username="a", nonce="n", uri="sip:h", response="0123", cnonce="c"',
            f'Authorization: Digest username="a", nonce="n", uri="sip:h", response="{REDACTED}", cnonce="c"',
        ),
        (
            "Proxy-Authorization: Digest response=012,qop=auth",
            f"Proxy-Authorization: Digest response={REDACTED},qop=auth",
        ),
        ('Digest username="a", Response = "0123', f'Digest username="a", Response = "{REDACTED}'),
        ("Authorization: Basic YWxpY2U6Z2VoZWlt", f"Authorization: Basic {REDACTED}"),
        ("To: <sips:al:geheim@h:5061>;tag=1", f"To: <sips:al:{REDACTED}@h:5061>;tag=1"),
        ("call SIP:al:geheim@h now", f"call SIP:al:{REDACTED}@h now"),
        (f"a=key-mgmt:mikey {KEY}", f"a=key-mgmt:mikey {REDACTED}"),
        ("v=0\r\nk=clear:geheim\r\nk=prompt\r\n", f"v=0\r\nk=clear:{REDACTED}\r\nk=prompt\r\n"),
        ("...k=base64:Z2VoZWlt more", f"...k=base64:{REDACTED} more"),
        (f"{KEY}|2^20|1:4 the rest of a datagram", f"{REDACTED}|2^20|1:4 the rest of a datagram"),
    ],
)
def test_only_the_secret_goes(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        INVITE,
        "Contact: <sip:alice@127.0.0.1:5070;ob>",
        "sip:127.0.0.1:5060;transport=udp and mail to a@b",
        "Response msg 200/INVITE/cseq=1 (rdata0x1)",
        "Via: SIP/2.0/UDP [::1]:5060;branch=z9hG4bK;received=::1",
        'WWW-Authenticate: Digest realm="r", nonce="abc", qop="auth"',
        "a=fingerprint:sha-256 00:11\r\na=rtpmap:8 PCMA/8000\r\n",
        "SRTP keying SDES created",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


keys = st.binary(min_size=16, max_size=46).map(lambda raw: base64.b64encode(raw).decode())
spaces = st.sampled_from([" ", "  ", "\t", " \t "])
cases = st.sampled_from([str, str.upper, str.lower, str.title])
suites = st.sampled_from(
    ["AES_CM_128_HMAC_SHA1_80", "aes_256_cm_hmac_sha1_32", "", "FOO", "AEAD_AES_128_GCM"]
)
ends = st.sampled_from(
    ["", "|2^20", "|2^20|1:4", "|1048576|1:32", "|", ";", " KDR=1", "\r\n", "\n", " \t", "|x"]
)
crypto_shapes = st.sampled_from(
    [
        "{a}{s}{suite}{s}{inline}{key}{end}",
        "{a}{s}{suite}{s}{inline}{s}{key}{end}",
        "{a}{s}{suite}{s}{inline}{key}{end};{inline}{key}{end}",
        "{a}{s}{suite}{s}{inline}x;{key}{end}",
        "{a}{s}{suite}{s}{inline}|2^20|{key}{end}",
        "{a}{s}{suite}{s}{key}{end}",
        "{a}{key}{end}",
        "{a}{s}{suite}{s}inlin:{key}{end}",
        "{a}{s}{suite}{s}FEC_KEY={inline}{key}{end}",
        "{s}{inline}{key}{end}",
        "{suite}{s}{inline}{s}{key}{end}",
    ]
)


@given(keys, crypto_shapes, spaces, cases, suites, ends, st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=400, deadline=None)
def test_no_inline_key_survives(
    key: str, shape: str, s: str, case: Callable[[str], str], suite: str, end: str, before: str, after: str
) -> None:
    line = shape.format(a=case("a=crypto:") + "1", s=s, suite=suite, inline=case("inline:"), key=key, end=end)
    for text in (
        line,
        f"{before}{line}",
        f"{before}\r\n{line}\r\n{after}",
        f"INVITE sip:x SIP/2.0\r\n\r\n{line}",
    ):
        shown = redact(text)
        assert key not in shown
        assert redact(shown) == shown


def test_no_key_survives_where_a_message_is_cut() -> None:
    line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4\r\n"
    inline, key = line.index("inline:"), line.index(KEY)
    for start in range(inline + 1):
        for end in range(key, len(line)):
            assert "WVN" not in redact(line[start:end])
    for start in range(key, key + len(KEY) - 16):  # the rest of a key is known by its lifetime
        assert KEY[-16:] not in redact(line[start:])


passwords = st.text(
    st.characters(codec="ascii", exclude_characters='<>"@ ', min_codepoint=33, max_codepoint=126), min_size=1
)


@given(passwords.map(lambda text: f"geheim{text}"), st.sampled_from(["sip", "SIPS", "To: <sip", "x <Sips"]))
def test_no_uri_password_survives(password: str, scheme: str) -> None:
    assert "geheim" not in redact(f"{scheme}:alice:{password}@example.org>")


@given(st.text(), st.sampled_from(["", "INVITE sip:x SIP/2.0\r\n", "SIP/2.0 200 OK\n"]))
@example("Content-Type: multipart/mixed;boundary=-\n\n--", "SIP/2.0 200 OK\n")
@example("\ud800\udfff: \udcff\n\n\ud800", "SIP/2.0 200 OK\n")
def test_hostile_text_is_read_or_refused(text: str, start: str) -> None:
    redacted = redact(start + text)
    assert redact(redacted) == redacted
    try:
        message = Message.parse(start + text)
    except ValueError:
        return
    assert message.summary
    assert message.is_request == bool(message.method)
    for value in (message.call_id, message.from_tag, message.to_tag, message.sdp, message.content_type):
        assert value is None or isinstance(value, str)


MEGABYTE = [
    "A", "9", " ", "\n", "\r\n ", "A: ", "x\n y\n", "A+/=", "<", "\"", ":", "|", ";", "@", "--", "\ud800",
    "a=crypto:", "a=crypto: ", "a = ", "inline:", "inline ", "key-mgmt:", "key=", "key", "k=", "k =",
    "sip:", "sip:a:", "sip:a:b@", "response=", "response ", "response=\"", "tag=", "; tag",
    "Authorization: Basic ",
]  # fmt: skip


@pytest.mark.parametrize("piece", MEGABYTE)
def test_a_megabyte_takes_no_quadratic_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    begun = time.process_time()
    redact(text)
    message = Message.parse(
        f"SIP/2.0 200 OK\r\nContent-Type: multipart/mixed;boundary=x\r\nTo: {text}\r\n\r\n{text}"
    )
    assert message.status == 200
    assert message.to_tag is None or message.to_tag
    assert message.sdp is None
    assert time.process_time() - begun < 5


# --- URIs and headers --------------------------------------------------------------------------


def test_a_uri_is_read() -> None:
    uri = parse_uri('"Alice A." <SIPS:alice:geheim@example.org:5061;transport=tls;lr?Subject=x>')
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips", "alice", "geheim", "example.org", 5061,
    )  # fmt: skip
    assert (uri.param("Transport"), uri.param("lr"), uri.param("maddr")) == ("tls", "", None)
    assert (uri.headers, uri.display_name) == ("Subject=x", "Alice A.")
    assert str(uri) == "sips:alice@example.org:5061;transport=tls;lr"
    assert "geheim" not in repr(uri)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("sip:127.0.0.1", "127.0.0.1", None),
        ("sip:bob@my_service-1:5060", "my_service-1", 5060),
        ("sip:+49 30@h".replace(" ", ""), "h", None),
        ("sip:bob;x=1@h;lr", "h", None),
        ("<sip:h>", "h", None),
    ],
)
def test_uris_of_many_forms(text: str, host: str, port: int | None) -> None:
    uri = parse_uri(text)
    assert (uri.host, uri.port, uri.is_ipv6) == (host, port, False)


def test_an_ipv6_reference_is_read_and_known() -> None:
    uri = parse_uri("sip:bob@[2001:db8::1]:5060;lr")
    assert uri.is_ipv6
    assert (uri.host, uri.port) == ("[2001:db8::1]", 5060)


def test_a_tel_uri_has_its_number_as_user() -> None:
    uri = parse_uri("tel:+49-30-123;phone-context=x")
    assert (uri.scheme, uri.user, uri.host, uri.param("phone-context")) == ("tel", "+49-30-123", "", "x")
    assert str(uri) == "tel:+49-30-123;phone-context=x"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("alice@example.org", "did you mean sip:alice@example.org"),
        ("127.0.0.1:5060", "did you mean sip:127.0.0.1:5060"),
        ("http://example.org", "http: is not sip:"),
        ("sip://example.org", "did you mean sip:example.org"),
        ("sip:", "no host"),
        ("sip:alice@", "no host"),
        ("sip:@example.org", "no user"),
        ("sip:al ice@example.org", "space"),
        ("sip:h:0", "port"),
        ("sip:h:65536", "port"),
        ("sip:h:", "port"),
        ("sip:h:sip", "'sip' and not a number"),
        ("sip:h:٣", "port"),
        ("sip:300.1.1.1", "not a host name or an IPv4 address"),
        ("sip:ex ample", "space"),
        ("sip:ex$ample", "not a host name"),
        ("sip:::1", r"\[::1\]"),
        ("sip:[::1", "in brackets"),
        ("sip:[::g]", "in brackets"),
        ("sip:[::1]5060", "in brackets"),
        ("sip:h\r\nX: y", "line break"),
        ("<sip:h", "do not match"),
        ("sip:h>", "do not match"),
        ("<sip:h>;tag=1", "may follow"),
        ("tel:alice!", "digits"),
    ],
)
def test_a_bad_uri_is_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as refused:
        parse_uri(text)
    assert "expected one like" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "sip:a:geheim@h:x",
        "a:geheim@h",
        "sip:a:my geheim@h",
        "sip://a:geheim@h",
        '"N" <sip:a:geheim@>',
        "<sip:a:geheim@h",
    ],
)
def test_a_refused_uri_does_not_show_its_password(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_uri(text)
    assert "geheim" not in str(refused.value)


@given(st.text(), st.sampled_from(["{}", "sip:{}", "sip:a@{}", "<sip:{}>", "sip:{}@h", "tel:{}"]))
def test_any_text_is_a_uri_or_refused(text: str, form: str) -> None:
    try:
        uri = parse_uri(form.format(text))
    except ConfigError:
        return
    assert uri.scheme in ("sip", "sips", "tel")
    assert uri.host or uri.scheme == "tel"
    assert parse_uri(str(uri)).host == uri.host


def test_a_header_option_is_read() -> None:
    assert parse_header("X-Test:  42: yes ") == ("X-Test", "42: yes")
    assert parse_header("Subject:") == ("Subject", "")


@pytest.mark.parametrize(
    "text", ["X-Test 42", "X Test: 42", ": 42", "X: 1\r\nVia: evil", "X: 1\n", "X\0: 1", "Ü: 1"]
)
def test_a_bad_header_option_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a header"):
        parse_header(text)
