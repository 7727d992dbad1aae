"""bot.interop.table, junit and page: the same matrix for a terminal, a CI system and a browser."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Literal
from xml.etree import ElementTree as ET

import msgspec
import pytest

from bot.interop.junit import junit_of_matrix
from bot.interop.page import page_of_matrix
from bot.interop.result import ChangesResult
from bot.interop.table import table
from bot.report.result import ExpectationResult
from tests.support.build import result, seen, usual
from tests.support.fakes import KEY, Rig

UNMET = ExpectationResult(
    name="an encrypted call works in at least one cell",
    verdict="fail",
    expected="SRTP",
    observed="in none",
    at_s=0,
)


def test_modes_are_rows_and_suites_are_columns() -> None:
    text = table(result(usual()), colour=False, width=110)
    lines = text.splitlines()
    [off] = [line for line in lines if line.startswith("off")]
    [mandatory] = [line for line in lines if line.startswith("mandatory ")]
    assert "plain" in off
    assert mandatory.split() == ["mandatory", "SRTP", "broken", "!"]
    assert "DEVIATES  negative/tag-0" in text
    assert "pass      negative/key-too-long" in text
    assert "other suite <b>" in text
    assert text.endswith("5 passed, 1 failed, 1 deviate, 12.5 s\nverdict: FAIL")
    assert "\x1b" not in text
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize(("width", "drawn"), [(40, 72), (60, 60), (80, 80)])
def test_a_narrow_terminal_gets_a_list_without_a_broken_word(width: int, drawn: int) -> None:
    text = table(result(usual()), colour=False, width=width)
    assert "mandatory/AES" in text
    assert text.split().count("AES_CM_128_HMAC_SHA1_80") >= 1
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= drawn


@pytest.mark.parametrize(("width", "titled"), [(80, False), (120, True)])
def test_a_narrow_terminal_has_a_line_for_each_cell(width: int, titled: bool) -> None:
    name, suite = "renegotiation/re-invite-without-sdp", "SRTP AES_256_CM_HMAC_SHA1_80"
    told = table(result({name: seen(suite, audio="marker")}), colour=False, width=width)
    [line] = [line for line in told.splitlines() if line.startswith("pass ")]
    assert line.split()[:5] == ["pass", name, *suite.split(), "marker"]
    assert ("offers" in line) is titled


def test_what_a_capture_proves_is_told() -> None:
    outcomes = usual()
    outcomes["off"].wire = "146 packets of plain RTP, both directions"
    whole = result(outcomes)
    assert "On the wire\noff  146 packets of plain RTP" in table(whole, colour=False, width=110)
    assert "on the wire: 146 packets" in junit_of_matrix(whole).decode()
    assert "146 packets" in Page(page_of_matrix(whole, {}, {})).words


def test_colours() -> None:
    assert "\x1b[" in table(result(usual()), colour=True, width=110)


def test_what_changed_and_what_failed_as_a_whole() -> None:
    changes = ChangesResult(changed=["off"], added=[], removed=["optional/reversed"])
    text = table(result(usual(), changes=changes, expectations=[UNMET]), colour=False, width=110)
    assert "changed off" in text
    assert "removed optional/reversed" in text
    assert "added" not in text
    assert "FAIL an encrypted call works in at least one cell: in none" in text


def test_a_test_case_for_each_cell() -> None:
    root = ET.fromstring(junit_of_matrix(result(usual(), expectations=[UNMET])))
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["srtpbot.base", "srtpbot.renegotiation", "srtpbot.negative", "srtpbot.interop"]
    assert [suites["srtpbot.base"].get(name) for name in ("tests", "failures", "errors")] == ["4", "1", "0"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(usual()) <= set(cases)
    failure = cases["mandatory/AES_256_CM_HMAC_SHA1_80"].find("failure")
    assert failure is not None
    assert (failure.get("message") or "").startswith("broken: other suite <b>; expected SRTP, or a refusal")
    assert cases["negative/tag-0"].find("failure") is not None
    assert cases["renegotiation/hold"].get("time") == "2.500"
    assert "hold" in (cases["renegotiation/hold"].findtext("system-out") or "")
    assert cases[UNMET.name].find("failure") is not None


def test_what_could_not_be_judged_is_skipped_and_an_error_is_one() -> None:
    outcomes = usual()
    del outcomes["mandatory/AES_CM_128_HMAC_SHA1_80"]
    root = ET.fromstring(junit_of_matrix(result(outcomes, error="interrupted")))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases["negative/key-too-long"].find("skipped") is not None
    assert cases["run"].find("error") is not None


class Page(HTMLParser):
    """Its words, links and places."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.words = ""
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(document.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_has_the_picture_and_every_cell(rig: Rig) -> None:
    line = rig.confirmed()
    document = page_of_matrix(result(usual()), {"mandatory/AES_CM_128_HMAC_SHA1_80": [line.call]}, {})
    page = Page(document)
    assert page.tags.count("script") == 1  # the page's own
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len([one for one in page.ids if one.startswith("cell-")]) == len(usual())
    assert len(set(page.ids)) == len(page.ids)
    for words in ("sip:peer@127.0.0.1", "SRTP", "broken", "RFC 4568", "hold: 200", "a=crypto:1", "offer"):
        assert words in page.words
    assert "<b>" not in page.words.replace("other suite <b>", "")
    assert KEY not in document.decode()


def test_the_banner_of_the_page_has_no_list_of_what_is_right() -> None:
    def on_the_wire(verdict: Literal["pass", "fail"]) -> ExpectationResult:
        return ExpectationResult(name=f"wire {verdict}", verdict=verdict, expected="x", observed="y", at_s=0)

    found = result(usual(), expectations=[UNMET, on_the_wire("pass"), on_the_wire("fail")])
    words = Page(page_of_matrix(found, {}, {})).words
    assert "in at least one cell: in none" in words
    assert "wire fail: y" in words
    assert "wire pass" not in words


def test_the_page_of_a_run_with_changes_or_an_error() -> None:
    changes = ChangesResult(changed=["off"], added=[], removed=[])
    words = Page(page_of_matrix(result(usual(), changes=changes, error="it <broke>"), {}, {})).words
    assert "it <broke>" in words
    assert "changed" in words


def test_the_result_is_one_of_a_run_with_cells() -> None:
    data = msgspec.json.decode(msgspec.json.encode(result(usual())))
    assert data["schema"] == "srtpbot.result/1"
    assert [one["id"] for one in data["cells"]] == list(usual())
    hold = next(one for one in data["cells"] if one["id"] == "renegotiation/hold")
    assert hold["observed"]["notes"] == ["hold: 200", "resume: 200"]
    assert hold["observed"]["wire"] is None
    assert hold["verdict"] == "pass"
