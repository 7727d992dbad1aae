"""However a command ends: exit status, result.json, JUnit, report.html and the terminal say the same."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bot.bots import bot as ready_made
from tests.support.commands import NewBot
from tests.support.coverage import combined
from tests.support.process import FAILED, INTERRUPTED, OK, TROUBLE, USAGE, Bot
from tests.support.registrar import PASSWORD, Registrar
from tests.support.starting import LOOPBACK, NewEndpoint
from tests.support.verdicts import OUTPUTS, VERDICTS, of_junit, of_page, of_terminal

NOBODY = f"sip:nobody@{LOOPBACK}:9"
SCENARIO = """\
name: {name}
defaults: {{bind: 127.0.0.1, codecs: [PCMA]}}
endpoints: {{a: {{}}, b: {{as: {role}}}}}
steps:
  - call: {{from: a, to: b}}
  - expect: {{on: a, state: confirmed, timeout: {timeout}}}
  - hangup: {{on: a}}
"""


def agreed(bot: Bot, folder: Path, status: int) -> None:
    """All outputs say what the exit status says."""
    assert bot.end() == status, bot.said
    assert "Traceback" not in bot.said
    out = folder / "out"
    said = {
        "result.json": json.loads((out / "result.json").read_text())["verdict"],
        "--json": json.loads((folder / "also.json").read_text())["verdict"],
        "junit.xml": of_junit(out / "junit.xml"),
        "--junit": of_junit(folder / "also.xml"),
        "report.html": of_page(out / "report.html"),
        "terminal": of_terminal(bot.stdout + bot.stderr),
    }
    assert set(said.values()) == {VERDICTS[status]}, f"{said}\n{bot.said}"


@dataclass
class Stage:
    """Peers for the commands, and where they run."""

    folder: Path
    start: NewBot
    parrot: str
    ringer: str
    registrar: Registrar

    def scenario(self, name: str, role: str, timeout: float = 30) -> str:
        (self.folder / f"{name}.yaml").write_text(SCENARIO.format(name=name, role=role, timeout=timeout))
        return f"{name}.yaml"

    def run(self, *arguments: object) -> Bot:
        return self.start(*arguments, *OUTPUTS, SRTPBOT_PASSWORD=PASSWORD)


@pytest.fixture
def stage(srtpbot: NewBot, new_endpoint: NewEndpoint, tmp_path: Path) -> Iterator[Stage]:
    def peer(role: str) -> str:
        return new_endpoint(codecs=["PCMA"], controller=ready_made(role)).uri

    with Registrar() as registrar:
        yield Stage(tmp_path, srtpbot, peer("parrot"), peer("ringer"), registrar)


BIND = ["--bind", LOOPBACK]
Start = Callable[[Stage], Bot]


def registering(stage: Stage, *more: object) -> Bot:
    return stage.run("register", *BIND, "--registrar", stage.registrar.uri, "--user", "alice", *more)


FINISHING: dict[str, tuple[Start, int]] = {
    "call": (lambda one: one.run("call", one.parrot, *BIND, "--duration", 0.3), OK),
    "call refused": (lambda one: one.run("call", one.ringer, *BIND, "--ring-timeout", 0.3), FAILED),
    "answer --for": (lambda one: one.run("answer", *BIND, "--port", 0, "--for", 0.3), OK),
    "answer --for --calls": (
        lambda one: one.run("answer", *BIND, "--port", 0, "--calls", 1, "--for", 0.3),
        FAILED,
    ),
    "run": (lambda one: one.run("run", one.scenario("good", "parrot")), OK),
    "run failed": (lambda one: one.run("run", one.scenario("bad", "ringer", 0.3)), FAILED),
    "run two": (
        lambda one: one.run("run", one.scenario("good", "parrot"), one.scenario("bad", "ringer", 0.3)),
        FAILED,
    ),
    "interop": (
        lambda one: one.run("interop", one.parrot, *BIND, "--only", "optional/all", "--codec", "PCMA"),
        OK,
    ),
    "register": (registering, OK),
    "ping": (lambda one: one.run("ping", one.parrot, *BIND), OK),
    "ping nobody": (lambda one: one.run("ping", NOBODY, *BIND, "--timeout", 0.3), FAILED),
    "demo": (lambda one: one.run("demo"), OK),
}


@pytest.mark.parametrize("name", FINISHING)
def test_a_command_that_finishes(name: str, stage: Stage) -> None:
    start, status = FINISHING[name]
    agreed(start(stage), stage.folder, status)


LASTING: dict[str, Start] = {
    "call": lambda one: one.run("call", one.ringer, *BIND),
    "answer": lambda one: one.run("answer", *BIND, "--port", 0),
    "run": lambda one: one.run("run", one.scenario("long", "ringer")),
    "run two": lambda one: one.run("run", one.scenario("long", "ringer"), one.scenario("other", "ringer")),
    "interop": lambda one: one.run("interop", one.ringer, *BIND, "--timeout", 60, "--only", "optional/all"),
    "register": lambda one: registering(one, "--for", 60),
    "ping": lambda one: one.run("ping", one.parrot, *BIND, "--count", 1000),
    "demo": lambda one: one.run("demo"),
}


@pytest.mark.parametrize(
    ("name", "signals"),
    combined(
        list(LASTING),
        [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGINT, signal.SIGINT)],
    ),
)
def test_a_command_that_is_interrupted(name: str, signals: tuple[signal.Signals, ...], stage: Stage) -> None:
    bot = LASTING[name](stage)
    bot.wait_for_agents()
    for number in signals:
        bot.send(number)
    agreed(bot, stage.folder, OK if name == "answer" else INTERRUPTED)


def catches_sigterm(bot: Bot) -> bool:
    """Whether it has a handler, by Linux's mask of caught signals."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{bot.pid}/status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize(
    ("name", "signals"),
    combined(list(LASTING), [(signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM), (signal.SIGINT,)]),
)
def test_a_command_that_is_interrupted_as_it_starts(
    name: str, signals: tuple[signal.Signals, ...], stage: Stage
) -> None:
    bot = LASTING[name](stage)
    bot.until(lambda: catches_sigterm(bot))
    for number in signals:
        bot.send(number)
    agreed(bot, stage.folder, INTERRUPTED)


@pytest.mark.parametrize("name", ["run", "run two"])
def test_a_scenario_that_is_interrupted(name: str, stage: Stage) -> None:
    bot = LASTING[name](stage)
    bot.until(lambda: any((stage.folder / "out").rglob("journal.jsonl")))
    bot.send(signal.SIGTERM)
    agreed(bot, stage.folder, INTERRUPTED)


@pytest.mark.parametrize("name", [name for name in LASTING if name != "run two"])
def test_a_command_whose_agent_crashes(name: str, stage: Stage) -> None:
    bot = LASTING[name](stage)
    for agent in bot.wait_for_agents():
        agent.send_signal(signal.SIGSEGV)
    agreed(bot, stage.folder, TROUBLE)


def test_answer_after_a_good_call(stage: Stage, call: NewBot) -> None:
    for number, ending in enumerate(((), (signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,))):
        lasts = [] if ending else ["--for", 4]
        bot = stage.run("answer", *BIND, "--port", 0, *lasts)
        assert call(bot.uri(), "--duration", 0.3).end() == OK
        for one in ending:
            bot.send(one)
        agreed(bot, stage.folder, OK)
        assert "verdict: pass" in bot.stdout, number
        assert "received" in bot.stdout


TROUBLED: dict[str, list[object]] = {
    "call": ["call", NOBODY],
    "answer": ["answer"],
    "ping": ["ping", NOBODY],
    "register": ["register", "--registrar", NOBODY, "--user", "alice"],
}


@pytest.mark.parametrize("name", TROUBLED)
def test_a_port_that_is_taken(name: str, stage: Stage) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LOOPBACK, 0))
        bot = stage.run(*TROUBLED[name], *BIND, "--port", taken.getsockname()[1])
        agreed(bot, stage.folder, TROUBLE)


WRONG: dict[str, list[object]] = {
    "call": ["call", NOBODY, "--sutie", "x"],
    "call value": ["call", NOBODY, *BIND, "--codec", "PCMX"],
    "call file": ["call", NOBODY, *BIND, "--play", "missing.wav"],
    "answer": ["answer", "--as", "parot"],
    "answer value": ["answer", "--as", "player"],
    "run": ["run", "missing.yaml"],
    "interop": ["interop", "nobody"],
    "interop cells": ["interop", NOBODY, "--only", "nothing"],
    "register": ["register"],
    "ping": ["ping"],
    "demo": ["demo", "--capture", "-"],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_usage_error(name: str, stage: Stage) -> None:
    out = stage.folder / "out"
    out.mkdir()
    (out / "result.json").write_text('{"schema": "srtpbot.result/1", "verdict": "pass"}')  # an older one
    agreed(stage.run(*WRONG[name]), stage.folder, USAGE)


def test_a_usage_error_overwrites_nothing_else(stage: Stage) -> None:
    (stage.folder / "also.json").write_text("mine")
    bot = stage.start("call", NOBODY, "--sutie", "--json", "also.json", "--junit", "-")
    assert bot.end() == USAGE
    assert (stage.folder / "also.json").read_text() == "mine"
    assert '<error message="No such option' in bot.stdout


def test_a_report_that_cannot_be_written(stage: Stage) -> None:
    """The disk fills up, or the folder goes, while the command runs."""
    bot = stage.start(
        "call", stage.parrot, *BIND, "--duration", 1, "--out", "out", "--json", "late/also.json"
    )
    assert bot.end() == USAGE
    (stage.folder / "late").mkdir()
    bot = stage.start(
        "call", stage.parrot, *BIND, "--duration", 1, "--out", "out", "--json", "late/also.json"
    )
    bot.wait_for_agents()
    (stage.folder / "late").rmdir()
    (stage.folder / "late").touch()  # an absent folder would be made again
    assert bot.end() == TROUBLE, bot.said
    out = stage.folder / "out"
    assert json.loads((out / "result.json").read_text())["verdict"] == "error"
    assert (of_junit(out / "junit.xml"), of_page(out / "report.html")) == ("error", "error")
    assert of_terminal(bot.stdout + bot.stderr) == "error"


def test_junit_on_standard_output_of_an_answering_side(stage: Stage) -> None:
    bot = stage.start("answer", *BIND, "--port", 0, "--for", 0.3, "--junit", "-")
    assert bot.end() == OK, bot.said
    [suite] = ET.fromstring(bot.stdout.partition("<?xml")[2].partition("?>")[2]).iter("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
