"""bot.ipc.driver: a process that starts, speaks, hangs or dies; a few lines of Python stand for the agent."""

from __future__ import annotations

import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.ipc.commands import Reinvite, SendMessage
from bot.ipc.driver import LOG_LINES, Driver, exit_reason
from bot.ipc.events import AgentCrashed, AgentStopped, AnyEvent, CommandDone, Heartbeat
from tests.support.fakes import LONG

PRELUDE = """
import os, signal, socket, sys, json
parent = socket.socket(fileno=int(sys.argv[1]))
lines = parent.makefile("r")
def say(**event): parent.sendall(json.dumps(event).encode() + b"\\n")
def log(text): os.write(2, text.encode() + b"\\n")
say(type="Heartbeat", at=0.0, next_s=60.0)
"""
OBEDIENT = """
for line in lines:
    request = json.loads(line)
    say(type="CommandDone", at=0.0, request=request["number"])
    if request["command"]["type"] == "Shutdown":
        say(type="AgentStopped", at=0.0)
        break
"""


class Ear:
    """What a driver reports."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[AnyEvent] = queue.SimpleQueue()
        self.lines: list[str] = []

    def next(self) -> AnyEvent:
        """The next event."""
        return self.events.get(timeout=LONG)

    def crash(self) -> AgentCrashed:
        """The next event, which has to be a crash, and the last one."""
        event = self.next()
        assert isinstance(event, AgentCrashed), event
        return event


Launch = Callable[[str], tuple[Driver, Ear]]


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launch]:
    """Start a driver whose agent runs the given lines."""
    real = subprocess.Popen
    drivers: list[Driver] = []

    def start(script: str) -> tuple[Driver, Ear]:
        def popen(arguments: list[str], **options: Any) -> Any:
            fd = arguments[-1]
            return real([sys.executable, "-I", "-S", "-c", PRELUDE + script, fd], **options)

        monkeypatch.setattr("bot.ipc.driver.subprocess.Popen", popen)
        monkeypatch.setattr("bot.ipc.driver.find_spec", lambda name: name)  # that program needs no library
        ear = Ear()
        drivers.append(Driver(ear.events.put, ear.lines.append))
        return drivers[-1], ear

    yield start
    for driver in drivers:
        driver.stop()


def test_commands_are_numbered_and_answered(launch: Launch) -> None:
    driver, ear = launch(OBEDIENT)
    numbers = [driver.send(Reinvite(call=1)) for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert [ear.next() for _ in numbers] == [CommandDone(at=0.0, request=number) for number in numbers]


def test_stop_ends_it_in_order(launch: Launch) -> None:
    driver, ear = launch(OBEDIENT)
    driver.stop()
    assert ear.next() == CommandDone(at=0.0, request=1)
    assert ear.next() == AgentStopped(at=0.0)
    assert ear.events.empty()
    driver.stop()
    assert ear.events.empty()


def test_heartbeats_are_not_passed_on(launch: Launch) -> None:
    driver, ear = launch(OBEDIENT)
    driver.send(Reinvite(call=1))
    assert not isinstance(ear.next(), Heartbeat)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os._exit(7)", "it exited with status 7"),
        ("os._exit(0)", "it exited with status 0"),
        ("os.abort()", "it was killed by SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "it was killed by SIGSEGV"),
    ],
)
def test_death_is_a_crash(launch: Launch, end: str, reason: str) -> None:
    _, ear = launch(f"log('last words')\n{end}")
    crash = ear.crash()
    assert crash.reason == reason
    assert crash.log == ["last words"]
    assert ear.events.empty()


def test_sending_to_the_dead_is_no_error(launch: Launch) -> None:
    driver, ear = launch("os._exit(1)")
    ear.crash()
    assert driver.send(Reinvite(call=1)) == 1
    driver.stop()


def test_only_the_last_lines_are_kept_and_all_are_passed_on(launch: Launch) -> None:
    _, ear = launch(f"for number in range({LOG_LINES + 20}): log(f'line {{number}}')\nos._exit(1)")
    assert ear.crash().log == [f"line {number}" for number in range(20, LOG_LINES + 20)]
    assert len(ear.lines) == LOG_LINES + 20


def test_a_pump_that_stops_turning_is_a_crash(launch: Launch) -> None:
    _, ear = launch("say(type='Heartbeat', at=0.0, next_s=0.0)\nsignal.pause()")
    assert ear.crash().reason == "it hung: its pump stopped turning"


def test_a_heartbeat_that_comes_at_the_last_moment_counts(launch: Launch) -> None:
    one, another = (f"say(type='Heartbeat', at=0.0, next_s={next_s})" for next_s in (0.0, 60.0))
    driver, ear = launch(f"import time\n{one}\ntime.sleep(0.01)\n{another}\n{OBEDIENT}")
    driver.send(Reinvite(call=1))
    assert ear.next() == CommandDone(at=0.0, request=1)


def test_a_log_that_goes_on_does_not_hide_a_pump_that_stopped(launch: Launch) -> None:
    _, ear = launch("say(type='Heartbeat', at=0.0, next_s=0.0)\nwhile True: log('still here')")
    assert ear.crash().reason == "it hung: its pump stopped turning"


def test_a_stopped_agent_is_not_waited_for(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.ipc.driver.REAP_S", 10 * LONG)
    monkeypatch.setattr(Driver, "_state", lambda self: "T")
    deaf = "signal.signal(signal.SIGABRT, signal.SIG_IGN)"
    _, ear = launch(f"{deaf}\nsay(type='Heartbeat', at=0.0, next_s=0.0)\nsignal.pause()")
    assert ear.crash().reason == "it hung: its pump stopped turning"


def test_an_agent_that_a_debugger_or_a_disk_holds_up_has_not_hung(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ipc.driver.AGAIN_S", 0.01)
    states = iter(["t", "D", "S"])
    monkeypatch.setattr(Driver, "_state", lambda self: next(states))
    _, ear = launch("say(type='Heartbeat', at=0.0, next_s=0.0)\nsignal.pause()")
    assert ear.crash().reason == "it hung: its pump stopped turning"
    assert next(states, None) is None


def test_commands_that_are_not_read_hold_nobody_up(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.ipc.driver.SEND_S", 0.05)
    driver, ear = launch("signal.pause()")
    for _ in range(100):
        driver.send(SendMessage(uri="sip:a@b", text="x" * 60_000))
    assert ear.crash().reason == "it hung: it read no commands"


def test_what_is_no_event_is_a_crash(launch: Launch) -> None:
    _, ear = launch("parent.sendall(b'pjlib: out of memory\\n')\nsignal.pause()")
    assert ear.crash().reason.startswith("it wrote an invalid event")


def test_an_agent_that_closes_its_socket_is_gone(launch: Launch) -> None:
    _, ear = launch("lines.close(); parent.close(); signal.pause()")
    assert ear.crash().reason == "it was killed by SIGKILL"


def test_an_agent_that_closes_its_log_goes_on(launch: Launch) -> None:
    driver, ear = launch("os.close(2)\n" + OBEDIENT)
    driver.send(Reinvite(call=1))
    assert ear.next() == CommandDone(at=0.0, request=1)


def test_the_process_is_there_and_then_gone(launch: Launch) -> None:
    driver, ear = launch(OBEDIENT)
    assert driver.pid > 0
    driver.stop()
    assert isinstance(ear.next(), CommandDone)
    assert not driver._thread.is_alive()
    assert driver._process.returncode is not None


@pytest.mark.parametrize(
    ("status", "words"), [(0, "it exited with status 0"), (-6, "it was killed by SIGABRT")]
)
def test_exit_reason(status: int, words: str) -> None:
    assert exit_reason(status) == words
