"""bot.report.summary: the result in the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.model import EndedBy
from bot.report.call_result import CallResult, call_result
from bot.report.result import ExpectationResult, Result, Verdict
from bot.report.summary import call_figures, summary
from tests.support.fakes import KEY, PEER, SUITE, Rig, response


def expectation(name: str, passed: bool, observed: str = "CALLING") -> ExpectationResult:
    return ExpectationResult(
        name=name, verdict="pass" if passed else "fail", expected="CONFIRMED", observed=observed, at_s=1.0
    )


def result(
    *expectations: ExpectationResult,
    calls: tuple[CallResult, ...] = (),
    verdict: Verdict = "pass",
    error: str | None = None,
) -> Result:
    return Result(
        verdict=verdict,
        error=error,
        started=datetime(2026, 1, 31, 12, tzinfo=UTC),
        duration_s=6.1,
        calls=list(calls),
        expectations=list(expectations),
    )


@pytest.mark.parametrize(("verdict", "shown"), [("pass", "pass"), ("fail", "FAIL"), ("error", "ERROR")])
def test_the_verdict_is_last(verdict: Verdict, shown: str) -> None:
    text = summary(result(expectation("is confirmed", True), verdict=verdict), colour=False)
    assert text.splitlines()[-1].startswith(f"verdict: {shown}")


def test_expectations_are_a_table() -> None:
    text = summary(
        result(expectation("is ringing", True, "EARLY"), expectation("is confirmed", False), verdict="fail"),
        colour=False,
    )
    heading, passed, failed, *_ = (line.split() for line in text.splitlines())
    assert heading == ["expectation", "observed"]
    assert passed == ["pass", "is", "ringing", "EARLY"]
    assert failed == ["FAIL", "is", "confirmed", "CALLING;", "expected", "CONFIRMED"]


def test_no_colour_means_none() -> None:
    coloured, plain = (summary(result(expectation("a", True)), colour=colour) for colour in (True, False))
    assert "\x1b[" in coloured
    assert "\x1b" not in plain


@pytest.mark.parametrize("text", ["[red]not markup[/]", "[/]", "[bold", "\\[x]"])
def test_what_the_peer_says_is_no_markup(rig: Rig, text: str) -> None:
    line = rig.confirmed()
    line.ended(486, text)
    shown = summary(
        result(expectation(text, False, text), calls=(call_result(line.call),), error=text, verdict="error"),
        colour=False,
    )
    assert shown.count(text) >= 3


def test_an_empty_run() -> None:
    assert summary(result(), colour=False).split("\n") == ["nothing was expected", "verdict: pass"]


def test_the_figures_of_a_call(rig: Rig, tmp_path: Path) -> None:
    from media.audio.wav import write
    from media.compare.compare import compare
    from media.signals.tones import speech_like

    line = rig.outgoing()
    line.received(response(line.dialog, 180, "Ringing"))
    line.answered()
    line.measured(300, 299)
    line.digits("42")
    speech = speech_like(1.0, 8000)
    recording = line.call.record(tmp_path / "rx.wav")
    write(recording.path, speech)
    line.call.facts.comparison = compare(speech, speech)
    line.ended(200, "OK", EndedBy.LOCAL)
    figures = dict(call_figures(call_result(line.call)))
    assert figures.pop("answered").startswith("after ")
    assert figures.pop("audio").startswith("matched, delay 0.0 ms, SNR ")
    assert figures == {
        "codec": "PCMA/8000, 20 ms, sendrecv",
        "encryption": f"{SUITE} (SDES, tag 1); keys were sent in clear text (signalling is not encrypted)",
        "received": "300 packets, loss not reported",
        "sent": "299 packets, loss not reported",
        "DTMF received": "42 (rfc4733)",
        "recording": f"{tmp_path / 'rx.wav'}, 1.00 s",
        "ended": "200 OK, by local",
    }


def test_figures_that_were_not_measured_are_not_shown(rig: Rig) -> None:
    assert call_figures(call_result(rig.outgoing().call)) == []


def test_plain_rtp_is_said(rig: Rig) -> None:
    line = rig.outgoing()
    line.answered(suite=None)
    assert dict(call_figures(call_result(line.call)))["encryption"] == "none, plain RTP"


def test_a_call_is_headed_by_its_peer(rig: Rig) -> None:
    text = summary(result(calls=(call_result(rig.confirmed().call),)), colour=False)
    assert f"srtpbot, call 1 {PEER}" in text
    assert KEY not in text
