"""The keys and SSRCs of a call between two parties, and how to read the analysis of its capture."""

from __future__ import annotations

from bot.capture.analysis import Analysis, Protection, StreamReport
from tests.support.scene import SUITE, inline, key_of

OFFER = f"1 {SUITE} {inline(SUITE, 1)}"
OTHER = f"2 AES_256_CM_HMAC_SHA1_80 {inline('AES_256_CM_HMAC_SHA1_80', 3)}"
ANSWER = f"1 {SUITE} {inline(SUITE, 2)}"
HERS, HIS = key_of(SUITE, 1), key_of(SUITE, 2)
A, B = 0xA, 0xB


def protection(one: StreamReport) -> Protection:
    assert one.protection is not None
    return one.protection


def of(analysis: Analysis, ssrc: int) -> StreamReport:
    (found,) = [stream for stream in analysis.streams if stream.ssrc == ssrc]
    return found


def counted(one: StreamReport) -> dict[str, int]:
    """What its packets are, without what they are not."""
    names = ("authenticated", "untagged", "plain", "failed", "swapped", "discarded", "reused")
    return {name: number for name in names if (number := getattr(protection(one), name))}
