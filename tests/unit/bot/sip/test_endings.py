"""bot.sip.endings: texts about the end of a call."""

from __future__ import annotations

import pytest

from bot.sip.endings import ended_text, no_answer


@pytest.mark.parametrize(
    ("code", "reason", "by", "text"),
    [
        (486, "Busy Here", "remote", "486 Busy Here, by remote"),
        (486, "", None, "486"),
        (0, "no answer", "error", "no answer, by error"),
        (None, "", "local", "no status code was received, by local"),
    ],
)
def test_ended(code: int | None, reason: str, by: str | None, text: str) -> None:
    assert ended_text(code, reason, by) == text


def test_no_answer() -> None:
    peer = "192.0.2.1:5060"
    silence = f"no answer from {peer} within 32 s (7 INVITEs sent, nothing received)"
    assert no_answer("INVITE", peer, 7, seconds=32.02) == silence
    assert no_answer("OPTIONS", peer, 2) == f"no answer from {peer} (2 OPTIONS sent, nothing received)"
    refused = f"no answer from {peer}: Connection refused (1 BYE sent, nothing received)"
    assert no_answer("BYE", peer, 1, why="Connection refused") == refused
    unsent = f"no connection to {peer}: Connection refused (nothing was sent)"
    assert no_answer("INVITE", peer, 0, why="Connection refused") == unsent
    rings = f"no final response from {peer} within 2.0 s (1 INVITE sent, only 180 Ringing received)"
    assert no_answer("INVITE", peer, 1, seconds=2, heard="180 Ringing") == rings
