"""bot.report.junit: well-formed XML, whatever the peer said."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from bot.report.junit import clean, junit
from bot.report.result import ExpectationResult, Result, Verdict

NASTY = "".join(map(chr, range(0x20))) + '<&>"\x7f\x85\u2028\u00e9\U0001f4de]]>'


def expectation(name: str, passed: bool, at_s: float = 1.0, observed: str = "CALLING") -> ExpectationResult:
    return ExpectationResult(
        name=name,
        verdict="pass" if passed else "fail",
        expected="CONFIRMED",
        observed=observed,
        at_s=at_s,
    )


def result(*expectations: ExpectationResult, error: str | None = None, verdict: Verdict = "fail") -> Result:
    return Result(
        verdict=verdict,
        error=error,
        started=datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC),
        duration_s=6.1,
        calls=[],
        expectations=list(expectations),
    )


def suite_of(result: Result) -> ET.Element:
    root = ET.fromstring(junit(result))
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    return suite


def test_a_test_case_for_each_expectation() -> None:
    suite = suite_of(
        result(expectation("is ringing", True, 1.0), expectation("is confirmed", False, 2.5), verdict="fail")
    )
    assert suite.attrib == {
        "name": "srtpbot",
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
        "time": "6.100",
        "timestamp": "2026-01-31T12:00:00",
    }
    passed, failed = suite
    assert (passed.get("name"), passed.get("time"), len(passed)) == ("is ringing", "1.000", 0)
    assert (failed.get("name"), failed.get("time")) == ("is confirmed", "1.500")
    (failure,) = failed
    assert failure.tag == "failure"
    assert failure.get("message") == "observed: CALLING"
    assert failure.text == "expected: CONFIRMED\nobserved: CALLING"


def test_an_error_is_a_test_case_of_its_own() -> None:
    suite = suite_of(result(error="the agent crashed\n  | log line", verdict="error"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "1")
    (case,) = suite
    (error,) = case
    assert (case.get("name"), error.tag, error.get("message")) == ("run", "error", "the agent crashed")
    assert error.text == "the agent crashed\n  | log line"


def test_nothing_at_all() -> None:
    suite = suite_of(result())
    assert (suite.get("tests"), len(suite)) == ("0", 0)


def test_time_does_not_run_backwards() -> None:
    suite = suite_of(result(expectation("a", True, 2.0), expectation("b", True, 1.0)))
    assert [case.get("time") for case in suite] == ["2.000", "0.000"]


def test_it_is_a_document() -> None:
    document = junit(result(expectation("is confirmed", False)))
    assert document.startswith(b"<?xml version=")
    assert document.endswith(b"</testsuites>\n")


def test_control_characters_do_not_break_it() -> None:
    suite = suite_of(result(expectation("is confirmed", False, observed=NASTY), error=NASTY))
    case, error = suite
    for shown in (case[0].text, case[0].get("message"), error[0].text):
        assert shown is not None
        assert '<&>"' in shown
        assert "\U0001f4de]]>" in shown
        assert "\x00" not in shown
        assert "\x1b" not in shown


@pytest.mark.parametrize("code", [*range(0x20), 0x7F, 0x85, 0xFFFD])
def test_each_control_character(code: int) -> None:
    suite = suite_of(result(expectation("is confirmed", False, observed=f"a{chr(code)}b")))
    text = suite[0][0].text
    assert text is not None
    assert text.startswith("expected: CONFIRMED\nobserved: a")
    assert text.endswith("b")


def test_clean_leaves_text_alone() -> None:
    assert clean("tab\tline\nreturn\r \u00e9 \U0001f4de") == "tab\tline\nreturn\r \u00e9 \U0001f4de"
    assert clean("a\x00\x08\x0b\x1bb") == "ab"
