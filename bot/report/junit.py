"""JUnit report of a run: test cases for scenarios and expectations, files as attachments.

Valid by the schema of Jenkins (its xUnit plugin's junit-10). The attachments are named as Jenkins,
GitLab and Azure read them, in ``system-out``: a line ``[[ATTACHMENT|path]]`` each. The path is absolute,
on GitLab it is relative to the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from bot.harmless import harmless_lines
from bot.report.result import ExpectationResult, ReportedRun, Result

__all__ = ["junit", "junit_of"]

LONGEST = 20_000
"""Largest number of characters of a line."""
TOOL = "srtpbot"


def junit(result: Result, *, attachments: Sequence[Path] = ()) -> bytes:
    """The XML document of one run."""
    return junit_of([ReportedRun("", result, attachments=attachments)])


def junit_of(runs: Sequence[ReportedRun], *, error: str | None = None) -> bytes:
    """The XML document of several runs: a test suite for each run, and one for ``error``."""
    root = ET.Element("testsuites")
    root.extend(suite(run) for run in runs)
    if error is not None:
        case = test_case("run", TOOL, 0.0)
        problem(case, "error", error.partition("\n")[0], error)
        whole_run = {
            "name": TOOL,
            "tests": "1",
            "failures": "0",
            "errors": "1",
            "skipped": "0",
            "time": "0.000",
        }
        ET.SubElement(root, "testsuite", whole_run).append(case)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def suite(run: ReportedRun) -> ET.Element:
    """The test suite of a scenario or a command."""
    result = run.result
    cases = list(test_cases(run))
    found = ET.Element(
        "testsuite",
        name=clean(run.name) or TOOL,
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped="0",
        time=f"{result.duration_s:.3f}",
        timestamp=result.started.replace(tzinfo=None).isoformat(timespec="seconds"),
    )
    found.extend(cases)
    if run.attachments and not run.name:
        found.append(attached(run.attachments))
    return found


def test_cases(run: ReportedRun) -> Iterator[ET.Element]:
    """The test case of the scenario and of each expectation; a command has a last case for its error."""
    result = run.result
    if run.name:
        yield scenario_case(run)
    before = 0.0
    for expectation in result.expectations:
        case = test_case(expectation.name, clean(run.name) or TOOL, max(0.0, expectation.at_s - before))
        before = expectation.at_s
        if expectation.verdict == "fail":
            problem(case, "failure", f"observed: {expectation.observed}", both_values(expectation))
            if run.attachments:
                case.append(attached(run.attachments))
        yield case
    if result.error is not None and not run.name:
        case = test_case("run", TOOL, 0.0)
        problem(case, "error", result.error.partition("\n")[0], result.error)
        yield case
    elif not result.expectations and not run.name:
        yield test_case("run", TOOL, result.duration_s)


def scenario_case(run: ReportedRun) -> ET.Element:
    """The test case of a scenario."""
    result, failed = run.result, run.failed
    case = test_case(run.name, TOOL, result.duration_s)
    if result.error is not None:
        problem(case, "error", result.error.partition("\n")[0], result.error)
    elif result.verdict == "fail":
        some = f"{len(failed)} of {len(result.expectations)} expectations failed"
        short = f"{some}: {failed[0].name}" if failed else "nothing was expected, so nothing was shown"
        problem(
            case,
            "failure",
            short,
            "\n\n".join(f"{expectation.name}\n{both_values(expectation)}" for expectation in failed) or short,
        )
    flaky = result.verdict == "flaky"  # the elements of Maven Surefire, which Jenkins reads
    kinds = {
        "fail": "flakyFailure" if flaky else "rerunFailure",
        "error": "flakyError" if flaky else "rerunError",
    }
    for attempt in run.failed_attempts:
        problem(case, kinds[attempt.verdict], attempt.reason.partition("\n")[0], attempt.reason)
    if run.attachments:
        case.append(attached(run.attachments))
    return case


def test_case(name: str, of: str, seconds: float) -> ET.Element:
    """A passed test case."""
    return ET.Element("testcase", classname=of, name=clean(name), time=f"{seconds:.3f}")


def problem(case: ET.Element, kind: str, short: str, full: str) -> None:
    """Add the reason of a failure or an error to a test case."""
    ET.SubElement(case, kind, message=clean(short), type=kind).text = clean(full)


def both_values(one: ExpectationResult) -> str:
    """The expected and the observed value of an expectation."""
    return f"expected: {one.expected}\nobserved: {one.observed}"


def attached(paths: Sequence[Path]) -> ET.Element:
    """The files as attachments, one line for each file."""
    element = ET.Element("system-out")
    element.text = "".join(f"\n[[ATTACHMENT|{clean(located(path))}]]" for path in paths) + "\n"
    return element


def located(path: Path) -> str:
    """The path in the form that the CI system expects."""
    project = os.environ.get("CI_PROJECT_DIR")
    absolute = path.absolute()
    if project and absolute.is_relative_to(project):
        return str(absolute.relative_to(project))
    return str(absolute)


def clean(text: str) -> str:
    """The text without control characters; XML 1.0 does not allow most of them."""
    return harmless_lines(text, LONGEST)
