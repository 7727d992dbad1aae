"""Ctrl-C and SIGTERM at any moment: calls are hung up, recordings closed, nothing is left behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from bot import Call, expect
from tests.support.commands import NewBot
from tests.support.process import FAILED, INTERRUPTED, OK
from tests.support.starting import LOOPBACK, NewEndpoint

WAITING = """
import signal
from bot.cli.session import Session
from bot.deadline import Deadline
with Session({"json_file": "-", "junit_file": None, "verbose": 0, "trace": False, "out_folder": None}) as run:
    with run.journal.held():
        signal.raise_signal(signal.SIGINT)
    run.note("a lock that was held is released", True, "", "")
    run.journal.wait_until(lambda: False, Deadline(30))
    run.note("what follows", False, "", "")
"""

EITHER = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])

HALF_DONE = """
import signal
from bot.cli.session import Session
from bot.deadline import Deadline
with Session({"json_file": "-", "junit_file": None, "verbose": 0, "trace": False, "out_folder": None}) as run:
    with run.journal.uninterrupted():
        signal.raise_signal(signal.SIGINT)
        assert run.journal.wait_until(lambda: run.journal.interruption is not None, Deadline(10))
        run.note("what was begun is done", True, "", "")
    run.note("what follows", False, "", "")
"""


def test_an_interrupt_leaves_no_short_work_half_done() -> None:
    printed = subprocess.run([sys.executable, "-c", HALF_DONE], capture_output=True, text=True, check=True)
    result = json.loads(printed.stdout)
    assert result["error"] == "interrupted"
    assert [one["name"] for one in result["expectations"]] == ["what was begun is done"]


def test_an_interrupt_is_raised_by_a_wait_and_not_where_a_lock_is_held() -> None:
    printed = subprocess.run([sys.executable, "-c", WAITING], capture_output=True, text=True, check=True)
    result = json.loads(printed.stdout)
    assert result["error"] == "interrupted"
    assert [one["name"] for one in result["expectations"]] == ["a lock that was held is released"]


SIGNALS = "from bot.cli.signals import INTERRUPTS; print(*(one.name for one in INTERRUPTS))"


@pytest.mark.parametrize("ignored", [False, True])
def test_a_lost_terminal_ends_a_command_unless_sighup_is_ignored(ignored: bool) -> None:
    trap = "trap '' HUP; " if ignored else ""
    shell = f"{trap}exec {sys.executable} -c '{SIGNALS}'"
    printed = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout.split()
    assert printed == ["SIGINT", "SIGTERM", *([] if ignored else ["SIGHUP"])]


def requests(call: Call) -> list[str]:
    """The methods that the call received."""
    return [one.message.method for one in call.facts.messages if not one.sent and one.message.is_request]


@EITHER
def test_interrupted_while_it_rings(number: signal.Signals, call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--json", "-")
    with callee.expect_call(timeout=15) as incoming:
        pass
    incoming.value.ring()
    bot.wait_for_agents()
    bot.send(number)
    expect(incoming.value).to_be_disconnected(code=487, by="remote")
    assert "CANCEL" in requests(incoming.value)
    assert bot.end(timeout=10) == INTERRUPTED, bot.said
    assert bot.json()["error"] == "interrupted"
    assert bot.json()["verdict"] == "error"
    assert "Traceback" not in bot.said
    assert bot.leaves_nothing()


@EITHER
def test_interrupted_while_it_talks(
    number: signal.Signals, call: NewBot, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--play", speech, "--loop", "--duration", 60, "--out", "out", "--record", "rx.wav")
    with callee.expect_call(timeout=15) as incoming:
        pass
    answered = incoming.value.answer()
    expect(answered).to_have_active_media()
    answered.play(speech).wait()
    bot.wait_for_agents()
    bot.send(number)
    expect(answered).to_be_disconnected(code=200, by="remote")
    assert "BYE" in requests(answered)
    assert bot.end(timeout=10) == INTERRUPTED, bot.said
    assert "Traceback" not in bot.said
    assert soundfile.info(tmp_path / "rx.wav").duration > 1.5
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["calls"][0]["disconnect"]["by"] == "local"
    assert result["calls"][0]["recording"]["duration_s"] > 1.5
    assert bot.leaves_nothing()


def test_interrupted_twice_still_hangs_up(call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    bot = call(callee.uri)
    with callee.expect_call(timeout=15) as incoming:
        pass
    answered = incoming.value.answer()
    expect(answered).to_have_active_media()
    bot.wait_for_agents()
    bot.send(signal.SIGINT)
    bot.send(signal.SIGINT)
    expect(answered).to_be_disconnected(code=200, by="remote")
    assert bot.end(timeout=10) == INTERRUPTED, bot.said
    assert "Traceback" not in bot.said
    assert bot.leaves_nothing()


@pytest.mark.parametrize(
    "command", [["call", f"sip:nobody@{LOOPBACK}:9"], ["answer", "--port", "0"]], ids=lambda one: one[0]
)
def test_interrupted_while_its_agent_starts(command: list[str], srtpbot: NewBot) -> None:
    bot = srtpbot(*command, "--bind", LOOPBACK)
    bot.wait_for_agents()
    bot.send(signal.SIGINT)
    assert bot.end(timeout=10) == (INTERRUPTED if command[0] == "call" else OK), bot.said
    assert "Traceback" not in bot.said
    assert bot.leaves_nothing()


@pytest.mark.parametrize("milliseconds", [60, 120, 180, 240, 300])
def test_interrupted_at_any_moment_of_its_start(milliseconds: int, srtpbot: NewBot) -> None:
    bot = srtpbot("call", f"sip:nobody@{LOOPBACK}:9", "--bind", LOOPBACK)
    with pytest.raises(AssertionError):
        bot.end(timeout=milliseconds / 1000)
    bot.send(signal.SIGINT)
    status = bot.end(timeout=10)
    if status != INTERRUPTED:  # Python was still importing the entry point, before it blocks signals
        assert status in {1, -signal.SIGINT}, bot.said
        assert set(re.findall(r"/bot/.*, in (\S+)", bot.stderr)) <= {"<module>"}, bot.said
        assert not re.search(r"/bot/cli/(?!__init__|main|signals)", bot.stderr), bot.said
    assert bot.leaves_nothing()


@EITHER
def test_answer_ends_in_order(
    number: signal.Signals, answer: NewBot, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    bot = answer("--as", "parrot", "--record", "rx.wav", "--json", "-")
    caller = new_endpoint()
    outgoing = caller.make_call(bot.uri())
    outgoing.play(speech).wait()
    bot.wait_for_agents()
    bot.send(number)
    expect(outgoing).to_be_disconnected(code=200, by="remote")
    assert bot.end(timeout=10) == OK, bot.said
    assert soundfile.info(tmp_path / "rx.wav").duration > 1.5
    _, line = bot.stdout.splitlines()
    assert json.loads(line)["disconnect"]["by"] == "local"
    assert "Traceback" not in bot.said
    assert bot.leaves_nothing()


@EITHER
def test_answer_without_a_call_ends_in_order(number: signal.Signals, answer: NewBot) -> None:
    bot = answer()
    bot.uri()
    bot.wait_for_agents()
    bot.send(number)
    assert bot.end(timeout=10) == OK, bot.said
    assert bot.leaves_nothing()


def test_answer_that_waits_for_calls_in_vain(answer: NewBot) -> None:
    bot = answer("--calls", 1, "--for", 0.5)
    assert bot.end(timeout=15) == FAILED, bot.said
    assert "calls ended: expected at least 1, observed 0" in bot.stdout


def test_answer_for_a_time_without_an_expectation(answer: NewBot) -> None:
    bot = answer("--for", 0.3)
    assert bot.end(timeout=15) == OK, bot.said


def test_interrupt_before_the_calls_that_were_wanted(answer: NewBot) -> None:
    bot = answer("--calls", 2)
    bot.uri()
    bot.send(signal.SIGINT)
    assert bot.end(timeout=10) == FAILED, bot.said
