"""``srtpbot run``: which scenarios run, how often, and what a pass after a failure is called."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bot import Call, Controller
from tests.support import needs
from tests.support.commands import NewBot
from tests.support.process import FAILED, INTERRUPTED, OK, USAGE
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.timeout(200)
PATIENCE_S = 120.0  # a busy machine needs many seconds for each attempt
CALL = """\
name: calls
defaults: {{bind: 127.0.0.1, codecs: [PCMA]}}
endpoints: {{caller: }}
steps:
  - call: {{from: caller, to: "{to}"}}
  - expect: {{on: caller, state: confirmed}}
  - hangup: {{on: caller}}
"""
BUSY = """\
name: busy
matrix: {code: [486, 603]}
defaults: {bind: 127.0.0.1}
endpoints: {caller: , callee: {as: reject, options: {code: "${code}"}}}
steps:
  - call: {from: caller, to: callee}
  - expect: {on: caller, code: 486}
"""


class BusyFirst(Controller):
    """Refuses the first call."""

    def __init__(self) -> None:
        self._seen = 0

    def on_incoming_call(self, call: Call) -> None:
        self._seen += 1
        call.answer(200 if self._seen > 1 else 486)


@needs.calls
@pytest.mark.parametrize(("options", "status"), [([], OK), (["--fail-on-flaky"], FAILED)])
def test_a_pass_after_a_failure_is_flaky_everywhere(
    options: list[str], status: int, srtpbot: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    peer = new_endpoint(name="peer", codecs=["PCMA"], controller=BusyFirst())
    (tmp_path / "calls.yaml").write_text(CALL.format(to=peer.uri))
    ran = srtpbot("run", "calls.yaml", "--retries", 2, "--out", "out", *options)
    assert ran.end(PATIENCE_S) == status, ran.said
    assert ran.line(r"^FAIL   calls  \(.* s, attempt 1 of 3\)$")
    assert ran.line(r"^flaky  calls  \(.* s, attempt 2 of 3\)$")
    assert ran.stdout.endswith("\n1 flaky\nreport: out/report.html\n")
    out = tmp_path / "out"
    told = json.loads((out / "result.json").read_text())
    assert told["verdict"] == "flaky"
    (attempt,) = told["failed_attempts"]
    assert attempt["verdict"] == "fail"
    assert "observed: DISCONNECTED 486 Busy Here" in attempt["reason"]
    case = ET.parse(out / "junit.xml").find("testsuite/testcase")
    assert case is not None
    assert [child.tag for child in case] == ["flakyFailure", "system-out"]
    page = (out / "report.html").read_text()
    assert ": flaky</title>" in page
    assert "calls, attempt 1" in page
    assert "calls, attempt 2" in page
    assert json.loads((out / "attempt-1" / "result.json").read_text())["verdict"] == "fail"
    assert (out / "attempt-2" / "sip.pcap").exists()


@needs.calls
def test_what_failed_last_runs_again(srtpbot: NewBot, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    (tmp_path / "busy.yaml").write_text(BUSY)
    first = srtpbot("run", "busy.yaml", "--parallel", 2, **cache)
    assert first.end(PATIENCE_S) == FAILED, first.said
    again = srtpbot("run", "--last-failed", "--list", **cache)
    assert again.end() == OK, again.said
    assert again.stdout.split() == ["busy[code=603]", "busy.yaml"]
    (tmp_path / "busy.yaml").write_text(BUSY.replace("code: 486", 'code: "${code}"'))
    mended = srtpbot("run", "--last-failed", **cache)
    assert mended.end(PATIENCE_S) == OK, mended.said
    assert mended.stdout.endswith("1 passed\n")
    nothing = srtpbot("run", "--last-failed", **cache)
    assert nothing.end() == USAGE
    assert "nothing failed in the last run: name a FILE" in nothing.stderr
    assert srtpbot("run", "busy.yaml", "--last-failed", "--list", **cache).end() == OK


def test_scenarios_are_listed_and_checked_without_a_call(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "busy.yaml").write_text(BUSY)
    (tmp_path / "wrong.yaml").write_text(BUSY.replace("caller:", "Caller:"))
    (tmp_path / "worse.yaml").write_text("name: worse\n")
    listed = srtpbot("run", "busy.yaml", "--list", "--only", "*603*")
    valid = srtpbot("run", "busy.yaml", "--check")
    invalid = srtpbot("run", "--check", "busy.yaml", "wrong.yaml", "worse.yaml")
    assert (listed.end(), valid.end(), invalid.end()) == (OK, OK, USAGE)
    assert listed.stdout.split() == ["busy[code=603]", "busy.yaml"]
    assert valid.stdout == "2 scenarios in 1 file: no error\n"
    assert "wrong.yaml:6: " in invalid.stderr
    assert "\nworse.yaml" in invalid.stderr


@needs.calls
def test_a_watched_scenario_runs_after_each_change(srtpbot: NewBot, tmp_path: Path) -> None:
    file = tmp_path / "busy.yaml"
    file.write_text(BUSY.replace("[486, 603]", "[603]"))
    watch = srtpbot("run", "busy.yaml", "--watch")
    watch.line("^1 failed$", timeout=PATIENCE_S)
    watch.line("waiting for a change", stream="stderr")
    file.write_text(BUSY.replace("[486, 603]", "[486]"))
    watch.line("^1 passed$", timeout=PATIENCE_S)
    watch.until(lambda: watch.stderr.count("waiting for a change") == 2)
    watch.send(signal.SIGINT)
    assert watch.end() == INTERRUPTED, watch.said
