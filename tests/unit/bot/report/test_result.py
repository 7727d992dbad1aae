"""bot.report.result: the result of a run, its contract, its verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.capture.verification import WireCounters, WireResult
from bot.ipc.events import ExpectationChecked
from bot.model import EndedBy
from bot.report.result import SCHEMA, Result, run_result
from bot.ua.journal import Journal
from tests.support.fakes import KEY, PASSWORD, SUITE, Line, Rig
from tests.support.results import builtins

CONTRACT: dict[str, Any] = {
    "schema": 0,
    "verdict": 0,
    "error": 0,
    "started": 0,
    "duration_s": 0,
    "calls": [
        {
            "id": 0,
            "direction": 0,
            "sip_call_id": 0,
            "local_uri": 0,
            "remote_uri": 0,
            "transport": 0,
            "states": [{"state": 0, "at_s": 0, "code": 0, "reason": 0}],
            "setup": {"trying_ms": 0, "ringing_ms": 0, "answered_ms": 0},
            "disconnect": {"code": 0, "reason": 0, "by": 0},
            "media": [
                {
                    "type": 0,
                    "codec": 0,
                    "clock_rate": 0,
                    "ptime_ms": 0,
                    "direction": 0,
                    "profile": 0,
                    "local": 0,
                    "remote": 0,
                    "srtp": {"active": 0, "keying": 0, "suite": 0, "tag": 0, "offered": 0},
                    "rx": {
                        "packets": 0,
                        "bytes": 0,
                        "lost": 0,
                        "discarded": 0,
                        "reordered": 0,
                        "duplicate": 0,
                        "jitter_ms_mean": 0,
                        "jitter_ms_max": 0,
                    },
                    "tx": {"packets": 0, "bytes": 0, "lost": 0, "jitter_ms_mean": 0, "jitter_ms_max": 0},
                    "rtt_ms": 0,
                    "mos_lq": 0,
                    "mos_cq": 0,
                }
            ],
            "dtmf": {
                "sent": [{"digit": 0, "method": 0, "at_s": 0}],
                "received": [{"digit": 0, "method": 0, "duration_ms": 0, "at_s": 0}],
            },
            "recording": {"path": 0, "duration_s": 0, "sample_rate": 0},
            "audio": {
                "matched": 0,
                "delay_ms": 0,
                "snr_db": 0,
                "correlation": 0,
                "missing_ms": 0,
                "gaps": 0,
            },
        }
    ],
    "expectations": [{"name": 0, "verdict": 0, "expected": 0, "observed": 0, "at_s": 0}],
}
"""The names that users' scripts read; there may be more."""


def missing(contract: Any, found: Any, at: str = "$") -> list[str]:
    """The names of the contract that are not there."""
    if isinstance(contract, dict):
        if not isinstance(found, dict):
            return [at]
        lost = [f"{at}.{name}" for name in contract if name not in found]
        return lost + [
            one
            for name in contract
            if name in found
            for one in missing(contract[name], found[name], f"{at}.{name}")
        ]
    if isinstance(contract, list):
        return missing(contract[0], found[0], f"{at}[0]") if found else [f"{at}[0]"]
    return []


def checked(journal: Journal, passed: bool = True, name: str = "call 1 is confirmed") -> ExpectationChecked:
    return ExpectationChecked(
        at=journal.started_at + 1.5,
        name=name,
        passed=passed,
        expected="CONFIRMED",
        observed="CONFIRMED" if passed else "CALLING",
        call=1,
    )


# ---- the contract


def test_every_name_of_the_contract_is_there(rig: Rig, whole: Line) -> None:
    result = run_result(rig.journal, 6.1, [whole.call], [checked(rig.journal)], None)
    assert missing(CONTRACT, builtins(result)) == []


def test_the_result_can_be_read_again(rig: Rig, whole: Line) -> None:
    result = run_result(rig.journal, 6.1, [whole.call], [checked(rig.journal)], None)
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


def test_a_run(rig: Rig) -> None:
    result = builtins(run_result(rig.journal, 6.10049, [], [checked(rig.journal)], None))
    started = datetime.fromisoformat(result.pop("started"))
    assert started.utcoffset() == timedelta(0)
    assert started == rig.journal.started
    assert result == {
        "schema": SCHEMA,
        "verdict": "pass",
        "error": None,
        "duration_s": 6.1,
        "calls": [],
        "refused": [],
        "refused_messages": {},
        "restarts": [],
        "limits_reached": {},
        "environment": None,
        "expectations": [
            {
                "name": "call 1 is confirmed",
                "verdict": "pass",
                "expected": "CONFIRMED",
                "observed": "CONFIRMED",
                "at_s": 1.5,
            }
        ],
    }
    assert SCHEMA == "srtpbot.result/1"


def test_what_was_captured(rig: Rig) -> None:
    line = rig.confirmed()
    ways = [WireCounters(packets=9, authenticated=n, plain=9 - n, failed=0) for n in (9, 0)]
    wire = WireResult(rx=ways[0], tx=ways[1], suite=SUITE, reused=0)
    known = {line.call: {0: wire}}
    found = run_result(Journal(), 1.0, [line.call], [], None, wire=known)
    assert builtins(found)["calls"][0]["media"][0]["wire"] == {
        "rx": {"packets": 9, "authenticated": 9, "plain": 0, "failed": 0, "protected": 0},
        "tx": {"packets": 9, "authenticated": 0, "plain": 9, "failed": 0, "protected": 0},
        "suite": SUITE,
        "reused": 0,
        "dtls": 0,
    }


# ---- the verdict


@pytest.mark.parametrize(
    ("verdicts", "error", "verdict"),
    [
        ([True], None, "pass"),
        ([True, True], None, "pass"),
        ([True, False], None, "fail"),
        ([False], None, "fail"),
        ([], None, "pass"),
        ([], "port in use", "error"),
        ([True], "the agent crashed", "error"),
        ([False], "the agent crashed", "error"),
    ],
)
def test_verdict(verdicts: list[bool], error: str | None, verdict: str) -> None:
    journal = Journal()
    result = run_result(journal, 1.0, [], [checked(journal, passed) for passed in verdicts], error)
    assert result.verdict == verdict
    assert result.error == error


def test_a_call_of_which_nothing_is_expected_may_not_be_broken(rig: Rig) -> None:
    line = rig.confirmed()
    broken = run_result(rig.journal, 1.0, [line.call], [], None)
    assert broken.verdict == "fail"
    [one] = broken.expectations
    assert (one.name, one.observed) == ("call 1 ends in order", "CONFIRMED")
    line.ended()
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "pass"
    cut = rig.confirmed()
    cut.ended(408, "Request Timeout", EndedBy.ERROR)
    [one] = run_result(rig.journal, 1.0, [line.call, cut.call], [], None).expectations
    assert (one.name, one.observed) == ("call 2 ends in order", "408 Request Timeout, by error")


def test_a_refused_offer_is_no_broken_call(rig: Rig) -> None:
    line = rig.incoming()
    line.ended(488, "this side ended the call: the SDP in INVITE is not acceptable", EndedBy.ERROR)
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "pass"
    line = rig.incoming(dialog="other@peer")
    line.ended(500, "Server Internal Error", EndedBy.ERROR)
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "fail"
    line = rig.confirmed()
    line.ended(488, "Not Acceptable Here", EndedBy.ERROR)
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "fail"


# ---- secrets


def test_secrets_are_not_in_the_result(new_rig: Callable[..., Rig]) -> None:
    rig = new_rig(user="alice", password=PASSWORD)
    line = rig.confirmed()
    result = run_result(rig.journal, 1.0, [line.call], [checked(rig.journal)], None)
    text = msgspec.json.encode(result).decode() + repr(result)
    assert SUITE in text
    assert KEY not in text
    assert PASSWORD not in text
