"""bot.interop.offers: every edit changes a normal offer or answer as its title says."""

from __future__ import annotations

import base64
import re

import pytest

from bot.interop.case import Case
from bot.interop.offers import NEGATIVE_ANSWERS, NEGATIVE_OFFERS
from bot.interop.renegotiation import BOTH_DIRECTIONS, RENEGOTIATIONS
from bot.model import CryptoSuite
from bot.sip.sdp import Sdp, parse_sdp
from bot.sip.sdp_edit import checked_edits, edited

KEY = base64.b64encode(bytes(range(30))).decode()
KEYS = {"AES_CM_128": 30, "AES_256_CM": 46}
SUITES = tuple(CryptoSuite)
CASES = {case.name: case for case in (*NEGATIVE_OFFERS, *NEGATIVE_ANSWERS)}


def usual(count: int) -> str:
    """A mandatory offer of so many suites, as the library writes it."""
    lines = [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=pjmedia", "t=0 0",
        "m=audio 4000 RTP/SAVP 0 8 120", "c=IN IP4 127.0.0.1", "a=rtcp:4001 IN IP4 127.0.0.1", "a=sendrecv",
        "a=rtpmap:0 PCMU/8000",
    ]  # fmt: skip
    for tag, suite in enumerate(SUITES[:count], start=1):
        key = base64.b64encode(bytes(range(KEYS[suite[:10]]))).decode()
        lines.append(f"a=crypto:{tag} {suite} inline:{key}")
    return "\r\n".join([*lines, ""])


def made(name: str) -> Sdp:
    case = CASES[name]
    text = edited(usual(case.suites), case.edits)
    assert text.count("\n") == text.count("\r\n")
    return parse_sdp(text, keys=True)


def attribute(sdp: Sdp, place: int = 0) -> tuple[int, str, bytes | None]:
    one = sdp.media[0].crypto[place]
    inline = (one.key_params or "").removeprefix("inline:").partition("|")[0]
    return one.tag, one.suite, base64.b64decode(inline, validate=True)


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.edits], ids=lambda case: case.name)
def test_every_edit_changes_something(case: Case) -> None:
    text = usual(case.suites)
    for edit in checked_edits(case.edits):
        changed = edited(text, [edit])
        assert changed != text
        text = changed


@pytest.mark.parametrize(
    "case", [*CASES.values(), *RENEGOTIATIONS, BOTH_DIRECTIONS], ids=lambda case: case.name
)
def test_every_case_says_what_the_rfc_says(case: Case) -> None:
    assert re.search(r"RFC \d{4} \d", case.reading), case.reading
    assert "\n" not in case.reading
    assert case.accepted
    assert all(re.match(r"SRTP \*$|refused (\*|\d{3})$|plain$", one) for one in case.accepted)


def test_unknown_suites() -> None:
    only = made("unknown-suite-only").media[0].crypto
    assert [one.suite in SUITES for one in only] == [False]
    first = made("unknown-suite-first").media[0].crypto
    assert [(one.tag, one.suite in SUITES) for one in first] == [(9, False), (1, True)]


def test_keys() -> None:
    assert len(attribute(made("key-too-short"))[2] or b"") == 15
    assert len(attribute(made("key-too-long"))[2] or b"") == 33
    with pytest.raises(ValueError, match="base64"):
        attribute(made("bad-base64"))


def test_tags() -> None:
    assert attribute(made("tag-0"))[0] == 0
    twice = made("duplicate-tags").media[0].crypto
    assert [one.tag for one in twice] == [1, 1]
    assert len({one.suite for one in twice}) == 2
    words = made("non-numeric-tag")
    assert not words.media[0].crypto
    assert "a=crypto" in words.problems[0]


def test_suite_in_lower_case() -> None:
    sdp = made("lower-case-suite")
    assert attribute(sdp)[1] == SUITES[0].lower()
    assert attribute(sdp)[2] == bytes(range(30))


@pytest.mark.parametrize(
    ("name", "key_end", "session"),
    [
        ("lifetime", "|2^20", ()),
        ("lifetime-and-mki", "|2^20|1:4", ()),
        ("unencrypted-srtp", "", ("UNENCRYPTED_SRTP",)),
        ("kdr", "", ("KDR=10",)),
    ],
)
def test_parameters(name: str, key_end: str, session: tuple[str, ...]) -> None:
    [one] = made(name).media[0].crypto
    assert (one.key_params or "") == f"inline:{KEY}{key_end}"
    assert one.session_params == session


def test_profiles_and_lines() -> None:
    assert made("crypto-under-avp").media[0].profile == "RTP/AVP"
    assert len(made("crypto-under-avp").media[0].crypto) == 1
    bare = made("savp-without-crypto").media[0]
    assert (bare.profile, bare.crypto) == ("RTP/SAVP", ())
    audio, video = made("two-media-lines").media
    assert (audio.type, video.type) == ("audio", "video")
    assert audio.crypto[0].key_params != video.crypto[0].key_params
    assert video.connection is not None


def test_answers() -> None:
    assert made("answer-other-profile").media[0].profile == "RTP/AVP"
    assert made("answer-other-suite").media[0].crypto[0].suite not in SUITES
    assert {one.tag for one in made("answer-unknown-tag").media[0].crypto} == {99}
    assert not made("answer-without-crypto").media[0].crypto


def test_the_last_offer_is_a_usual_one() -> None:
    *_, last = NEGATIVE_OFFERS
    assert last.comes_last
    assert not last.edits
    assert [case.name for case in NEGATIVE_OFFERS if case.comes_last] == [last.name]
