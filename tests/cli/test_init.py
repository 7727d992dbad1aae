"""What a new user copies: ``srtpbot init``, ``srtpbot examples``, ``srtpbot completion``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import shipped
from tests.support import needs
from tests.support.commands import PROJECT, NewBot
from tests.support.process import OK, USAGE, import_path

FILES = {"echo.yaml", "endpoint.yaml", "scenario.schema.json", "test_call.py"}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@needs.calls
@pytest.mark.timeout(200)
def test_what_init_makes_passes_as_it_is(srtpbot: NewBot, tmp_path: Path) -> None:
    made = srtpbot("init", "calls")
    assert made.end() == OK, made.said
    folder = tmp_path / "calls"
    assert files(folder) == {*FILES, ".github/workflows/calls.yaml"}
    assert "  cd calls\n  srtpbot run echo.yaml" in made.stdout
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    tested = subprocess.run(
        command, cwd=folder, env=environment | {"PYTHONPATH": import_path()}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr
    ran = srtpbot("run", "calls/echo.yaml", "--retries", 2)  # as the CI job does
    assert ran.end(120) == OK, ran.said


def test_init_overwrites_nothing(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "endpoint.yaml").write_text("mine")
    refused = srtpbot("init")
    assert refused.end() == USAGE
    assert "srtpbot: endpoint.yaml: already there, and not overwritten" in refused.stderr
    assert files(tmp_path) == {"endpoint.yaml"}
    assert (tmp_path / "endpoint.yaml").read_text() == "mine"


@pytest.mark.parametrize(("ci", "file"), [("gitlab", {".gitlab-ci.yml"}), ("none", set())])
def test_the_ci_job_of_init_can_be_chosen(ci: str, file: set[str], srtpbot: NewBot, tmp_path: Path) -> None:
    assert srtpbot("init", "--ci", ci).end() == OK
    assert files(tmp_path) == FILES | file


def test_the_examples_are_listed_and_copied(srtpbot: NewBot, tmp_path: Path) -> None:
    listed = srtpbot("examples")
    copied = srtpbot("examples", "copy", "hold-resume", "mine")
    assert (listed.end(), copied.end()) == (OK, OK), copied.said
    named = {line.split()[0] for line in listed.stdout.splitlines() if not line.startswith(" ")}
    assert named == {one.name for one in shipped.examples()}
    assert "A softphone with mandatory SRTP" in listed.stdout
    assert files(tmp_path) == {"mine/hold-resume.yaml", "mine/scenario.schema.json"}
    again = srtpbot("examples", "hold-resume", "mine")  # as in `examples NAME DIR`
    unknown = srtpbot("examples", "copy", "hold-resum")
    assert (again.end(), unknown.end()) == (USAGE, USAGE)
    assert "mine/hold-resume.yaml: already there" in again.stderr
    assert "hold-resum: no such example (did you mean 'hold-resume'?)" in unknown.stderr


def test_every_example_says_what_it_is_and_can_be_copied(tmp_path: Path) -> None:
    assert {one.name for one in shipped.examples()} >= {"endpoints/tls.yaml", "start/test_call.py"}
    for one in shipped.examples():
        assert one.summary, one.name
        assert shipped.copy(one.name, tmp_path / one.name)
    assert json.loads((tmp_path / "scenarios/busy.yaml" / "scenario.schema.json").read_text())["$defs"]


def test_the_examples_of_an_installation_are_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "bot"
    shutil.copytree(PROJECT / "configs", installed / "configs")
    monkeypatch.setattr("importlib.resources.files", lambda package: installed)
    assert shipped.folder() == installed / "configs"


@pytest.mark.parametrize(
    ("line", "choices"),
    [("srtpbot ex", ["examples"]), ("srtpbot call --srtp ", ["off", "optional", "mandatory"])],
)
def test_bash_completes(line: str, choices: list[str], srtpbot: NewBot, tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    script = srtpbot("completion", "bash")
    assert script.end() == OK, script.said
    (tmp_path / "srtpbot").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from bot.cli.main import main; main()' \"$@\"\n"
    )
    (tmp_path / "srtpbot").chmod(0o755)
    words = line.split(" ")
    ask = (
        f"{script.stdout}\nCOMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); COMP_CWORD={len(words) - 1}\n"
        '_srtpbot_completion srtpbot; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": import_path()}
    run = subprocess.run(
        ["bash", "-c", ask], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert run.stdout.split() == choices, run.stderr


def test_zsh_and_fish_get_a_script_too(srtpbot: NewBot) -> None:
    zsh, fish = srtpbot("completion", "zsh"), srtpbot("completion", "fish")
    assert (zsh.end(), fish.end()) == (OK, OK)
    assert zsh.stdout.startswith("#compdef srtpbot")
    assert "complete --no-files --command srtpbot" in fish.stdout
