"""bot.report.junit: well-formed XML with any text of a peer."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bot.report.junit import clean, junit, junit_of
from bot.report.result import AttemptResult, ReportedRun, Result, Verdict
from tests.support.results import expectation, result

NASTY = "".join(map(chr, range(0x20))) + '<&>"\x7f\x85\u2028\u00e9\U0001f4de]]>'


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
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("1", "0", 1)


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
    assert clean("tab\tline\nreturn\r\n \u00e9 \U0001f4de") == "tab\tline\nreturn\n \u00e9 \U0001f4de"
    assert clean("a\x00\x08\x0b\x1bb") == "a\\x00\\x08\\x0b\\x1bb"


# ---- scenarios and attachments

ATTEMPTS = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err", *ATTEMPTS},
}
ATTRIBUTES = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    ),
    "testcase": ({"name"}, {"time", "classname", "group"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "system-out": (set(), set()),
    **dict.fromkeys(ATTEMPTS, ({"type"}, {"message"})),
}
"""What Jenkins' schema (junit-10.xsd of its xUnit plugin) allows: required and optional attributes."""
SECONDS = re.compile(r"[0-9]+\.[0-9]+")


def check_schema(element: ET.Element) -> None:
    """Fail where Jenkins' schema would."""
    required, optional = ATTRIBUTES[element.tag]
    assert required <= set(element.attrib) <= required | optional, element.tag
    assert {child.tag for child in element} <= CHILDREN.get(element.tag, set()), element.tag
    if "time" in element.attrib:
        assert SECONDS.fullmatch(element.attrib["time"])
    if element.tag in {"testsuites", "testsuite", "testcase"}:
        assert not (element.text or "").strip()
    for child in element:
        assert not (child.tail or "").strip()
        check_schema(child)


def attachments_of(element: ET.Element | None) -> list[str]:
    """As Jenkins reads them: a line each, nothing else on it."""
    assert element is not None
    return re.findall(r"^\[\[ATTACHMENT\|(.*)\]\]$", element.text or "", re.MULTILINE)


@pytest.fixture
def runs(tmp_path: Path) -> list[ReportedRun]:
    files = [tmp_path / "report.html", tmp_path / "heard.wav"]
    return [
        ReportedRun("echo", result(expectation("is confirmed", True), verdict="pass"), attachments=files),
        ReportedRun("busy <2>", result(expectation("a", True), expectation("b", False)), attachments=files),
        ReportedRun("broken", result(error="the agent crashed\n  log", verdict="error")),
        ReportedRun("empty", result()),
    ]


def test_a_test_case_for_each_scenario_and_each_expectation(runs: list[ReportedRun]) -> None:
    root = ET.fromstring(junit_of(runs))
    passed, failed, broken, empty = root
    assert [suite.get("name") for suite in root] == ["echo", "busy <2>", "broken", "empty"]
    assert [(case.get("classname"), case.get("name")) for case in passed] == [
        ("srtpbot", "echo"),
        ("echo", "is confirmed"),
    ]
    assert [suite.get("tests") for suite in root] == ["2", "3", "1", "1"]
    assert [suite.get("failures") for suite in root] == ["0", "2", "0", "1"]
    assert [suite.get("errors") for suite in root] == ["0", "0", "1", "0"]
    failure = failed[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "1 of 2 expectations failed: b"
    assert failure.text == "b\nexpected: CONFIRMED\nobserved: CALLING"
    error = broken[0].find("error")
    assert error is not None
    assert error.get("message") == "the agent crashed"
    assert empty[0].find("failure") is not None  # nothing was shown


def test_the_schema_of_jenkins(runs: list[ReportedRun]) -> None:
    check_schema(ET.fromstring(junit_of(runs)))
    check_schema(ET.fromstring(junit_of([])))
    failed = result(expectation("x", False, observed=NASTY), error=NASTY)
    check_schema(ET.fromstring(junit(failed, attachments=[Path("a.wav")])))


def test_attachments_are_named_where_people_look(
    runs: list[ReportedRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)
    passed, failed, *_ = ET.fromstring(junit_of(runs))
    paths = [str(tmp_path / "report.html"), str(tmp_path / "heard.wav")]
    for case in (passed[0], failed[0], failed[2]):  # the scenario, and what failed in it
        assert attachments_of(case.find("system-out")) == paths
    for case in (passed[1], failed[1]):
        assert case.find("system-out") is None


def test_on_gitlab_attachments_are_relative_to_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    files = [tmp_path / "out" / "report.html", Path("/elsewhere/heard.wav")]
    root = ET.fromstring(junit(result(expectation("a", True)), attachments=files))
    assert attachments_of(root[0].find("system-out")) == ["out/report.html", "/elsewhere/heard.wav"]


@pytest.mark.parametrize(("verdict", "before"), [("flaky", "flaky"), ("fail", "rerun"), ("error", "rerun")])
def test_failed_attempts_are_told_as_jenkins_reads_them(verdict: Verdict, before: str) -> None:
    attempts = [
        AttemptResult(verdict="fail", reason="call 1 is confirmed\nexpected: x", duration_s=1.0),
        AttemptResult(verdict="error", reason="port in use", duration_s=1.0),
    ]
    last = result(verdict=verdict, error="port in use" if verdict == "error" else None)
    document = ET.fromstring(junit_of([ReportedRun("echo", last, failed_attempts=attempts)]))
    check_schema(document)
    case = document.find("testsuite/testcase")
    assert case is not None
    assert [child.tag for child in case][-2:] == [f"{before}Failure", f"{before}Error"]
    assert [child.get("message") for child in case][-2:] == ["call 1 is confirmed", "port in use"]
    assert len(case) == 2 + (verdict != "flaky")
