"""An output that fails: its reader went away, or its disk is full. The command ends in order and says so."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import NewBot
from tests.support.process import COMMAND, END_S, OK, TROUBLE, import_path

LOOPBACK = "127.0.0.1"


def shell(line: str, folder: Path) -> tuple[int, str]:
    """Run a line of bash in which ``srtpbot`` is the command; its status and what it said."""
    srtpbot = " ".join(f"'{word}'" for word in COMMAND)
    script = f'srtpbot() {{ {srtpbot} "$@"; }}\nset -o pipefail\n{line}'
    environment = {**os.environ, "PYTHONPATH": import_path()}
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=END_S * 2,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def result(folder: Path) -> Any:
    return json.loads((folder / "result.json").read_text())


@pytest.mark.parametrize("shown", ["--trace", "-v", "-vv"])
def test_the_reader_of_the_trace_goes_away(shown: str, answer: NewBot, tmp_path: Path) -> None:
    callee = answer("--as", "ringer").uri()
    line = (
        f"srtpbot call '{callee}' --bind {LOOPBACK} {shown} --out out --duration 60 2>&1 >/dev/null | head -1"
    )
    status, said = shell(line, tmp_path)
    assert status == TROUBLE, said
    assert "Traceback" not in said
    found = result(tmp_path / "out")
    assert found["verdict"] == "error"
    assert found["error"] == "standard error cannot be written: its reader has closed it"
    for name in ("junit.xml", "report.html", "sip.pcap", "journal.jsonl"):
        assert (tmp_path / "out" / name).stat().st_size, name


def test_both_at_once_while_answering(tmp_path: Path) -> None:
    line = f"srtpbot answer --bind {LOOPBACK} --port 0 --trace --out out --for 60 2>&1 | head -3"
    status, said = shell(line, tmp_path)
    assert status == TROUBLE, said
    assert len(said.splitlines()) == 3
    assert result(tmp_path / "out")["verdict"] == "error"


@pytest.mark.parametrize("parallel", [1, 2])
def test_scenarios_end_too(parallel: int, tmp_path: Path) -> None:
    text = """
name: N
defaults: {bind: 127.0.0.1}
endpoints: {a: {}, b: {}}
steps: [{call: {from: a, to: b}}, {expect: {on: b, state: confirmed, timeout: 60}}]
"""
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(text.replace("N", name))
    line = f"srtpbot run one.yaml two.yaml --parallel {parallel} -vv --out out 2>&1 >/dev/null | head -1"
    status, said = shell(line, tmp_path)
    assert status == TROUBLE, said
    assert "Traceback" not in said
    assert result(tmp_path / "out")["verdict"] == "error"


def test_a_reader_that_has_read_enough_is_no_failure(tmp_path: Path) -> None:
    status, said = shell("srtpbot schema result | head -1", tmp_path)
    assert (status, said) == (OK, "{\n")
    status, said = shell("srtpbot demo --json r.json | head -1", tmp_path)
    assert status == OK, said
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "pass"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here (Linux has it)")
@pytest.mark.parametrize("arguments", ["schema result", "doctor", "--help", "--version", "pcap --help"])
def test_a_full_disk_is_told(arguments: str, tmp_path: Path) -> None:
    status, said = shell(f"srtpbot {arguments} >/dev/full", tmp_path)
    assert status == TROUBLE
    assert said == "srtpbot: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_that_has_no_output(closed: str, tmp_path: Path) -> None:
    status, said = shell(f"srtpbot demo --json r.json {closed}", tmp_path)
    assert status == OK, said
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "pass"
