"""bot.cli.progress: the live table of calls: its content, when there is none, its removal at the end."""

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

from bot import CallState, Direction
from bot.cli.progress import ENDED_SHOWN, EVERY_S, Progress, at_a_terminal
from bot.deadline import Deadline
from bot.ipc.events import (
    AgentCrashed,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    MediaStateChanged,
    PlaybackStarted,
    StreamMeasured,
)
from bot.model import (
    AudioLevels,
    CryptoSuite,
    DtmfMethod,
    EndedBy,
    MediaDirection,
    MediaState,
    RtpCounters,
    StreamStats,
)
from bot.ua.journal import Journal


@pytest.fixture(autouse=True)
def able_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is drawn only where the terminal can move its cursor, whatever the tests are started from."""
    monkeypatch.setenv("TERM", "xterm-256color")


SUITE = CryptoSuite.AES_CM_128_HMAC_SHA1_80


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

    def __init__(self, columns: int = 130, lines: int = 24, **options: Any) -> None:
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
    levels = AudioLevels(received_dbfs=-18.4, sent_dbfs=None)
    show.journal.append(
        "caller",
        StreamMeasured(at=time.monotonic(), call=1, index=0, stats=stats, final=False, levels=levels),
    )
    show.journal.append(
        "caller",
        PlaybackStarted(at=time.monotonic(), call=1, playback=1, source="speech:40", duration_s=40.0),
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
        "dB",
        "in/out",
        "playing",
        "digits",
    ]
    expected = (
        "caller 1 -> callee@127.0.0.1:5070 CONFIRMED 0 PCMA AES_CM_128_80 250/3 -18/- 0/40 s speech:40 42#"
    )
    assert row.split() == expected.split()
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
    assert text.splitlines()[2].startswith("endpoint  call")
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
