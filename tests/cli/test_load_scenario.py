"""``srtpbot load --scenario``: each call performs a scenario; the cause of a failure is the step."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bot.bots.parrot import Parrot
from bot.load.detail import is_timely
from bot.ua import Call, Controller
from tests.support.commands import NewBot
from tests.support.loading import END_S, NewPeer, rows
from tests.support.process import FAILED, INTERRUPTED, OK, TROUBLE, USAGE

pytestmark = pytest.mark.timeout(150)

HEAD = """
vars: {mark: "silence:0.3,marker:${marker},silence:0.7"}
endpoints:
  caller: {bind: 127.0.0.1, codecs: [PCMA], srtp: mandatory}
steps:
  - call: {from: caller, to: "${to}", headers: {X-Number: "${number}", X-User: "${user}"}}
"""
STEPS = """
  - expect: {on: caller, state: confirmed, encrypted: yes}
  - record: {on: caller, as: echo}
  - play: {on: caller, audio: "${mark}"}
  - dtmf: {on: caller, digits: "1#"}
  - expect: {recording: echo, marker: "${marker}"}
  - hangup: {on: caller}
"""


class Noting(Parrot):
    """An echo that notes the header fields of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str | None, str | None]] = []

    def on_incoming_call(self, call: Call) -> None:
        invite = call.facts.messages[0].message
        self.heard.append((invite.header("X-Number"), invite.header("X-User")))
        super().on_incoming_call(call)


class Silent(Controller):
    def on_incoming_call(self, call: Call) -> None:
        call.answer()
        call.play("silence:60")


class Busy(Controller):
    def on_incoming_call(self, call: Call) -> None:
        call.answer(486)


class Impatient(Controller):
    def on_incoming_call(self, call: Call) -> None:
        def end() -> None:
            call.hangup()

        call.answer()
        self.after(0.3, end)


def written(folder: Path, text: str) -> str:
    (folder / "menu.yaml").write_text(text)
    return "menu.yaml"


def test_each_call_performs_the_scenario_with_its_own_values(
    peer: NewPeer, srtpbot: NewBot, tmp_path: Path
) -> None:
    echo = Noting()
    [uri, *_] = peer(lambda: echo)
    user = "sip:alice@example.org"
    (tmp_path / "users.csv").write_text(f"id,to\n{user},{uri}\n")
    bot = srtpbot(
        *("load", uri, "--scenario", written(tmp_path, HEAD + STEPS), "--concurrency", 2, "--calls", 3),
        *("--users", "users.csv", "--max-failures", "100%", "--json", "-"),
    )
    assert bot.end(END_S) in {OK, TROUBLE}, bot.said
    result = bot.json()
    assert sorted(echo.heard) == [(str(number), user) for number in (1, 2, 3)]
    figures, asked = result["figures"], result["asked"]
    assert (figures["placed"], figures["verified"], asked["scenario"]) == (3, 3, "menu.yaml")
    assert all(is_timely(cause["cause"]) for cause in result["causes"]), "a starved machine loses audio"
    assert figures["setup_p50_ms"] > 0
    assert figures["mos_min"] > 1
    assert figures["delay_p95_ms"] > 0 or figures["failed"]
    for call in result["calls"]:
        assert [digit["digit"] for digit in call["dtmf"]["sent"]] == ["1", "#"]
        assert call["media"][0]["srtp"]["active"]


def test_failures_are_grouped_by_the_step(peer: NewPeer, srtpbot: NewBot, tmp_path: Path) -> None:
    peers = [*(peer(kind, calls=1)[0] for kind in (Silent, Silent, Busy, Impatient)), peer(calls=1)[0]]
    (tmp_path / "users.csv").write_text("to\n" + "\n".join(peers) + "\n")
    bot = srtpbot(
        *("load", "sip:nobody@127.0.0.1", "--scenario", written(tmp_path, HEAD + STEPS.lstrip("\n"))),
        *("--concurrency", len(peers), "--users", "users.csv", "--json", "-"),
    )
    assert bot.end(END_S) == FAILED, bot.said
    result = bot.json()
    causes = {cause["cause"]: cause for cause in result["causes"]}
    assert result["figures"]["failed"] == sum(cause["calls"] for cause in causes.values()) >= 4
    assert causes["expect state encrypted, line 7: 486 Busy Here"]["calls"] == 1
    assert sum(cause["calls"] for name, cause in causes.items() if name.endswith(": ended by the peer")) == 1
    silent = causes["expect marker, line 11"]
    assert silent["calls"] in {2, 3}, "of a starved machine the good one too"
    assert silent["first"].startswith("menu.yaml:11: steps[5].expect: ")
    assert "(observed: no markers)" in silent["first"]


def test_an_interrupt_ends_the_steps(peer: NewPeer, srtpbot: NewBot, tmp_path: Path) -> None:
    steps = "  - expect: {on: caller, state: confirmed}\n  - wait: {seconds: 600}\n"
    bot = srtpbot(
        *("load", peer()[0], "--scenario", written(tmp_path, HEAD + steps)),
        *("--concurrency", 2, "--out", "out"),
    )
    journal = tmp_path / "out" / "calls.csv"
    bot.line("agents are ready", stream="stdout")
    assert journal.parent.is_dir()
    bot.send(signal.SIGINT)
    assert bot.end(END_S) == INTERRUPTED, bot.said
    assert {row["verdict"] for row in rows(tmp_path / "out")} <= {"ended"}
    assert bot.leaves_nothing()


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (
            "answer: {on: caller}",
            "menu.yaml:8: steps[2].answer: answers a call, and a load only places calls",
        ),
        ("call: {from: caller, to: '${to}'}", "menu.yaml:8: steps[2].call: a second call"),
        ("register: {on: caller}", "menu.yaml:8: steps[2].register: is sent outside of the call"),
        (
            "options: {from: caller, to: '${to}'}",
            "menu.yaml:8: steps[2].options: is sent outside of the call",
        ),
        (
            "expect: {on: caller, registered: yes}",
            "menu.yaml:8: steps[2].expect: registered is about the endp",
        ),
        ("transfer: {on: caller, to_call: caller}", "menu.yaml:8: steps[2].transfer: needs a second call"),
        ("play: {on: caller, audio: none.wav}", "menu.yaml:8: steps[2].play.audio: none.wav: no such file"),
        ("play: {on: caller, audio: '${nothing}'}", "unknown variable 'nothing'"),
    ],
)
def test_steps_that_do_not_fit(step: str, problem: str, srtpbot: NewBot, tmp_path: Path) -> None:
    text = f"{HEAD}  - expect: {{on: caller, state: confirmed}}\n  - {step}\n"
    bot = srtpbot("load", "sip:100@127.0.0.1", "--scenario", written(tmp_path, text))
    assert bot.end(END_S) == USAGE, bot.said
    assert problem in bot.stderr
    assert "Traceback" not in bot.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--length", "9"], "--length and --scenario: the steps of the scenario say how long a call lasts"),
        (["--verify", "all"], "--verify and --scenario: an expect step of the scenario verifies the audio"),
        (["--dtmf", "1"], "--dtmf and --scenario: use a dtmf step; remove --dtmf"),
        (["--expect-codec", "PCMA"], "--expect-codec and --scenario: use an expect step"),
        (["--var", "nothing=1"], "--var nothing: unknown variable"),
    ],
)
def test_what_contradicts_a_scenario(
    arguments: list[str], problem: str, srtpbot: NewBot, tmp_path: Path
) -> None:
    bot = srtpbot("load", "sip:100@127.0.0.1", "--scenario", written(tmp_path, HEAD + STEPS), *arguments)
    assert bot.end(END_S) == USAGE, bot.said
    assert problem in bot.stderr


def test_a_variable_needs_a_scenario(srtpbot: NewBot) -> None:
    bot = srtpbot("load", "sip:100@127.0.0.1", "--var", "a=1")
    assert bot.end(END_S) == USAGE, bot.said
    assert "--var: needs --scenario FILE" in bot.stderr
