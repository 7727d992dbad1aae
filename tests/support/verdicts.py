"""The verdict of a run, read from each output of a command: JUnit, report.html, the terminal."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.support.process import FAILED, INTERRUPTED, OK, TROUBLE, USAGE

__all__ = ["OUTPUTS", "VERDICTS", "of_junit", "of_page", "of_terminal"]

OUTPUTS = ["--out", "out", "--json", "also.json", "--junit", "also.xml"]
VERDICTS = {OK: "pass", FAILED: "fail", USAGE: "error", TROUBLE: "error", INTERRUPTED: "error"}


def of_junit(path: Path) -> str:
    cases = list(ET.parse(path).iter("testcase"))  # a report of our own making
    counted = {kind: sum(int(suite.get(kind, "0")) for suite in ET.parse(path).iter("testsuite")) for kind in
               ("tests", "errors", "failures")}  # fmt: skip
    assert counted["tests"] == len(cases)
    assert counted["errors"] == sum(case.find("error") is not None for case in cases)
    if counted["errors"]:
        return "error"
    return "fail" if counted["failures"] else "pass" if cases else "nothing"


def of_page(path: Path) -> str:
    text = path.read_text()
    [banner] = set(re.findall(r'class="banner (\w+)"', text))
    assert re.search(rf"<title>[^<]*: {banner}</title>", text)
    return str(banner)


def of_terminal(said: str) -> str:
    if said.startswith("Usage: ") or re.search(r"^srtpbot: ", said, re.MULTILINE):
        return "error"
    verdicts = re.findall(r"^verdict: (\w+)", said, re.MULTILINE)
    if verdicts:
        return str(verdicts[-1]).lower()
    tally = [line for line in said.rstrip().splitlines() if not line.startswith("report: ")]
    if "interrupted" in tally[-1] or re.search(r"\d+ could not be judged", tally[-1]):
        return "error"
    return "fail" if re.search(r"\d+ failed", tally[-1]) else "pass"
