"""bot.sip.session_timer: requested and negotiated intervals."""

from __future__ import annotations

from typing import Any

import pytest

from bot import ConfigError, EndpointConfig
from bot.model import SessionTimer
from bot.sip.message import Message
from bot.sip.session_timer import NegotiatedTimer, negotiated


def answer(cseq: str, expires: str = "", *, status: int = 200, name: str = "Session-Expires") -> Message:
    """A response, with a session interval if one is given."""
    field = f"{name}: {expires}\r\n" if expires else ""
    return Message.parse(f"SIP/2.0 {status} Any\r\nCSeq: {cseq}\r\n{field}\r\n")


@pytest.mark.parametrize(
    ("messages", "timer"),
    [
        ([answer("1 INVITE", "1800;refresher=uac")], NegotiatedTimer(1800, "uac")),
        ([answer("1 INVITE", "90 ; x=1 ; refresher = UAS", name="x")], NegotiatedTimer(90, "uas")),
        ([answer("1 INVITE", "120")], NegotiatedTimer(120, None)),
        ([answer("1 INVITE", "1800;refresher=uac"), answer("2 UPDATE", "90")], NegotiatedTimer(90, None)),
        ([answer("1 INVITE", "90"), answer("2 INVITE", "300", status=422)], NegotiatedTimer(90, None)),
        ([answer("1 INVITE", "90"), answer("2 INVITE")], None),
        ([answer("1 INVITE", "90", status=183), answer("2 OPTIONS", "90")], None),
        ([answer("1 INVITE", "soon")], None),
        ([], None),
    ],
)
def test_the_last_success_counts(messages: list[Message], timer: NegotiatedTimer | None) -> None:
    assert negotiated(messages) == timer


def test_it_is_written_as_in_the_header() -> None:
    assert str(NegotiatedTimer(90, "uas")) == "90;refresher=uas"
    assert str(NegotiatedTimer(90, None)) == "90"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_se_s": 89}, "min_se_s: expected 90 seconds or more"),
        ({"session_expires_s": 89}, r"session_expires_s: expected min_se_s \(90 seconds\) or more"),
        ({"session_expires_s": 100, "min_se_s": 120}, r"expected min_se_s \(120 seconds\) or more"),
        ({"session_timer": "sometimes"}, "session_timer"),
        ({"follow_redirects": -1}, "follow_redirects: expected 0 to 70, got -1"),
        ({"follow_redirects": 71}, "follow_redirects: expected 0 to 70, got 71"),
        ({"reliable_provisional": "yes"}, "reliable_provisional"),
    ],
)
def test_settings_that_nobody_may_ask_for(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EndpointConfig().with_options(**settings)


def test_settings_as_written() -> None:
    config = EndpointConfig().with_options(session_timer="always", session_expires_s=90, min_se_s=90)
    assert (config.session_timer, config.session_expires_s) == (SessionTimer.ALWAYS, 90)
