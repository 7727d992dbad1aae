"""bot.interop.outcome: the words, and patterns over them."""

from __future__ import annotations

import pytest

from bot.interop.outcome import BYE, PLAIN, broken, is_refusal, matches, refused, short, srtp, suite_of

SUITE = "AES_CM_128_HMAC_SHA1_80"


def test_words() -> None:
    assert srtp(SUITE) == f"SRTP {SUITE}"
    assert suite_of(srtp(SUITE)) == SUITE
    assert refused(488) == "refused 488"
    assert refused(BYE) == "refused BYE"
    assert broken("no packets") == "broken: no packets"
    assert [suite_of(one) for one in (PLAIN, refused(488), broken("x"))] == [None] * 3
    assert [is_refusal(one) for one in (refused(603), PLAIN, broken("refused"), srtp(SUITE))] == [
        True, False, False, False,
    ]  # fmt: skip


def test_the_reason_is_left_out() -> None:
    assert short(broken("one-way: sent 60, received 0")) == "broken"
    assert short("broken") == "broken"
    assert short(refused(488)) == "refused 488"


@pytest.mark.parametrize(
    ("outcome", "patterns", "fits"),
    [
        ("refused 488", ("refused *",), True),
        ("refused 488", ("refused 4??",), True),
        ("refused 603", ("refused 4??", "plain"), False),
        ("SRTP A", ("plain", "SRTP *"), True),
        ("broken: it ended", ("broken",), True),
        ("broken: it ended", ("broken*",), True),
        ("plain", ("PLAIN",), False),
        ("plain", (), False),
    ],
)
def test_patterns(outcome: str, patterns: tuple[str, ...], fits: bool) -> None:
    assert matches(outcome, patterns) is fits
