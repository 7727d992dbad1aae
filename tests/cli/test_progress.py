"""The live table of calls: its content, its absence without a terminal, its removal at the end."""

from __future__ import annotations

import io
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyte
import pytest
from rich.console import Console

from bot import CallState, Direction, expect
from bot.cli.progress import ENDED_SHOWN, EVERY_S, Progress, at_a_terminal
from bot.deadline import Deadline
from bot.ipc.events import (
    AgentCrashed,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    MediaStateChanged,
    StreamMeasured,
)
from bot.model import (
    CryptoSuite,
    DtmfMethod,
    EndedBy,
    MediaDirection,
    MediaState,
    RtpCounters,
    StreamStats,
)
from bot.ua.journal import Journal
from tests.support.commands import NewBot
from tests.support.process import OK, import_path
from tests.support.starting import LOOPBACK, NewEndpoint
from tests.support.terminal import Terminal

SUITE = CryptoSuite.AES_CM_128_HMAC_SHA1_80
OVERRIDES = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
"""What would decide for the terminal."""
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in OVERRIDES},
    "TERM": "xterm-256color",
    "PYTHONPATH": import_path(),
}
HEADING = "endpoint  call"
CTRL_C = b"\x03"


@pytest.fixture(autouse=True)
def able_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is drawn only where the terminal can move its cursor, whatever the tests are started from."""
    monkeypatch.setenv("TERM", ENVIRONMENT["TERM"])


class Paper(io.StringIO):
    """A terminal's end that keeps what is drawn, and says when something was."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Condition()
        self.pieces: list[tuple[float, str]] = []

    def write(self, text: str) -> int:
        with self.drawn:
            self.pieces.append((time.monotonic(), text))
            self.drawn.notify_all()
        return len(text)

    def screen(self, columns: int = 120, lines: int = 24) -> str:
        """What a person sees."""
        screen = pyte.Screen(columns, lines)
        screen.set_mode(pyte.modes.LNM)
        with self.drawn:
            pyte.Stream(screen).feed("".join(text for _, text in self.pieces))
        return "\n".join(line.rstrip() for line in screen.display).strip()

    def until(self, shows: Callable[[str], bool], **size: int) -> str:
        """Wait for it."""
        deadline = Deadline(10)
        with self.drawn:
            while not shows(text := self.screen(**size)):
                assert not deadline.passed, text
                self.drawn.wait(deadline.left)
        return text


class Show:
    """A table on paper, and a journal that a test writes."""

    def __init__(self, columns: int = 120, lines: int = 24, **options: Any) -> None:
        self.paper = Paper()
        self.size = {"columns": columns, "lines": lines}
        console = Console(
            file=self.paper, force_terminal=True, width=columns, height=lines, legacy_windows=False, **options
        )
        self.progress = Progress(console=console)
        self.journal = Journal()
        self.progress.follow(self.journal)

    def begins(self, call: int = 1, endpoint: str = "caller") -> None:
        self.journal.append(
            endpoint,
            CallStarted(
                at=time.monotonic(),
                call=call,
                direction=Direction.OUTGOING,
                sip_call_id=f"{endpoint}{call}",
                local_uri="sip:caller@127.0.0.1",
                remote_uri="<sip:callee@127.0.0.1:5070;transport=tcp>",
                transport="tcp",
            ),
        )

    def state(self, state: CallState, call: int = 1, code: int = 0, endpoint: str = "caller") -> None:
        by = EndedBy.REMOTE if state is CallState.DISCONNECTED else None
        changed = CallStateChanged(at=time.monotonic(), call=call, state=state, code=code, reason="", by=by)
        self.journal.append(endpoint, changed)

    def until(self, shows: Callable[[str], bool]) -> str:
        return self.paper.until(shows, **self.size)

    def screen(self) -> str:
        return self.paper.screen(**self.size)


@pytest.fixture
def new_show() -> Iterator[Callable[..., Show]]:
    """Open a table; taken away at the end."""
    with ExitStack() as open_ones:

        def start(**options: Any) -> Show:
            show = Show(**options)
            open_ones.callback(show.progress.stop)
            return show

        yield start


NewShow = Callable[..., Show]


def test_a_call_is_one_line_of_facts(new_show: NewShow) -> None:
    show = new_show()
    show.begins()
    show.state(CallState.CONFIRMED, code=200)
    line = MediaState(
        index=0,
        type="audio",
        active=True,
        direction=MediaDirection.SENDRECV,
        codec="PCMA",
        clock_rate=8000,
        ptime_ms=20,
        suite=SUITE,
        local="127.0.0.1:4000",
        remote="127.0.0.1:4002",
    )
    show.journal.append("caller", MediaStateChanged(at=time.monotonic(), call=1, media=[line]))
    counters = RtpCounters(
        packets=250,
        bytes=0,
        lost=3,
        discarded=0,
        reordered=0,
        duplicate=0,
        jitter_ms_mean=0.1,
        jitter_ms_max=0.1,
    )
    stats = StreamStats(rx=counters, tx=counters, rtt_ms=None)
    show.journal.append(
        "caller", StreamMeasured(at=time.monotonic(), call=1, index=0, stats=stats, final=False)
    )
    for digit in "42#":
        show.journal.append(
            "caller",
            DtmfReceived(
                at=time.monotonic(), call=1, digit=digit, method=DtmfMethod.RFC4733, duration_ms=None
            ),
        )
    text = show.until(lambda text: "42#" in text)
    heading, row, totals = text.splitlines()
    assert heading.split() == [
        "endpoint",
        "call",
        "peer",
        "state",
        "s",
        "codec",
        "suite",
        "rx/lost",
        "digits",
    ]
    expected = ["caller", "1", "->", "callee@127.0.0.1:5070", "CONFIRMED", "0", "PCMA", SUITE, "250/3", "42#"]
    assert row.split() == expected
    assert totals == "1 call, 1 running"


def test_the_end_of_a_call_stays_in_sight_and_its_time_stands(new_show: NewShow) -> None:
    show = new_show()
    show.begins()
    show.state(CallState.DISCONNECTED, code=486)
    text = show.until(lambda text: "0 running" in text)
    assert re.search(r"DISCONNECTED 486 +0\b", text)


def test_the_calls_of_an_agent_that_crashed_have_ended(new_show: NewShow) -> None:
    show = new_show()
    show.begins(1, "caller")
    show.begins(1, "callee")
    show.journal.append("caller", AgentCrashed(at=time.monotonic(), reason="it was killed", log=[]))
    text = show.until(lambda text: "2 calls, 1 running" in text)
    assert re.search(r"^caller .* DISCONNECTED error ", text, re.MULTILINE)


def test_what_was_not_seen_is_left_empty(new_show: NewShow) -> None:
    show = new_show()
    show.begins()
    text = show.until(lambda text: "1 running" in text)
    assert text.splitlines()[1].split() == ["caller", "1", "->", "callee@127.0.0.1:5070", "NULL", "0"]


def test_two_endpoints_and_two_journals_do_not_mix(new_show: NewShow) -> None:
    show = new_show()
    other = Journal()
    show.progress.follow(other)
    show.begins(1, "caller")
    show.begins(1, "callee")
    ours, show.journal = show.journal, other
    show.begins(1, "caller")
    show.state(CallState.DISCONNECTED, 1, 200, "caller")
    show.journal = ours
    text = show.until(lambda text: "3 calls, 2 running" in text)
    assert text.count("DISCONNECTED") == 1


def test_no_more_than_four_drawings_a_second(new_show: NewShow) -> None:
    show = new_show()
    show.begins()
    deadline = Deadline(1.6)
    busy = threading.Event()
    while not deadline.passed:
        show.state(CallState.EARLY, code=180)
        busy.wait(0.002)
    show.progress.stop()
    drawn = [at for at, text in show.paper.pieces if "endpoint" in text]
    gaps = [later - earlier for earlier, later in pairwise(drawn)]
    assert 4 <= len(drawn) <= 8, gaps
    assert min(gaps) > EVERY_S * 0.9


def test_each_drawing_is_one_write(new_show: NewShow) -> None:
    show = new_show()
    show.begins()
    show.until(lambda text: "1 running" in text)
    show.state(CallState.CONFIRMED, code=200)
    show.until(lambda text: "CONFIRMED" in text)
    (again,) = [text for _, text in show.paper.pieces if "CONFIRMED" in text]
    assert again.startswith("\r\x1b[2K")
    assert "1 running" in again


def test_running_calls_grow_older_without_an_event(new_show: NewShow) -> None:
    show = new_show()
    show.begins()
    show.until(lambda text: bool(re.search(r"NULL +[12]", text)))


@pytest.mark.parametrize(("columns", "lines"), [(120, 24), (80, 12), (40, 6)])
def test_more_calls_than_lines(columns: int, lines: int, new_show: NewShow) -> None:
    show = new_show(columns=columns, lines=lines)
    for call in range(1, 201):
        show.begins(call)
        if call % 2:
            show.state(CallState.DISCONNECTED, call, 200)
    text = show.until(lambda text: "200 calls, 100 running" in text)
    assert len(text.splitlines()) <= lines
    assert "not shown" in text or columns == 40
    show.progress.stop()
    assert show.screen() == ""


def test_only_the_last_calls_that_ended_are_kept(new_show: NewShow) -> None:
    show = new_show()
    for call in range(1, 51):
        show.begins(call)
        show.state(CallState.DISCONNECTED, call, 200)
    text = show.until(lambda text: "50 calls, 0 running" in text)
    assert text.count("DISCONNECTED") == ENDED_SHOWN
    assert " 50 " in text


def test_lines_are_said_above_the_table_and_stay(new_show: NewShow) -> None:
    show = new_show()
    assert not show.progress.say("nobody to say it")
    show.begins()
    show.until(lambda text: "1 running" in text)
    assert show.progress.say("FAIL  [red]call 1[/] is :smile: confirmed\n  expected: x")
    text = show.until(lambda text: "FAIL" in text and "1 running" in text)
    assert text.splitlines()[:3] == [
        "FAIL  [red]call 1[/] is :smile: confirmed",
        "  expected: x",
        text.splitlines()[2],
    ]
    assert text.splitlines()[2].startswith(HEADING)
    show.progress.say("the last word")
    show.progress.stop()
    assert show.screen().splitlines() == [*text.splitlines()[:2], "the last word"]
    assert not show.progress.say("too late")


def test_the_end_leaves_nothing_and_gives_the_cursor_back(new_show: NewShow) -> None:
    show = new_show()
    show.begins()
    show.until(lambda text: "1 running" in text)
    show.progress.stop()
    show.progress.stop()
    assert show.screen() == ""
    everything = "".join(text for _, text in show.paper.pieces)
    assert everything.count("\x1b[?25l") == everything.count("\x1b[?25h") == 1
    before = len(show.paper.pieces)
    show.state(CallState.CONFIRMED)
    assert len(show.paper.pieces) == before


def test_without_a_call_nothing_is_drawn(new_show: NewShow) -> None:
    show = new_show()
    show.progress.stop()
    assert show.paper.pieces == []


def test_a_table_that_is_not_wanted_says_nothing() -> None:
    paper = Paper()
    progress = Progress(wanted=False, console=Console(file=paper, force_terminal=True))
    journal = Journal()
    progress.follow(journal)
    show = Show()
    show.journal, show.progress = journal, progress
    show.begins()
    assert not progress.say("text")
    progress.stop()
    assert paper.pieces == []


def test_a_terminal_that_was_closed_ends_the_table_and_nothing_else(
    new_show: NewShow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(text: str) -> int:
        raise OSError(5, "Input/output error")

    show = new_show()
    monkeypatch.setattr(show.paper, "write", gone)
    show.begins()
    show.progress.stop()


class Stream(io.StringIO):
    """A standard stream that is a terminal or the file of a descriptor."""

    def __init__(self, descriptor: int | None) -> None:
        super().__init__()
        self._descriptor = descriptor

    def isatty(self) -> bool:
        return self._descriptor is None

    def fileno(self) -> int:
        return self._descriptor or 0


def test_where_a_table_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Stream(None)
    reader, writer = os.pipe()
    with (tmp_path / "out").open("w") as file, os.fdopen(reader), os.fdopen(writer, "w"):
        assert at_a_terminal(terminal, terminal)
        assert at_a_terminal(Stream(file.fileno()), terminal)
        assert not at_a_terminal(Stream(writer), terminal)  # srtpbot call --json - | jq
        assert not at_a_terminal(terminal, Stream(file.fileno()))
        assert not at_a_terminal(terminal, Stream(writer))
        for useless in ("dumb", ""):
            monkeypatch.setenv("TERM", useless)
            assert not at_a_terminal(terminal, terminal)


def test_in_the_background_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp())
    assert at_a_terminal(Stream(None), Stream(None))
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp() + 1)
    assert not at_a_terminal(Stream(None), Stream(None))


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
        assert re.search(
            rf"^parrot +1 +<- alice@{LOOPBACK} +CONFIRMED +\d+ +PCMA +{SUITE}", text, re.MULTILINE
        )
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


def test_without_a_terminal_there_are_only_the_lines_of_always(
    answer: NewBot, new_endpoint: NewEndpoint
) -> None:
    bot = answer("--calls", 1, TERM="xterm-256color")
    call = new_endpoint().make_call(bot.uri())
    expect(call).to_be_confirmed()
    call.hangup()
    assert bot.end() == OK
    assert bot.stderr == ""
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
