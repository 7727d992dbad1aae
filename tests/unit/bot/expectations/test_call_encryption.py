"""bot.expectations.call: SRTP, its crypto suite and packets that are not authentic."""

from __future__ import annotations

import pytest

from bot import expect
from bot.errors import ConfigError, ExpectationFailed
from bot.model import CryptoSuite
from tests.support.call_assertions import NONE_READ, fails, passes, passes_later, verdicts
from tests.support.fakes import LONG, SUITE, Line, Rig, audio, invite, response, sdp

OTHER = CryptoSuite.AES_CM_128_HMAC_SHA1_32


@pytest.mark.parametrize("suite", [None, SUITE, str(SUITE)])
def test_to_be_encrypted(rig: Rig, line: Line, suite: str | None) -> None:
    passes_later(rig, line.call, lambda it: it.to_be_encrypted(suite, timeout=LONG), line.answered)
    assert verdicts(rig)[0].observed == f"{SUITE} (offered {SUITE}; answered {SUITE})"


def test_to_be_encrypted_with_another_suite_is_hopeless(rig: Rig, talk: Line) -> None:
    text = fails(rig, talk.call, lambda it: it.to_be_encrypted(OTHER, timeout=LONG))
    assert f"expected: {OTHER}" in text
    assert f"it can no longer come true: the stream runs {SUITE}" in text


def test_to_be_encrypted_is_hopeless_over_plain_rtp(rig: Rig, line: Line) -> None:
    line.answered(suite=None)
    text = fails(rig, line.call, lambda it: it.to_be_encrypted(timeout=LONG))
    assert "observed: plain RTP (offered nothing; answered nothing)" in text
    assert "RTP/AVP PCMA, no crypto" in text


@pytest.mark.parametrize("active", [None, OTHER])
def test_to_be_encrypted_fails_when_sdp_and_library_differ(
    rig: Rig, talk: Line, active: CryptoSuite | None
) -> None:
    talk.media(audio(suite=active))
    text = fails(rig, talk.call, lambda it: it.to_be_encrypted(active, timeout=LONG))
    assert f"the SDP answer chose {SUITE}, the library runs {active or 'no SRTP'}" in text


def test_to_be_encrypted_fails_when_offer_and_answer_differ(rig: Rig, line: Line) -> None:
    line.sent(invite(line.dialog, cseq=2, body=sdp(tag=1)))
    line.received(response(line.dialog, 200, "OK", cseq=2, body=sdp(tag=2)))
    line.media(audio())
    text = fails(rig, line.call, lambda it: it.to_be_encrypted(timeout=LONG))
    assert "the answer's tag 2 is not among the offered tags 1" in text


@pytest.mark.parametrize("suite", ["AES", "aes_cm_128_hmac_sha1_80", ""])
def test_to_be_encrypted_with_an_unknown_suite(rig: Rig, talk: Line, suite: str) -> None:
    with pytest.raises(ConfigError, match="AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32"):
        expect(talk.call).to_be_encrypted(suite)
    assert verdicts(rig) == []


def test_not_to_be_encrypted(rig: Rig, line: Line) -> None:
    passes_later(
        rig,
        line.call,
        lambda it: it.not_to_be_encrypted(timeout=LONG),
        lambda: line.answered(suite=None),
    )


def test_not_to_be_encrypted_is_hopeless_over_srtp(rig: Rig, talk: Line) -> None:
    text = fails(rig, talk.call, lambda it: it.not_to_be_encrypted(timeout=LONG))
    assert "expected: plain RTP" in text
    assert f"the stream runs {SUITE}" in text


def test_to_be_encrypted_needs_an_authentic_packet_where_any_came(rig: Rig, talk: Line) -> None:
    talk.measured(0, 100, refused=NONE_READ)
    with pytest.raises(
        ExpectationFailed, match=r"150 packets came, none of which could be read: .* MKI of 4"
    ) as failed:
        expect(talk.call).to_be_encrypted(timeout=0)
    assert "it can no longer come true: no received packet was authentic" in str(failed.value)


def test_to_be_encrypted_beside_packets_that_were_refused(rig: Rig, talk: Line) -> None:
    talk.measured(126, 100, refused={"not authentic": 275})
    observed = passes(rig, talk.call, lambda it: it.to_be_encrypted(timeout=0)).observed
    assert "275 packets came, beside 126 that were taken: 275 not authentic" in observed
