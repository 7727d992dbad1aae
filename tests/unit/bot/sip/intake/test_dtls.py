"""Fingerprints that the library does not compare (RFC 8122): hidden where there are others, else refused."""

from __future__ import annotations

import pytest

from bot.sip.intake import Mended, Refusal, judge
from tests.fuzz import seeds

SIZES = {"sha-1": 20, "sha-224": 28, "SHA-256": 32, "sha-256": 32, "sha-384": 48, "sha-512": 64}
KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40
FACTS: dict[str, object] = {
    "port": 5060,
    "me": 5062,
    "branch": "1",
    "call_id": "2",
    "tag": "3",
    "to": "",
    "cseq": 1,
}


def fingerprint(name: str) -> str:
    return f"a=fingerprint:{name} {':'.join(['AB'] * SIZES[name])}"


def judged(
    *lines: str, session: tuple[str, ...] = (), profile: str = "UDP/TLS/RTP/SAVP"
) -> Mended | Refusal | None:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *session]
    body = "\r\n".join([*head, f"m=audio 4000 {profile} 8", "a=setup:actpass", *lines, ""])
    return judge(seeds.request(("INVITE", "", seeds.SDP, body), **FACTS))


def left(verdict: Mended | Refusal | None) -> list[str]:
    """The hashes that the library sees."""
    assert isinstance(verdict, Mended)
    assert verdict.rule == "fingerprint-hash"
    lines = verdict.data.decode().split("\r\n")
    return [line.partition(":")[2].split()[0] for line in lines if line.startswith("a=fingerprint:")]


@pytest.mark.parametrize("name", ["sha-256", "SHA-256", "sha-1"])
def test_a_hash_that_is_compared_passes(name: str) -> None:
    assert judged(fingerprint(name)) is None


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["sha-512", "sha-256"], ["sha-256"]),
        (["sha-1", "SHA-256", "sha-384"], ["SHA-256"]),
        (["sha-384", "sha-1"], ["sha-1"]),
        (["sha-512", "sha-256", "sha-256"], ["sha-256", "sha-256"]),
    ],
)
def test_the_strongest_that_is_compared_is_left(names: list[str], kept: list[str]) -> None:
    lines = [fingerprint(name) for name in names]
    assert left(judged(*lines)) == kept
    assert left(judged(session=tuple(lines))) == kept


@pytest.mark.parametrize("names", [["sha-384"], ["sha-512", "sha-224"]])
def test_no_hash_that_is_compared(names: list[str]) -> None:
    verdict = judged(*(fingerprint(name) for name in names))
    assert isinstance(verdict, Refusal)
    assert (verdict.rule, verdict.code) == ("dtls-offer", 488)
    assert (
        f"a fingerprint of {' and '.join(names)}; the library compares sha-256 and sha-1 alone" in verdict.why
    )


def test_a_crypto_attribute_is_left_alone() -> None:
    assert left(judged(fingerprint("sha-512"), KEY, profile="RTP/SAVP")) == []
    assert judged(fingerprint("sha-256"), KEY, profile="RTP/SAVP") is None
