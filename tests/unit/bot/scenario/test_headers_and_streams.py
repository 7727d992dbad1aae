"""Scenarios of header fields and streams with one defect; the failure names the defect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.scenario.load import load
from tests.support.scenarios import SHIPPED, Performed

Broken = Callable[..., Performed]


@pytest.mark.parametrize(
    ("shipped", "old", "new", "named"),
    [
        pytest.param(
            "headers",
            "Diversion: [user-busy, no-answer]",
            "Diversion: [user-busy, time-of-day]",
            ["Diversion: /user-busy/, /time-of-day/", "the INVITE is here"],
            id="one of several is missing",
        ),
        pytest.param(
            "headers",
            "User-Agent: friendly-scanner",
            "User-Agent: srtpbot",
            ["has no header User-Agent in received INVITE", "observed: User-Agent: srtpbot"],
            id="a header that may not say that",
        ),
        pytest.param(
            "headers",
            'within: 200 BYE, header: {X-Charge: "0.05"',
            'within: 200 BYE, header: {X-Charge: "0.07"',
            ["has header in received 200 BYE", "observed: X-Charge: 0.05"],
            id="the answer to a BYE",
        ),
        pytest.param(
            "media-details",
            "stream: {ptime_ms: 40,",
            "stream: {ptime_ms: 20,",
            ["expected: ptime_ms 20", "observed: ptime_ms 40"],
            id="other packets",
        ),
        pytest.param(
            "media-details",
            'digits: "7", method: info}\n  - expect',
            'digits: "7"}\n  - expect',
            ["digit '7': the SDP has no telephone-event"],
            id="no telephone-events",
        ),
    ],
)
def test_what_is_broken_is_named(shipped: str, old: str, new: str, named: list[str], broken: Broken) -> None:
    message = broken(shipped, old, new).message
    for text in named:
        assert text in message


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "User-Agent: friendly-scanner",
            'User-Agent: "("',
            r"no_header: User-Agent: '\(' is not a regular expression",
        ),
        (
            "[user-busy, no-answer]",
            '[user-busy, "*"]',
            r"header: Diversion: '\*' is not a regular expression",
        ),
        ("{X-Agent: ", "{X Agent: ", r"headers: not a header"),
        ('"200 BYE": {X-Charge', '"200 bye": {X-Charge', r"is not a kind of SIP message"),
        ("display_name: 'Zoë", "display_name: 'Zoë\u0007", r"control"),
    ],
)
def test_what_is_no_header_is_refused_before_any_call(old: str, new: str, why: str, tmp_path: Path) -> None:
    text = (SHIPPED / "headers.yaml").read_text()
    assert old in text
    (tmp_path / "s.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=why):
        load(str(tmp_path / "s.yaml"), {})
