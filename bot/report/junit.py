"""A run as a JUnit report: test cases for scenarios and expectations, files named as attachments.

Valid by the schema of Jenkins (its xUnit plugin's junit-10). The attachments are named as Jenkins,
GitLab and Azure read them, in ``system-out``: a line ``[[ATTACHMENT|path]]`` each. The path is absolute,
but on GitLab relative to the project, as each of them wants it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from bot.report.chapter import Chapter
from bot.report.result import ExpectationResult, Result

__all__ = ["junit", "junit_of"]

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TOOL = "srtpbot"


def junit(result: Result, *, name: str = "", attachments: Sequence[Path] = ()) -> bytes:
    """The XML document of one run; a ``name`` makes it a scenario with a test case of its own."""
    return junit_of([Chapter(name, result, attachments=attachments)])


def junit_of(chapters: Sequence[Chapter]) -> bytes:
    """The XML document of a run, a suite for each of its parts."""
    root = ET.Element("testsuites")
    root.extend(suite(chapter) for chapter in chapters)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def suite(chapter: Chapter) -> ET.Element:
    """A scenario, or a command."""
    result = chapter.result
    cases = list(test_cases(chapter))
    found = ET.Element(
        "testsuite",
        name=clean(chapter.name) or TOOL,
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped="0",
        time=f"{result.duration_s:.3f}",
        timestamp=result.started.replace(tzinfo=None).isoformat(timespec="seconds"),
    )
    found.extend(cases)
    if chapter.attachments and not chapter.name:
        found.append(attached(chapter.attachments))
    return found


def test_cases(chapter: Chapter) -> Iterator[ET.Element]:
    """The scenario as a whole, then each expectation; without a scenario, an error comes last."""
    result = chapter.result
    if chapter.name:
        yield whole(chapter)
    before = 0.0
    for one in result.expectations:
        case = test_case(one.name, clean(chapter.name) or TOOL, max(0.0, one.at_s - before))
        before = one.at_s
        if one.verdict == "fail":
            problem(case, "failure", f"observed: {one.observed}", told(one))
            if chapter.attachments:
                case.append(attached(chapter.attachments))
        yield case
    if result.error is not None and not chapter.name:
        case = test_case("run", TOOL, 0.0)
        problem(case, "error", result.error.partition("\n")[0], result.error)
        yield case


def whole(chapter: Chapter) -> ET.Element:
    """The test case of a scenario."""
    result, failed = chapter.result, chapter.failed
    case = test_case(chapter.name, TOOL, result.duration_s)
    if result.error is not None:
        problem(case, "error", result.error.partition("\n")[0], result.error)
    elif result.verdict == "fail":
        some = f"{len(failed)} of {len(result.expectations)} expectations failed"
        short = f"{some}: {failed[0].name}" if failed else "nothing was expected, so nothing was shown"
        problem(case, "failure", short, "\n\n".join(f"{one.name}\n{told(one)}" for one in failed) or short)
    if chapter.attachments:
        case.append(attached(chapter.attachments))
    return case


def test_case(name: str, of: str, seconds: float) -> ET.Element:
    """One that passed, until it is told otherwise."""
    return ET.Element("testcase", classname=of, name=clean(name), time=f"{seconds:.3f}")


def problem(case: ET.Element, kind: str, short: str, full: str) -> None:
    """Why it did not pass."""
    ET.SubElement(case, kind, message=clean(short), type=kind).text = clean(full)


def told(one: ExpectationResult) -> str:
    """Both sides of an expectation."""
    return f"expected: {one.expected}\nobserved: {one.observed}"


def attached(paths: Sequence[Path]) -> ET.Element:
    """The files, a line each."""
    element = ET.Element("system-out")
    element.text = "".join(f"\n[[ATTACHMENT|{clean(located(path))}]]" for path in paths) + "\n"
    return element


def located(path: Path) -> str:
    """The path as the CI system that this runs in finds it."""
    project = os.environ.get("CI_PROJECT_DIR")
    absolute = path.absolute()
    if project and absolute.is_relative_to(project):
        return str(absolute.relative_to(project))
    return str(absolute)


def clean(text: str) -> str:
    """Without the control characters that XML 1.0 cannot carry."""
    return UNPRINTABLE.sub("", text)
