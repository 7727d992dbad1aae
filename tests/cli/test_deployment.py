"""The Dockerfile, compose.yaml, the systemd unit and the CI examples: their syntax, and their commands."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.sip import parse_uri
from tests.support.commands import NewBot
from tests.support.documents import PROJECT, Block, blocks
from tests.support.process import OK
from tests.support.starting import LOOPBACK

DOCKERFILE = (PROJECT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
UNIT = PROJECT / "deploy" / "srtpbot-parrot.service"
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
PORT = "5060"
CI_PAGE = "docs/how-to/ci.md"
CI = blocks((PROJECT / CI_PAGE).read_text(), CI_PAGE)


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def exec_form(name: str) -> list[str]:
    """The arguments of the last CMD, ENTRYPOINT or HEALTHCHECK."""
    text = next(rest for word, rest in reversed(instructions()) if word == name)
    arguments: list[str] = json.loads(text[text.index("[") :])
    return arguments


def local(arguments: list[str], port: int) -> list[str]:
    """Arguments as they are run here: on the loopback, without the ports of a container."""
    text = [
        re.sub(r"@parrot:|(?<=sip:)127\.0\.0\.1:", lambda found: here(found[0]), one) for one in arguments
    ]
    if "--rtp-ports" in text:
        at = text.index("--rtp-ports")
        del text[at : at + 2]
    return [*(one.replace(PORT, str(port)) for one in text), "--bind", LOOPBACK]


def here(host: str) -> str:
    """The host of an URI as it is here."""
    return f"@{LOOPBACK}:" if host.startswith("@") else host


def test_the_dockerfile() -> None:
    words = [word for word, _ in instructions()]
    assert set(words) <= INSTRUCTIONS
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            assert all((PROJECT / name).exists() for name in rest.split()[:-1]), rest
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert all((PROJECT / line[1:]).exists() for line in ignored if line.startswith("!"))
    assert ("FROM", "python:3.12-slim") in instructions()
    assert ("USER", "phone") in instructions()
    assert exec_form("ENTRYPOINT")[:2] == ["tini", "--"]


def test_what_the_container_runs(srtpbot: NewBot) -> None:
    parrot = srtpbot(*local(exec_form("CMD"), 0))
    port = parse_uri(parrot.uri()).port
    assert port
    check = srtpbot(*local(exec_form("HEALTHCHECK")[1:], port))
    assert check.end() == OK, check.said
    test = srtpbot(*local(COMPOSE["services"]["test"]["command"], port))
    assert test.end() == OK, test.said
    assert "0 of 0" not in test.stdout
    parrot.send(signal.SIGTERM)
    assert parrot.end() == OK, parrot.said


def test_compose() -> None:
    parrot, test = COMPOSE["services"]["parrot"], COMPOSE["services"]["test"]
    assert parrot["command"] == exec_form("CMD")
    assert test["depends_on"] == {"parrot": {"condition": "service_healthy"}}
    assert parrot["image"] == test["image"]


def test_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert "ExecStart=/opt/srtpbot/bin/srtpbot answer --as parrot" in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    (tmp_path / UNIT.name).write_text(text.replace("/opt/srtpbot/bin/srtpbot", sys.executable))
    command = ["systemd-analyze", "verify", str(tmp_path / UNIT.name)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def titled(title: str) -> Block:
    """The file of the page on CI that has this name."""
    return next(block for block in CI if block.title == title)


def test_github_actions() -> None:
    workflow = yaml.safe_load(titled(".github/workflows/calls.yml").text)
    [job] = workflow["jobs"].values()
    assert job["runs-on"]
    assert all(len({"uses", "run"} & set(step)) == 1 for step in job["steps"])
    check_commands([step["run"] for step in job["steps"] if "run" in step])


def test_gitlab_ci() -> None:
    [job] = yaml.safe_load(titled(".gitlab-ci.yml").text).values()
    assert job["artifacts"]["reports"]["junit"] == f"{job['artifacts']['paths'][0]}/junit.xml"
    check_commands([*job["before_script"], *job["script"]])


def test_jenkins() -> None:
    text = titled("Jenkinsfile").text
    assert text.count("{") == text.count("}")
    check_commands([line.replace(".venv/bin/", "") for line in re.findall(r"sh '([^']*)'", text)])


def check_commands(commands: list[str]) -> None:
    """Each command of srtpbot is one that the page runs for its reader, and so do the tests."""
    run = {
        line for block in CI if block.kind == "sh" and not block.not_run for line in block.text.splitlines()
    }
    ours = [command for command in commands if command.startswith("srtpbot ")]
    assert ours
    assert set(ours) <= run
