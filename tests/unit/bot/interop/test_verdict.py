"""bot.interop.verdict: consistent outcomes, outcomes that the RFCs allow, and unknown ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.interop.cells import Cell
from bot.interop.observation import Observation
from bot.interop.verdict import Judgement, Whole, encrypted_call, judged, wants_encryption
from bot.model import CryptoSuite
from tests.support.build import cell, seen

FIRST, SECOND, *_ = (f"SRTP {suite}" for suite in CryptoSuite)
ALONE = f"mandatory/{CryptoSuite.AES_CM_128_HMAC_SHA1_80}"
QUIET = Whole(echoes=False, takes_mandatory=True)


def verdict(name: str, outcome: str, whole: Whole = QUIET, **facts: Any) -> Judgement:
    return judged(cell(name), seen(outcome, **facts), whole)


@pytest.mark.parametrize(
    ("name", "outcome", "expected"),
    [
        ("off", "plain", "pass"),
        ("off", "refused 488", "pass"),
        ("off", FIRST, "fail"),
        ("optional/all", "plain", "pass"),
        ("optional/all", SECOND, "pass"),
        ("mandatory/all", SECOND, "pass"),
        ("mandatory/all", "plain", "fail"),
        ("mandatory/all", "broken: no packets", "fail"),
        ("mandatory/all", "refused 488", "pass"),
        ("mandatory/all", "refused 603", "pass"),
        ("mandatory/all", "refused port 0", "pass"),
        ("mandatory/all", "refused 302", "fail"),
        (ALONE, FIRST, "pass"),
        (ALONE, SECOND, "fail"),
        ("listen/mandatory/all", "refused BYE", "pass"),
    ],
)
def test_the_base_matrix_is_coherent(name: str, outcome: str, expected: str) -> None:
    assert verdict(name, outcome).verdict == expected


def test_an_unusual_refusal_is_noted() -> None:
    assert verdict("mandatory/all", "refused 488").remark is None
    assert "488 is usual" in (verdict("mandatory/all", "refused 603").remark or "")


@pytest.mark.parametrize(
    ("name", "outcome", "expected"),
    [
        ("renegotiation/hold", FIRST, "pass"),
        ("renegotiation/hold", "refused 488", "fail"),
        ("renegotiation/update", "refused 501", "pass"),
        ("renegotiation/late-offer", "plain", "pass"),
        ("negative/unknown-suite-only", "refused 488", "pass"),
        ("negative/unknown-suite-only", FIRST, "deviates"),
        ("negative/unknown-suite-first", "refused 488", "deviates"),
        ("negative/tag-0", "broken: no final response", "deviates"),
        ("negative/crypto-under-avp", "plain", "pass"),
    ],
)
def test_a_case_is_what_the_rfc_allows(name: str, outcome: str, expected: str) -> None:
    assert verdict(name, outcome).verdict == expected


def test_a_deviation_says_what_the_rfc_says_or_what_broke() -> None:
    accepted = verdict("negative/key-too-long", FIRST, why="then this endpoint gave it up")
    assert "RFC 4568 6.1" in (accepted.remark or "")
    assert verdict("negative/tag-0", "broken: x", why="x").remark == "x"


def test_what_a_peer_without_srtp_refuses_shows_nothing() -> None:
    never = Whole(echoes=False, takes_mandatory=False)
    for name in ("negative/unknown-suite-only", "negative/tag-0", "renegotiation/hold"):
        assert verdict(name, "refused 488", never).verdict == "skip"
    assert verdict("negative/unknown-suite-only", FIRST, never).verdict == "deviates"
    unknown = Whole(echoes=False, takes_mandatory=None)
    assert verdict("negative/unknown-suite-only", "refused 488", unknown).verdict == "pass"


@pytest.mark.parametrize("name", ["listen/negative/answer-other-suite", "listen/renegotiation/hold"])
def test_what_this_endpoint_refused_says_nothing_of_the_peer(name: str) -> None:
    """A peer that offers no SRTP never gets the wrong answer that the case is about."""
    assert verdict(name, "refused 488", code=488).verdict == "skip"


def test_what_the_peer_refused_when_it_called_is_judged() -> None:
    assert verdict("listen/negative/answer-other-suite", "refused BYE", code=200).verdict == "pass"
    assert verdict("listen/renegotiation/hold", "refused 488", code=200).verdict == "fail"
    assert verdict("listen/renegotiation/both-directions", "refused 486", code=486).verdict == "fail"


def test_an_echo_that_is_missing_is_a_failure() -> None:
    echo = Whole(echoes=True, takes_mandatory=True)
    assert verdict("mandatory/all", FIRST, echo, audio="marker").verdict == "pass"
    assert verdict("mandatory/all", FIRST, echo, audio="silence").verdict == "fail"
    assert verdict("mandatory/all", FIRST, QUIET, audio="silence").verdict == "pass"
    assert verdict("mandatory/all", "refused 488", echo).verdict == "pass"
    assert verdict("negative/lifetime", FIRST, echo, audio="audio").verdict == "deviates"
    assert verdict("negative/tag-0", FIRST, echo).verdict == "pass"  # only the answer counts


def test_the_whole_is_what_the_cells_tell() -> None:
    def whole(**outcomes: Observation) -> Whole:
        found = {cell(name.replace("__", "/")): one for name, one in outcomes.items()}
        return Whole.around(next(iter(found)), found)

    assert whole(off=seen("plain", audio="marker")) == Whole(echoes=True, takes_mandatory=None)
    assert whole(mandatory__all=seen("refused 488")) == Whole(echoes=False, takes_mandatory=False)
    both = whole(mandatory__all=seen(FIRST, audio="audio"), mandatory__reversed=seen("broken: x"))
    assert both == Whole(echoes=False, takes_mandatory=True)


def test_a_codec_that_the_peer_does_not_know_says_nothing_of_the_others() -> None:
    """Nor of what the peer does once it has accepted a call."""
    found: dict[Cell, Observation] = {}
    for codec, outcome in (("PCMA", FIRST), ("PCMU", "refused 488")):
        for name in ("mandatory/all", "renegotiation/hold"):
            of = replace(cell(name), id=f"{name}+{codec}", codec=codec)
            found[of] = seen(outcome, audio="marker" if outcome == FIRST else None)
    verdicts = {of.id: judged(of, one, Whole.around(of, found)) for of, one in found.items()}
    assert [one.verdict for one in verdicts.values()] == ["pass", "pass", "pass", "skip"]
    remark = verdicts["renegotiation/hold+PCMU"].remark
    assert remark == "the peer refuses mandatory SRTP with PCMU whatever is offered"


def test_what_was_not_measured_is_not_missing() -> None:
    echo = Whole(echoes=True, takes_mandatory=True)
    assert verdict("mandatory/all", FIRST, echo, unmeasured="x.wav: could not be written").verdict == "pass"


def test_an_encrypted_call_in_some_cell() -> None:
    found: dict[Cell, Observation] = {cell("off"): seen("plain"), cell(ALONE): seen(SECOND)}
    judgements = {one: judged(one, what, QUIET) for one, what in found.items()}
    assert encrypted_call(found, judgements) is None  # that suite was not offered
    found[cell("optional/all")] = seen(SECOND)
    judgements = {one: judged(one, what, QUIET) for one, what in found.items()}
    assert encrypted_call(found, judgements) == f"optional/all: {SECOND}"
    assert wants_encryption(list(found))
    assert not wants_encryption([cell("off"), cell("negative/tag-0")])
