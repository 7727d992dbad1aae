"""DTLS-SRTP in SDP: fingerprints (RFC 8122), roles (RFC 4145, RFC 5763), what contradicts them."""

from __future__ import annotations

import pytest

from bot.sip import negotiated_dtls, offers_dtls, parse_sdp
from bot.sip.dtls import offer_problem

ONE, OTHER = (":".join([byte] * 32) for byte in ("AB", "CD"))
SHA_256 = f"a=fingerprint:sha-256 {ONE}"
ANSWERED = f"a=fingerprint:SHA-256 {OTHER.lower()}"


def described(*lines: str, profile: str = "UDP/TLS/RTP/SAVP", session: tuple[str, ...] = ()) -> str:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *session]
    return "\r\n".join([*head, f"m=audio 4000 {profile} 8", *lines, ""])


def test_fingerprints_and_roles() -> None:
    offer = parse_sdp(described(SHA_256, "a=setup:actpass"))
    answer = parse_sdp(described(ANSWERED, "a=setup:ACTIVE"))
    found = negotiated_dtls(offer, answer, 0)
    assert found is not None
    assert (found.offered_setup, found.answered_setup) == ("actpass", "active")
    assert str(found.offered_fingerprint) == f"sha-256 {ONE}"
    assert str(found.answered_fingerprint) == f"sha-256 {OTHER}"
    assert found.disagreement is None


def test_attributes_of_the_session_level() -> None:
    session = (SHA_256, "a=setup:actpass")
    found = negotiated_dtls(
        parse_sdp(described(session=session)),
        parse_sdp(described("a=setup:passive", session=(ANSWERED, "a=setup:active"))),
        0,
    )
    assert found is not None
    assert (found.answered_setup, found.disagreement) == ("passive", None)


@pytest.mark.parametrize(
    ("offer", "answer", "wrong"),
    [
        ((SHA_256,), (ANSWERED, "a=setup:active"), "the offer has no a=setup"),
        (("a=setup:actpass",), (ANSWERED, "a=setup:active"), "the offer has no fingerprint"),
        ((SHA_256, "a=setup:holdconn"), (ANSWERED, "a=setup:active"), "the offer has a=setup:holdconn"),
        ((SHA_256, "a=setup:actpass"), (ANSWERED,), "the answer has no a=setup"),
        ((SHA_256, "a=setup:actpass"), ("a=setup:active",), "the answer has no fingerprint"),
        (
            (SHA_256, "a=setup:actpass"),
            (ANSWERED, "a=setup:actpass"),
            "the answer says a=setup:actpass, which is not active or passive",
        ),
        (
            (SHA_256, "a=setup:active"),
            (ANSWERED, "a=setup:active"),
            "offer and answer both say a=setup:active",
        ),
        (
            (SHA_256, "a=setup:passive"),
            (ANSWERED, "a=setup:passive"),
            "offer and answer both say a=setup:passive",
        ),
        (
            (SHA_256, "a=setup:actpass"),
            (f"{ANSWERED}:00", "a=setup:active"),
            "the answer has a fingerprint of 33 bytes for sha-256",
        ),
        (
            (SHA_256, "a=setup:actpass"),
            ("a=fingerprint:sha-256 ABCD", "a=setup:active"),
            "the answer has a malformed fingerprint",
        ),
        (
            (SHA_256, "a=setup:actpass"),
            (ANSWERED, "a=fingerprint:sha-256", "a=setup:active"),
            "the answer has a malformed fingerprint",
        ),
    ],
)
def test_disagreements(offer: tuple[str, ...], answer: tuple[str, ...], wrong: str) -> None:
    found = negotiated_dtls(parse_sdp(described(*offer)), parse_sdp(described(*answer)), 0)
    assert found is not None
    assert (found.disagreement or "").startswith(wrong)


@pytest.mark.parametrize(
    ("profile", "wrong", "deviates"),
    [
        ("UDP/TLS/RTP/SAVP", False, False),
        ("UDP/TLS/RTP/SAVPF", False, True),
        ("RTP/SAVP", True, True),
    ],
)
def test_other_profile_in_the_answer(profile: str, wrong: bool, deviates: bool) -> None:
    both = SHA_256, "a=setup:actpass"
    answer = described(ANSWERED, "a=setup:active", profile=profile)
    found = negotiated_dtls(parse_sdp(described(*both)), parse_sdp(answer), 0)
    assert found is not None
    assert (found.disagreement is not None, found.deviation is not None) == (wrong, deviates)


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ((ANSWERED, "a=setup:active"), True),
        (("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40,), False),
        ((ANSWERED, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40), False),
    ],
)
def test_sdes_and_dtls_in_one_offer(answer: tuple[str, ...], chosen: bool) -> None:
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "B" * 40
    offer = parse_sdp(described(crypto, SHA_256, "a=setup:actpass", profile="RTP/SAVP"))
    assert offers_dtls(offer, offer.media[0])
    found = negotiated_dtls(offer, parse_sdp(described(*answer, profile="RTP/SAVP")), 0)
    assert (found is not None) is chosen


def test_a_line_that_is_refused_or_absent() -> None:
    offer = parse_sdp(described(SHA_256, "a=setup:actpass"))
    refused = parse_sdp(described(ANSWERED, "a=setup:active").replace("audio 4000", "audio 0"))
    assert negotiated_dtls(offer, refused, 0) is None
    assert negotiated_dtls(offer, parse_sdp("v=0\r\n"), 0) is None


@pytest.mark.parametrize("hash_name", ["sha-1", "sha-224", "sha-384", "sha-512"])
def test_length_of_each_hash(hash_name: str) -> None:
    size = {"sha-1": 20, "sha-224": 28, "sha-384": 48, "sha-512": 64}[hash_name]
    right = described(f"a=fingerprint:{hash_name} {':'.join(['0A'] * size)}", "a=setup:actpass")
    short = right.replace("0A:0A", "0A", 1)
    for text, wrong in ((right, False), (short, True)):
        offer = parse_sdp(text)
        assert (offer_problem(offer, offer.media[0]) is not None) is wrong
