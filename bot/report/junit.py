"""The result as a JUnit report: a test case for each expectation, one more for an error."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from bot.report.result import Result

__all__ = ["junit"]

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: Result) -> bytes:
    """The XML document."""
    failed = [one for one in result.expectations if one.verdict == "fail"]
    suite = ET.Element(
        "testsuite",
        name="srtpbot",
        tests=str(len(result.expectations) + (result.error is not None)),
        failures=str(len(failed)),
        errors=str(int(result.error is not None)),
        skipped="0",
        time=f"{result.duration_s:.3f}",
        timestamp=result.started.replace(tzinfo=None).isoformat(timespec="seconds"),
    )
    before = 0.0
    for one in result.expectations:
        case = ET.SubElement(
            suite,
            "testcase",
            classname="srtpbot",
            name=clean(one.name),
            time=f"{max(0.0, one.at_s - before):.3f}",
        )
        before = one.at_s
        if one.verdict == "fail":
            failure = ET.SubElement(case, "failure", message=clean(f"observed: {one.observed}"))
            failure.text = clean(f"expected: {one.expected}\nobserved: {one.observed}")
    if result.error is not None:
        case = ET.SubElement(suite, "testcase", classname="srtpbot", name="run", time="0")
        ET.SubElement(case, "error", message=clean(result.error.partition("\n")[0])).text = clean(
            result.error
        )
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def clean(text: str) -> str:
    """Without the control characters that XML 1.0 cannot carry."""
    return UNPRINTABLE.sub("", text)
