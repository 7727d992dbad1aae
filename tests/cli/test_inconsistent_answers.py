"""Answers that do not fit an offer with optional SRTP: no call with one of them passes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot import ExpectationFailed, expect
from tests.support.commands import NewBot
from tests.support.sip_peer import SipPeer, pcma, sdp
from tests.support.starting import NewEndpoint

KEY = "A" * 40
SUITE = "AES_CM_128_HMAC_SHA1_80"


@contextmanager
def answering(profile: str, *lines: str) -> Iterator[SipPeer]:
    """A peer that accepts one call with this answer, and its BYE."""

    def serve() -> None:
        peer.reply(peer.expect("INVITE"), 200, body=sdp(pcma(peer.media.port, *lines, profile=profile)))
        peer.reply(peer.expect("BYE"), 200)

    with SipPeer(timeout=30.0) as peer:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield peer
        finally:
            thread.join()


INCONSISTENT = {
    "SAVP without a key": ("RTP/SAVP", []),
    "another suite": ("RTP/AVP", [f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}{'A' * 22}=="]),
    "a tag that was not offered": ("RTP/AVP", [f"a=crypto:9 {SUITE} inline:{KEY}"]),
    "two keys": ("RTP/AVP", [f"a=crypto:1 {SUITE} inline:{KEY}", f"a=crypto:1 {SUITE} inline:{KEY}"]),
    "DTLS": ("UDP/TLS/RTP/SAVP", []),
}


@pytest.mark.parametrize("answer", INCONSISTENT)
def test_call_does_not_pass(answer: str, call: NewBot) -> None:
    profile, lines = INCONSISTENT[answer]
    with answering(profile, *lines) as peer:
        bot = call(peer.uri, "--srtp", "optional", "--suite", SUITE, "--codec", "PCMA",
                   *("--duration", 0.3, "--expect-media", "any"))  # fmt: skip
        assert bot.end(timeout=30) == 1, bot.said
    failed = [line for line in bot.stdout.splitlines() if line.startswith("FAIL")]
    assert failed, bot.said


def test_what_does_not_agree_is_told(new_endpoint: NewEndpoint) -> None:
    with answering("RTP/SAVP") as peer:
        outgoing = new_endpoint(srtp="optional").make_call(peer.uri)
        expect(outgoing).to_be_confirmed(timeout=15)
        for assertion in (
            expect(outgoing).to_agree_on_encryption,
            expect(outgoing).to_be_encrypted,
            expect(outgoing).not_to_be_encrypted,
        ):
            with pytest.raises(ExpectationFailed, match="RTP/SAVP"):
                assertion(timeout=1)
        outgoing.hangup()
