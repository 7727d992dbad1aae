"""bot.sip.mwi: message summaries (RFC 3842 section 5)."""

from __future__ import annotations

import pytest

from bot.sip.mwi import MwiSummary


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nVoice-Message: 2/8 (0/2)\r\n",
            MwiSummary(waiting=True, new=2, old=8, urgent_new=0, urgent_old=2),
        ),
        ("messages-waiting : YES\nvoice-message:1 / 0\n", MwiSummary(waiting=True, new=1, old=0)),
        ("Messages-Waiting: no\r\n", MwiSummary(waiting=False)),
        ("Messages-Waiting: yes\r\nFax-Message: 4/8\r\n", MwiSummary(waiting=True)),
        ("Voice-Message: many\r\n", MwiSummary(waiting=False)),
        ("", MwiSummary(waiting=False)),
    ],
)
def test_summary(body: str, expected: MwiSummary) -> None:
    assert MwiSummary.parse(body) == expected
