"""Live table of the calls of a run on a terminal, from the events of the journals.

Everything is drawn by one thread of its own, at most four times a second and as one write each time:
events only leave a mark, and a signal, which comes to the main thread, never finds a drawing half done.
"""

from __future__ import annotations

import itertools
import os
import stat
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from bot.cli import outputs
from bot.harmless import harmless
from bot.ipc import AgentCrashed, AgentStopped, CallEvent, CallStarted, CallStateChanged
from bot.model import AudioLevels, CallState, EndedBy
from bot.report.console import SPACES, WIDTH
from bot.report.console import table as columns
from bot.ua import CallRecord, Entry, Journal

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

__all__ = ["Progress", "at_a_terminal"]

EVERY_S = 0.25
TICK_S = 1.0
"""Refresh interval of the durations, in seconds."""
ENDED_SHOWN = 8
AROUND = 4
"""Lines of the terminal without calls: heading, totals, margin."""
COLUMNS = (
    "endpoint", "call", "peer", "state", "s", "codec", "suite", "rx/lost", "dB in/out", "playing", "digits"
)  # fmt: skip
IF_ANY = {"dB in/out", "playing", "digits"}
"""Columns that are left out while no call has anything in them."""
FLEXIBLE = {"endpoint", "peer", "playing", "digits"}
"""Columns that a narrow terminal cuts ..."""
LEAST = 8
"""... to this width."""
DISPENSABLE = ("suite", "codec", "call", "dB in/out", "digits", "playing", "endpoint")
"""Columns that a still narrower terminal leaves out, in this order."""
STYLES = {CallState.CONFIRMED: "green", CallState.DISCONNECTED: "dim"}


@dataclass
class Row:
    """Row of a call."""

    endpoint: str
    record: CallRecord
    ended_at: float | None = None


@dataclass
class Calls:
    """Calls of the table: running calls, and the last ended calls."""

    running: dict[tuple[int, str, int], Row] = field(default_factory=dict)
    ended: list[Row] = field(default_factory=list)
    seen: int = 0

    def observe(self, journal: int, entry: Entry) -> bool:
        """Process an event; True for an event of a call."""
        event = entry.event
        if isinstance(event, AgentCrashed | AgentStopped):
            return self._end_all(journal, entry.endpoint, event.at)
        if not isinstance(event, CallEvent):
            return False
        key = journal, entry.endpoint, event.call
        if isinstance(event, CallStarted):
            self.running[key] = Row(entry.endpoint, CallRecord.of(event))
            self.seen += 1
        if key not in self.running:
            return False
        row = self.running[key]
        row.record.observe(event)
        if isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED:
            self._end(key, event.at)
        return True

    def _end_all(self, journal: int, endpoint: str, at: float) -> bool:
        """End the calls of a crashed agent."""
        keys = [key for key in self.running if key[:2] == (journal, endpoint)]
        for key in keys:
            gone = CallStateChanged(
                at=at, call=key[2], state=CallState.DISCONNECTED, code=0, reason="", by=EndedBy.ERROR
            )
            self.running[key].record.observe(gone)
            self._end(key, at)
        return bool(keys)

    def _end(self, key: tuple[int, str, int], at: float) -> None:
        row = self.running.pop(key)
        row.ended_at = at
        self.ended = [*self.ended[1 - ENDED_SHOWN :], row]

    def shown(self, lines: int) -> list[Row]:
        """The calls that fit: running calls first, each group in order of start."""
        running = list(self.running.values())[: max(1, lines)]
        room = max(0, lines - len(running))
        return [*self.ended[len(self.ended) - min(room, len(self.ended)) :], *running]

    def totals(self, shown: int) -> str:
        """The line of totals."""
        running, kept = len(self.running), len(self.ended)
        more = running + kept - shown
        hidden = f", {more} of them not shown" if more > 0 else ""
        return f"{self.seen} call{'s' * (self.seen != 1)}, {running} running{hidden}"


class Progress:
    """The table is shown from the first call until ``stop``, which removes it.

    If it is not ``wanted``, no table is shown, and ``say`` returns False.
    """

    def __init__(self, *, wanted: bool = True, console: Console | None = None) -> None:
        self.wanted = wanted
        self._console = console
        self._calls = Calls()
        self._doing: tuple[str, float | None] | None = None
        """What the command does, and until when."""
        self._said: list[str] = []
        self._lock = threading.Lock()
        self._marked = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._journals = itertools.count()
        self._width = WIDTH

    def follow(self, journal: Journal) -> None:
        """Show the calls of a journal; keeps a weak reference only."""
        if self.wanted:
            number = next(self._journals)
            journal.observe(lambda entry: self._observe(number, entry))

    def does(self, what: str, seconds: float | None = None) -> None:
        """Show what the command does, and how much of its ``seconds`` is left."""
        with self._lock:
            self._doing = what, None if seconds is None else time.monotonic() + seconds
        self._marked.set()

    def say(self, text: str) -> bool:
        """Print lines above the table; False without a table: then the caller prints them."""
        with self._lock:
            if self._thread is None or self._stopping.is_set():
                return False
            self._said.append(text)
        self._marked.set()
        return True

    def stop(self) -> None:
        """Remove the table, but not the printed lines; may be called several times."""
        with self._lock:
            self._stopping.set()
            thread = self._thread
        self._marked.set()
        if thread is not None:
            thread.join()
        for text in self._take_said():  # the table broke before they were shown
            click.echo(text)

    # ---- for subclasses

    @property
    def is_shown(self) -> bool:
        """Whether the table has been shown."""
        return self._thread is not None

    @property
    def is_busy(self) -> bool:
        """Whether something changes although there is no event."""
        return bool(self._calls.running)

    def drawn(self, lines: int) -> Group:
        """What is shown, in so many lines."""
        with self._lock:
            now = time.monotonic()
            return table(self._calls, lines, now, self._width, remaining(self._doing, now))

    # ---- from the journals' threads

    def _observe(self, journal: int, entry: Entry) -> None:
        with self._lock:
            if self._stopping.is_set() or not self._calls.observe(journal, entry):
                return
            self._begin()
        self._marked.set()

    def _begin(self) -> None:
        """Show the table from now on; under the lock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="srtpbot-progress", daemon=True)
            self._thread.start()

    # ---- the thread that draws

    def _run(self) -> None:
        try:
            self._show()
        except Exception as error:  # the calls continue
            with self._lock:
                self._stopping.set()
                self._said.append(f"the table of calls broke: {type(error).__name__}: {error}")

    def _show(self) -> None:
        from rich.live import Live

        live = Live(
            console=self._console or stderr_console(),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        while not self._stopping.is_set():
            self._draw(live)
            self._stopping.wait(EVERY_S)
            self._marked.wait(TICK_S - EVERY_S if self.is_busy else None)
        self._tell(live)
        live.update("", refresh=True)
        live.stop()

    def _draw(self, live: Live) -> None:
        self._marked.clear()
        self._tell(live)
        self._width = live.console.width
        live.update(self.drawn(live.console.size.height - AROUND), refresh=True)

    def _take_said(self) -> list[str]:
        with self._lock:
            said, self._said = self._said, []
        return said

    def _tell(self, live: Live) -> None:
        if said := self._take_said():
            live.console.out("\n".join(said), highlight=False)


def remaining(doing: tuple[str, float | None] | None, now: float) -> str:
    """What the command does: ``; until the end: 3 s``."""
    if doing is None:
        return ""
    what, until = doing
    return f"; {what}" if until is None else f"; {what}: {max(0.0, until - now):.0f} s"


def table(calls: Calls, lines: int, now: float, width: int, doing: str = "") -> Group:
    """The current calls and a line of totals."""
    from rich.console import Group
    from rich.text import Text

    def cut(text: str, style: str) -> Text:
        return Text(text, style=style, no_wrap=True, overflow="ellipsis")

    rows = calls.shown(lines)
    texts = [[harmless(cell) for cell in cells(row, now)] for row in rows]
    names = fitting(texts, width)
    shown = [
        [
            cut(text, STYLES.get(row.record.state, ""))
            for name, text in zip(COLUMNS, line, strict=True)
            if name in names
        ]
        for row, line in zip(rows, texts, strict=True)
    ]
    drawn = columns(shown, names)
    for column, name in zip(drawn.columns, names, strict=True):
        column.no_wrap = name not in FLEXIBLE
    return Group(drawn, cut(calls.totals(len(rows)) + harmless(doing), "dim"))


def fitting(rows: list[list[str]], width: int) -> list[str]:
    """The columns that have something in them and fit."""
    wide = {
        name: max(len(name), *(len(row[index]) for row in rows))
        for index, name in enumerate(COLUMNS)
        if name not in IF_ANY or any(row[index] for row in rows)
    }
    least = {name: min(size, LEAST) if name in FLEXIBLE else size for name, size in wide.items()}
    for name in DISPENSABLE:
        if sum(least.values()) + SPACES * (len(least) - 1) <= width:
            break
        least.pop(name, None)
    return list(least)


def cells(row: Row, now: float) -> list[str]:
    """The row of a call; unknown values are empty."""
    record = row.record
    line = record.audio()
    stats = record.stats(line.index) if line is not None else None
    received = ""
    if stats is not None:
        received = f"{stats.rx.packets}/{'?' if stats.rx.lost is None else stats.rx.lost}"
    end = record.ended
    state = f"{record.state} {end.code or record.ended_by}" if end is not None else str(record.state)
    return [
        row.endpoint,
        str(record.number),
        f"{'->' if record.direction == 'outgoing' else '<-'} {bare(record.remote_uri)}",
        state,
        f"{(row.ended_at or now) - record.started_at:.0f}",
        line.codec or "" if line is not None else "",
        (line.suite or "none").replace("_HMAC_SHA1", "") if line is not None else "",
        received,
        levels(record.levels.get(line.index)) if line is not None and line.active and end is None else "",
        playing(record, now) if end is None else "",
        record.digits,
    ]


def levels(measured: AudioLevels | None) -> str:
    """The levels of the audio in both directions: ``-18/-20``, ``-`` for silence."""
    if measured is None:
        return ""
    both = measured.received_dbfs, measured.sent_dbfs
    return "/".join("-" if level is None else f"{level:.0f}" for level in both)


def playing(record: CallRecord, now: float) -> str:
    """What a call plays, and how far: ``1/4 s speech:4``."""
    running = [one for one in record.activities if one.kind == "play" and one.ended_at is None]
    if not running:
        return ""
    one = running[-1]
    name = one.source.rpartition("/")[2] if Path(one.source).suffix else one.source
    if one.duration_s is None:
        return f"{now - one.at:.0f} s {name}"
    return f"{min(now - one.at, one.duration_s):.0f}/{one.duration_s:.0f} s {name}"


def bare(uri: str) -> str:
    """The address in a From or To header field."""
    inner = uri.partition("<")[2].partition(">")[0] or uri
    return inner.removeprefix("sip:").partition(";")[0]


def at_a_terminal(stdout: IO[str] | None = None, stderr: IO[str] | None = None) -> bool:
    """Whether a table on standard error is visible, and other output does not break it.

    Standard output has to be the terminal or a file: a program that reads a pipe may print to the same
    terminal.
    """
    out, error = stdout or sys.stdout, stderr or sys.stderr
    if (
        os.environ.get("TERM", "dumb") in {"dumb", "unknown", ""}
        or not error.isatty()
        or in_background(error)
    ):
        return False
    try:
        mode = os.fstat(out.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return out.isatty() or stat.S_ISREG(mode) or stat.S_ISCHR(mode)


def in_background(terminal: IO[str]) -> bool:
    """Whether the process is a background job of a shell."""
    try:
        return os.tcgetpgrp(terminal.fileno()) != os.getpgrp()
    except (OSError, ValueError):  # somebody's terminal, but not this session's
        return False


def stderr_console() -> Console:
    """The console of rich, with width, colours and NO_COLOR of the terminal."""
    from rich.console import Console

    return Console(file=outputs.terminal(), highlight=False)
