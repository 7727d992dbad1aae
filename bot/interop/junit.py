"""JUnit report of the cells: a test suite for each part, a test case for each cell."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bot.interop.result import CellResult, InteropResult
from bot.report.junit import TOOL, clean, problem, test_case

__all__ = ["junit_of_matrix"]


def junit_of_matrix(result: InteropResult) -> bytes:
    """The XML document; an incomplete run has an error."""
    root = ET.Element("testsuites")
    for group in dict.fromkeys(cell.group for cell in result.cells):
        root.append(suite(result, group, [cell_case(cell) for cell in result.cells if cell.group == group]))
    whole = list(of_the_whole(result))
    if whole:
        root.append(suite(result, "interop", whole))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def suite(result: InteropResult, name: str, cases: list[ET.Element]) -> ET.Element:
    """The test suite of a part."""

    def with_a(kind: str) -> str:
        return str(sum(case.find(kind) is not None for case in cases))

    found = ET.Element(
        "testsuite",
        name=f"{TOOL}.{name}",
        tests=str(len(cases)),
        failures=with_a("failure"),
        errors=with_a("error"),
        skipped=with_a("skipped"),
        time=f"{sum(float(case.get('time', '0')) for case in cases):.3f}",
        timestamp=result.started.replace(tzinfo=None).isoformat(timespec="seconds"),
    )
    found.extend(cases)
    return found


def cell_case(cell: CellResult) -> ET.Element:
    """The test case of a cell."""
    seen = cell.observed
    case = test_case(cell.id, f"{TOOL}.{cell.group}", seen.seconds)
    facts = [
        cell.title,
        f"expected: {cell.expected}",
        f"observed: {seen.outcome}",
        f"offered: {seen.offer_profile} {', '.join(seen.offered) or 'no crypto'}",
        f"answered: {seen.answer_profile} {seen.answered or 'no crypto'}, tag {seen.tag}",
        f"active: {seen.active}; packets sent {seen.sent}, received {seen.received}; heard: {seen.audio}",
    ]
    facts += [f"the received audio was not measured: {seen.unmeasured}"] if seen.unmeasured else []
    facts += [f"on the wire: {seen.wire}"] if seen.wire else []
    facts += [f"by the RFC: {cell.reading}"] if cell.reading else []
    if cell.verdict in {"fail", "deviates"}:
        problem(case, "failure", f"{seen.outcome}; expected {cell.expected}", "\n".join(facts))
    elif cell.verdict == "skip":
        ET.SubElement(case, "skipped", message=clean(cell.remark or ""))
    ET.SubElement(case, "system-out").text = clean("\n".join(facts))
    return case


def of_the_whole(result: InteropResult) -> list[ET.Element]:
    """The test cases of expectations of the run."""
    names = {cell.id for cell in result.cells}
    cases = []
    for expectation in result.expectations:
        if expectation.name not in names:
            case = test_case(expectation.name, TOOL, 0.0)
            if expectation.verdict == "fail":
                problem(
                    case, "failure", f"observed: {expectation.observed}", f"expected: {expectation.expected}"
                )
            cases.append(case)
    if result.error is not None:
        case = test_case("run", TOOL, 0.0)
        problem(case, "error", result.error.partition("\n")[0], result.error)
        cases.append(case)
    return cases
