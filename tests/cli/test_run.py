"""``srtpbot run``: the shipped scenarios pass; reports, exit statuses, choices, crashes and interrupts."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bot.sip.redaction import REDACTED
from tests.support.commands import NewBot
from tests.support.contract import missing
from tests.support.process import FAILED, INTERRUPTED, OK, TROUBLE, USAGE
from tests.support.scenarios import SHIPPED

LONG = """\
defaults: {bind: 127.0.0.1}
endpoints: {caller: , parrot: {as: parrot}}
steps:
  - call: {from: caller, to: parrot}
  - expect: {on: caller, state: confirmed}
  - wait: {seconds: 60}
  - expect: {on: caller, no_dtmf: yes}
"""
SECRET = """\
name: secret
defaults: {{bind: 127.0.0.1, detect_inband_dtmf: true, codecs: [PCMA]}}
endpoints: {{caller: , callee: }}
steps:
  - call: {{from: caller, to: callee}}
  - answer: {{on: callee}}
  - expect: {{on: caller, state: confirmed}}
  - dtmf: {{on: caller, digits: "7305", method: {method}, secret: yes}}
  - wait: {{seconds: 1}}
  - hangup: {{on: caller}}
"""
REFUSED = """\
name: refused
defaults: {bind: 127.0.0.1}
endpoints: {caller: , callee: {as: reject, options: {code: 603}}}
steps:
  - call: {from: caller, to: callee}
  - expect: {on: caller, state: confirmed}
  - expect: {on: caller, codec: PCMA}
"""


@pytest.fixture
def long(tmp_path: Path) -> str:
    (tmp_path / "long.yaml").write_text(LONG)
    return "long.yaml"


@pytest.fixture
def refused(tmp_path: Path) -> str:
    (tmp_path / "refused.yaml").write_text(REFUSED)
    return "refused.yaml"


@pytest.mark.timeout(180)
def test_shipped_scenarios_pass(srtpbot: NewBot, tmp_path: Path) -> None:
    """Two at a time: others call beside them, and half of them compare audio that a busy machine delays."""
    files = sorted(SHIPPED.glob("*.yaml"))
    bot = srtpbot("run", *files, "--parallel", 2, "--out", "out")
    assert bot.end(160) == OK, bot.said
    results = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (results["schema"], results["verdict"]) == ("srtpbot.run/1", "pass")
    assert {Path(one["file"]) for one in results["results"]} == set(files)
    assert all(missing(one) == [] for one in results["results"])
    suites = ET.parse(tmp_path / "out" / "junit.xml").getroot().findall("testsuite")
    assert [suite.get("name") for suite in suites] == [one["name"] for one in results["results"]]
    for one in results["results"]:
        assert one["verdict"] == "pass", one
        assert one["calls"]
        assert one["expectations"]
    folders = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert len(folders) == len(results["results"])
    for name in ("result.json", "junit.xml", "journal.jsonl", "sip.pcap", "report.html"):
        assert all((folder / name).stat().st_size for folder in folders), name
    assert "inline:" not in bot.said.replace(f"inline:{REDACTED}", "")


def test_one_result_is_written_as_by_every_command(srtpbot: NewBot, tmp_path: Path) -> None:
    bot = srtpbot("run", SHIPPED / "busy.yaml", "--var", "code=600", "--json", "-", "--out", "out")
    assert bot.end() == OK, bot.said
    result = bot.json()
    assert missing(result) == []
    assert (result["schema"], result["name"], result["vars"]) == ("srtpbot.result/1", "busy", {"code": "600"})
    assert result["calls"][0]["disconnect"]["code"] == 600
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    assert {step["verdict"] for step in result["steps"]} == {"pass"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "caller \u2192 callee: INVITE" in page
    assert "srtpbot run" in page


def test_failure_names_the_step_and_what_was_not_reached(
    srtpbot: NewBot, refused: str, tmp_path: Path
) -> None:
    bot = srtpbot("run", refused, SHIPPED / "busy.yaml", "--junit", "junit.xml", "--parallel", 2)
    assert bot.end() == FAILED, bot.said
    assert "refused.yaml:6: steps[1].expect: caller: call 1" in bot.stdout
    assert "603 Decline" in bot.stdout
    assert "1 passed, 1 failed" in bot.stdout
    suites = {one.get("name"): one for one in ET.parse(tmp_path / "junit.xml").getroot()}
    assert set(suites) == {"refused", "busy"}
    assert "not reached" in ET.tostring(suites["refused"], encoding="unicode")
    assert suites["busy"].get("failures") == "0"


def test_every_file_is_checked_before_the_first_call(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(REFUSED.replace("codec:", "codecs:"))
    bot = srtpbot("run", SHIPPED / "busy.yaml", "bad.yaml", "--out", "out")
    assert bot.end() == USAGE, bot.said
    assert "bad.yaml:7: steps[2].expect.codecs: unknown key (did you mean 'codec'?)" in bot.stderr
    assert json.loads((tmp_path / "out" / "result.json").read_text())["calls"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--var", "cod=1"], "--var cod: unknown variable (did you mean 'code'?)"),
        (["--var", "code"], "--var code: expected NAME=VALUE"),
        (["--only", "buzy"], "--only buzy: unknown scenario (did you mean 'busy'?)"),
        (
            ["--var", "code=99"],
            "busy.yaml:14: steps[1].reject.code: expected a SIP status code from 300 to 699",
        ),
        (["--json", "-", "--junit", "-"], "cannot both go to standard output"),
    ],
)
def test_usage_errors(options: list[str], message: str, srtpbot: NewBot) -> None:
    bot = srtpbot("run", SHIPPED / "busy.yaml", *options)
    assert bot.end() == USAGE, bot.said
    assert message in bot.stderr


def test_only_chooses_among_results(srtpbot: NewBot) -> None:
    bot = srtpbot("run", *sorted(SHIPPED.glob("*.yaml")), "--only", "srtp-matrix*_256_*80, codec=PCMA]")
    assert bot.end() == OK, bot.said
    assert "1 passed" in bot.stdout
    assert "pass   srtp-matrix[suite=AES_256_CM_HMAC_SHA1_80, codec=PCMA]" in bot.stdout


def test_agent_that_crashes_is_an_error_with_its_name(srtpbot: NewBot, long: str) -> None:
    bot = srtpbot("run", long, "-v", "--json", "-")
    bot.line(r"pass: caller call 1 reaches CONFIRMED", stream="stderr")
    bot.wait_for_agents()[-1].kill()
    assert bot.end() == TROUBLE, bot.said
    result = bot.json()
    assert result["verdict"] == "error"
    assert "the agent crashed: it was killed by SIGKILL" in result["error"]
    assert [one["verdict"] for one in result["expectations"]] == ["pass", "fail"]
    assert bot.leaves_nothing()


def test_interrupt_closes_everything(srtpbot: NewBot, long: str, tmp_path: Path) -> None:
    bot = srtpbot("run", long, long, "--parallel", 2, "-v", "--json", "all.json")
    bot.line(r"pass: caller call 1 reaches CONFIRMED", stream="stderr")
    bot.wait_for_agents()
    bot.send(signal.SIGINT)
    assert bot.end() == INTERRUPTED, bot.said
    assert bot.leaves_nothing()
    everything = json.loads((tmp_path / "all.json").read_text())
    assert (everything["verdict"], everything["error"]) == ("error", "interrupted")


def test_keylog_has_the_keys_of_every_scenario(srtpbot: NewBot, tmp_path: Path) -> None:
    bot = srtpbot(
        "run", SHIPPED / "srtp-matrix.yaml", "--var", "codec=PCMA", "--only", "*_80*", "--keylog", "keys"
    )
    assert bot.end() == OK, bot.said
    lines = (tmp_path / "keys").read_text().splitlines()
    assert {line.split()[3] for line in lines} == {"AES_CM_128_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_80"}


@pytest.mark.parametrize("method", ["rfc4733", "info", "inband"])
def test_secret_digits_are_in_no_output(method: str, srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(SECRET.format(method=method))
    bot = srtpbot("run", "secret.yaml", "--out", "out", "-vv", "--trace")
    assert bot.end() == OK, bot.said
    files = [one for one in (tmp_path / "out").rglob("*") if one.is_file() and one.suffix != ".wav"]
    said = bot.said + "\n".join(one.read_bytes().decode("latin-1") for one in files)
    assert not re.search(r"Signal ?= ?[0-9]|(digit|DTMF) [0-9]|\"digit\": ?\"[0-9]", said)
    assert "sent digit x by" in said
    assert "received digit x by" in said
