"""bot.sip.intake.dtmf_relay: digits in the body of INFO (application/dtmf-relay)."""

from __future__ import annotations

import pytest

from bot.sip.intake import Mended, judge
from tests.support.intake import IN_DIALOG, message, refusal


def info(body: str) -> bytes:
    return message(body, method="INFO", kind="application/dtmf-relay", to=IN_DIALOG)


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("Signal=5\r\nDuration=160\r\n", None),
        ("Signal=5", "Signal=5\r\n"),
        ("Signal= #\r\nDuration= 250", "Signal=#\r\nDuration=250\r\n"),
        ("signal=A\nduration=100\n", "Signal=A\r\nDuration=100\r\n"),
        ("Signal=10\r\nDuration=160\r\n", "Signal=*\r\nDuration=160\r\n"),
        ("Signal=11\r\n", "Signal=#\r\n"),
        ("Signal=15\r\n", "Signal=D\r\n"),
    ],
)
def test_a_digit_by_info(body: str, plain: str | None) -> None:
    verdict = judge(info(body))
    assert (
        verdict.data.partition(b"\r\n\r\n")[2].decode() if isinstance(verdict, Mended) else verdict
    ) == plain


@pytest.mark.parametrize("body", ["Signal", "Signal=\xff\r\n", "Signal==5\r\n", "Duration=5\r\n", "=" * 300])
def test_an_invalid_digit_is_refused(body: str) -> None:
    assert refusal(info(body)).code == 400
