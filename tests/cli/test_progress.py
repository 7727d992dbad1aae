"""The live table of calls, of commands at a terminal."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bot import expect
from bot.deadline import Deadline
from tests.support.commands import NewBot
from tests.support.process import OK, import_path
from tests.support.starting import LOOPBACK, NewEndpoint
from tests.support.terminal import Terminal

OVERRIDES = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
"""What would decide for the terminal."""
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in OVERRIDES},
    "TERM": "xterm-256color",
    "PYTHONPATH": import_path(),
}
HEADING = "endpoint  call"
CTRL_C = b"\x03"


# ---- the command at a terminal


def ready(terminal: Terminal) -> str:
    """The URI of its ready line."""
    text = terminal.until(lambda text: "transport=udp" in text)
    found = re.search(r"^ready (sip:\S+)$", text, re.MULTILINE)
    assert found, text
    return found[1]


def test_answer_shows_its_calls_and_leaves_nothing_on_ctrl_c(
    tmp_path: Path, new_endpoint: NewEndpoint
) -> None:
    with Terminal(
        "answer", "--bind", LOOPBACK, "--port", 0, folder=tmp_path, environment=ENVIRONMENT
    ) as terminal:
        uri = ready(terminal)
        call = new_endpoint(name="alice", codecs=["PCMA"]).make_call(uri)
        expect(call).to_have_active_media()
        call.send_dtmf("42").wait()
        text = terminal.until(lambda text: " 42" in text)
        assert re.search(r"^parrot +1 +<- alice@\S* +CONFIRMED +\d+ +PCMA +", text, re.MULTILINE)
        # packets until now, and levels
        terminal.until(lambda text: re.search(r" \d{2,}/0 +\S+/\S+ +42", text) is not None)
        terminal.press(CTRL_C)
        expect(call).to_be_disconnected(code=200, by="remote")
        assert terminal.end() == OK
        first, of_call, *_, last = terminal.screen
        assert first == f"ready {uri}"
        assert of_call.startswith(f"parrot, call 1 <sip:alice@{LOOPBACK}")
        assert last.startswith("verdict: ")
        assert not any(HEADING in line or "running" in line for line in terminal.screen)
        assert not terminal.cursor_hidden
        assert b"32m" in terminal.raw


def test_call_shows_what_it_does_and_how_long(answer: NewBot, tmp_path: Path) -> None:
    uri = answer("--calls", 1).uri()
    arguments = ["call", uri, "--bind", LOOPBACK, "--play", "speech:2", "--linger", 1.5]
    with Terminal(*arguments, folder=tmp_path, environment=ENVIRONMENT) as terminal:
        terminal.until(lambda text: re.search(r" [12]/2 s sp", text) is not None)
        terminal.until(lambda text: re.search(r"1 running; until the end: [012] s", text) is not None)
        assert terminal.end() == OK


def test_no_color_is_respected(tmp_path: Path, new_endpoint: NewEndpoint) -> None:
    environment = {**ENVIRONMENT, "NO_COLOR": "1"}
    with Terminal(
        "answer", "--bind", LOOPBACK, "--port", 0, folder=tmp_path, environment=environment
    ) as terminal:
        expect(new_endpoint().make_call(ready(terminal))).to_be_confirmed()
        terminal.until(lambda text: "CONFIRMED" in text)
        terminal.press(CTRL_C)
        assert terminal.end() == OK
        colours = re.findall(rb"\x1b\[[0-9;]*\b(?:3[0-7]|9[0-7]|38|48)(?:;[0-9;]*)?m", terminal.raw)
        assert colours == []


def test_a_call_that_fails_says_so_and_the_table_goes(tmp_path: Path, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    arguments = [
        "call",
        callee.uri,
        "--bind",
        LOOPBACK,
        "--codec",
        "PCMA",
        "--duration",
        1,
        "--expect-codec",
        "PCMU",
    ]
    with Terminal(*arguments, folder=tmp_path, environment=ENVIRONMENT, columns=250, lines=60) as terminal:
        with callee.expect_call(timeout=20) as incoming:
            pass
        incoming.value.answer()
        terminal.until(lambda text: "CONFIRMED" in text and HEADING in text)
        incoming.value.loopback()
        assert terminal.end() == 1
        assert not any(line.startswith(HEADING) for line in terminal.screen)
        assert any(line.startswith("FAIL  caller: call 1") for line in terminal.screen), terminal.screen
        assert "verdict: FAIL" in terminal.screen[-1]


def test_the_report_on_standard_output_stays_clean(tmp_path: Path, new_endpoint: NewEndpoint) -> None:
    target = tmp_path / "lines.json"
    arguments = ["answer", "--bind", LOOPBACK, "--port", 0, "--json", "-", "--calls", 1]
    with (
        target.open("wb") as file,
        Terminal(*arguments, folder=tmp_path, environment=ENVIRONMENT, stdout=file) as terminal,
    ):
        deadline = Deadline(20)
        while not target.read_text():
            assert not deadline.passed
            terminal.look(0.02)
        uri = target.read_text().split()[1]
        call = new_endpoint().make_call(uri)
        expect(call).to_be_confirmed()
        terminal.until(lambda text: "CONFIRMED" in text)
        call.hangup()
        assert terminal.end() == OK
    first, second = target.read_text().splitlines()
    assert first.startswith("ready ")
    assert second.startswith("{")
    assert second.endswith("}")


def test_without_a_terminal_there_is_a_line_for_each_event(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--calls", 1, TERM="xterm-256color")
    call = new_endpoint().make_call(bot.uri())
    expect(call).to_be_confirmed()
    call.hangup()
    assert bot.end() == OK
    lines = [re.sub(r"^ +[0-9.]+  ", "", line) for line in bot.stderr.splitlines()]
    assert [line for line in lines if "media" not in line and "CONNECTING" not in line] == [
        f"parrot: call 1 from <sip:{call.endpoint.name}@{LOOPBACK}>",
        "parrot: call 1 INCOMING 100 Trying",
        "parrot: call 1 CONFIRMED 200 OK",
        "parrot: call 1 DISCONNECTED 200 Normal call clearing, by remote",
    ]
    assert HEADING not in bot.stdout
    assert "\x1b" not in bot.said


def test_with_v_the_lines_take_its_place(tmp_path: Path, new_endpoint: NewEndpoint) -> None:
    arguments = ["answer", "--bind", LOOPBACK, "--port", 0, "-v", "--calls", 1]
    with Terminal(*arguments, folder=tmp_path, environment=ENVIRONMENT) as terminal:
        call = new_endpoint().make_call(ready(terminal))
        expect(call).to_be_confirmed()
        call.hangup()
        assert terminal.end() == OK
        assert any("parrot: call 1 CONFIRMED" in line for line in terminal.screen)
        assert b"endpoint" not in terminal.raw
