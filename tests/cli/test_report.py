"""``srtpbot report``: the page of a run is opened, those of several runs become one."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from bot.cli.report_files import as_json
from bot.report.result import Result
from tests.support.commands import NewBot
from tests.support.process import OK, USAGE
from tests.support.results import expectation, result


def write(folder: Path, one: Result, *, page: bool = True) -> None:
    folder.mkdir(parents=True)
    (folder / "result.json").write_bytes(as_json(one))
    if page:
        (folder / "report.html").write_text("<p>")


def test_show_opens_the_page_and_prints_its_path(srtpbot: NewBot, tmp_path: Path) -> None:
    write(tmp_path / "out", result(expectation("a", True)))
    browser = {"BROWSER": "echo opened %s"}
    folder, file = (
        srtpbot("report", "show", "out", **browser),
        srtpbot("report", "show", "out/result.json", **browser),
    )
    nothing = srtpbot("report", "show", "nowhere")
    (tmp_path / "empty").mkdir()
    empty = srtpbot("report", "show", "empty")
    assert (folder.end(), file.end(), nothing.end(), empty.end()) == (OK, OK, USAGE, USAGE)
    for shown in (folder, file):
        assert set(shown.stdout.splitlines()) == {
            "out/report.html", f"opened {(tmp_path / 'out/report.html').as_uri()}"
        }  # fmt: skip
    assert nothing.stderr == "srtpbot: nowhere: no such file or folder\n"
    assert empty.stderr == "srtpbot: empty: no report.html there; --out DIR writes it\n"


def test_merge_makes_one_report_of_several_runs(srtpbot: NewBot, tmp_path: Path) -> None:
    write(tmp_path / "monday", result(expectation("a", True), verdict="pass"))
    write(tmp_path / "week" / "tuesday", result(expectation("<b>", False), verdict="fail"))
    write(tmp_path / "week" / "wednesday", result(error="port in use", verdict="error"), page=False)
    merged = srtpbot("report", "merge", "monday", "week", "--out", "out/all", "--title", "this week")
    assert merged.end() == OK, merged.said
    assert merged.stdout == "out/all/report.html\n"
    page = (tmp_path / "out/all/report.html").read_text()
    assert "this week: error</title>" in page
    assert '<a href="../../monday/report.html">monday</a>' in page
    assert "&lt;b&gt;" in page
    assert "port in use" in page
    assert page.index("wednesday") < page.index("tuesday") < page.index("monday")
    told = json.loads((tmp_path / "out/all/result.json").read_text())
    assert (told["schema"], told["verdict"]) == ("srtpbot.run/1", "error")
    assert [one["name"] for one in told["results"]] == ["monday", "tuesday", "wednesday"]
    suites = ET.parse(tmp_path / "out/all/junit.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["monday", "tuesday", "wednesday"]
    again = srtpbot("report", "merge", "out/all", "--out", "again")  # what was merged can be merged
    assert again.end() == OK, again.said


def test_a_link_to_a_folder_with_any_name_is_a_url(srtpbot: NewBot, tmp_path: Path) -> None:
    name = "100% of #5? & more"
    write(tmp_path / name, result(expectation("a", True)))
    merged = srtpbot("report", "merge", name, "--out", "all")
    assert merged.end() == OK, merged.said
    link = '<a href="../100%25%20of%20%235%3F%20%26%20more/report.html">100% of #5? &amp; more</a>'
    assert link in (tmp_path / "all" / "report.html").read_text()


def test_what_is_no_result_is_refused(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"schema": "mine"}')
    refused, missing = (srtpbot("report", "merge", name, "--out", "all") for name in ("other.json", "gone"))
    assert (refused.end(), missing.end()) == (USAGE, USAGE)
    assert "other.json: not a result of srtpbot: " in refused.stderr
    assert "gone: no result.json there" in missing.stderr
    assert not (tmp_path / "all").exists()
