"""A live table of the calls of a run, for people at a terminal; it follows journals and touches no call.

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
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from bot.events import AgentCrashed, AgentStopped, CallEvent, CallStarted, CallStateChanged
from bot.journal import Entry, Journal
from bot.model import CallState, EndedBy
from bot.record import CallRecord

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

__all__ = ["Progress", "at_a_terminal"]

EVERY_S = 0.25
TICK_S = 1.0
"""How often the seconds of running calls are brought up to date."""
ENDED_SHOWN = 8
AROUND = 4
"""Lines of the terminal that are not for calls: heading, totals, and room to breathe."""
COLUMNS = ("endpoint", "call", "peer", "state", "s", "codec", "suite", "rx/lost", "digits")
FLEXIBLE = {"endpoint", "peer", "suite", "digits"}
"""What is cut short where the terminal is narrow."""
STYLES = {CallState.CONFIRMED: "green", CallState.DISCONNECTED: "dim"}


@dataclass
class Row:
    """A call of the table."""

    endpoint: str
    record: CallRecord
    ended_at: float | None = None


@dataclass
class Calls:
    """The calls that are worth a line: those that run, and the last that ended."""

    running: dict[tuple[int, str, int], Row] = field(default_factory=dict)
    ended: list[Row] = field(default_factory=list)
    seen: int = 0

    def observe(self, journal: int, entry: Entry) -> bool:
        """Take an event; whether it was one of a call."""
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
        """The calls of an agent that is gone, of whose ends nothing was said."""
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
        """What fits: running calls before ended ones, each in the order of their beginning."""
        running = list(self.running.values())[: max(1, lines)]
        room = max(0, lines - len(running))
        return [*self.ended[len(self.ended) - min(room, len(self.ended)) :], *running]

    def totals(self, shown: int) -> str:
        """The last line."""
        running, kept = len(self.running), len(self.ended)
        more = running + kept - shown
        hidden = f", {more} of them not shown" if more > 0 else ""
        return f"{self.seen} call{'s' * (self.seen != 1)}, {running} running{hidden}"


class Progress:
    """The table is there from the first call to ``stop``, which leaves nothing of it behind.

    When it is not ``wanted``, there is none, and whatever it is told is left to the caller.
    """

    def __init__(self, *, wanted: bool = True, console: Console | None = None) -> None:
        self._wanted = wanted
        self._console = console
        self._calls = Calls()
        self._said: list[str] = []
        self._lock = threading.Lock()
        self._marked = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._journals = itertools.count()

    def follow(self, journal: Journal) -> None:
        """Show the calls of this journal too; it is not kept alive by that."""
        if self._wanted:
            number = next(self._journals)
            journal.observe(lambda entry: self._observe(number, entry))

    def say(self, text: str) -> bool:
        """Print lines above the table; False when there is none, and they are for the caller to print."""
        with self._lock:
            if self._thread is None or self._stopping.is_set():
                return False
            self._said.append(text)
        self._marked.set()
        return True

    def stop(self) -> None:
        """Take the table away; what was said stays. It may be called again."""
        with self._lock:
            self._stopping.set()
            thread = self._thread
        self._marked.set()
        if thread is not None:
            thread.join()

    # ---- from the journals' threads

    def _observe(self, journal: int, entry: Entry) -> None:
        with self._lock:
            if self._stopping.is_set() or not self._calls.observe(journal, entry):
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="srtpbot-progress", daemon=True)
                self._thread.start()
        self._marked.set()

    # ---- the thread that draws

    def _run(self) -> None:
        from rich.live import Live

        live = Live(
            console=self._console or stderr_console(),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with suppress(OSError):  # the terminal was closed
            live.start()
            while not self._stopping.is_set():
                self._draw(live)
                self._stopping.wait(EVERY_S)
                self._marked.wait(TICK_S - EVERY_S if self._calls.running else None)
            self._tell(live)
            live.update("", refresh=True)
            live.stop()

    def _draw(self, live: Live) -> None:
        self._marked.clear()
        self._tell(live)
        with self._lock:
            drawn = table(self._calls, live.console.size.height - AROUND, time.monotonic())
        live.update(drawn, refresh=True)

    def _tell(self, live: Live) -> None:
        with self._lock:
            said, self._said = self._said, []
        if said:
            live.console.out("\n".join(said), highlight=False)


def table(calls: Calls, lines: int, now: float) -> Group:
    """The calls as they are now, and a line of totals."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = calls.shown(lines)
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in COLUMNS:
        drawn.add_column(name, no_wrap=name not in FLEXIBLE)
    for row in rows:
        texts = [Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells(row, now)]
        drawn.add_row(*texts, style=STYLES.get(row.record.state, ""))
    return Group(drawn, Text(calls.totals(len(rows)), style="dim", no_wrap=True, overflow="ellipsis"))


def cells(row: Row, now: float) -> list[str]:
    """One call; what is not known is left empty."""
    record = row.record
    line = record.audio()
    stats = record.stats(line.index) if line is not None else None
    received = ""
    if stats is not None:
        received = f"{stats.rx.packets}/{'?' if stats.rx.lost is None else stats.rx.lost}"
    end = record.ended
    state = f"{record.state} {end.code or 'error'}" if end is not None else str(record.state)
    return [
        row.endpoint,
        str(record.number),
        f"{'->' if record.direction == 'outgoing' else '<-'} {bare(record.remote_uri)}",
        state,
        f"{(row.ended_at or now) - record.started_at:.0f}",
        line.codec or "" if line is not None else "",
        (line.suite or "none") if line is not None else "",
        received,
        record.digits,
    ]


def bare(uri: str) -> str:
    """The address of a From or To without what surrounds it."""
    inner = uri.partition("<")[2].partition(">")[0] or uri
    return inner.removeprefix("sip:").partition(";")[0]


def at_a_terminal(stdout: IO[str] | None = None, stderr: IO[str] | None = None) -> bool:
    """Whether a table on standard error would be seen, and would not be written into.

    Standard output has to be the terminal too, or a file: what a program reads from a pipe it may well
    print to the same terminal.
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
    """Whether a shell runs this beside its own lines, which a table would run over."""
    try:
        return os.tcgetpgrp(terminal.fileno()) != os.getpgrp()
    except (OSError, ValueError):  # somebody's terminal, but not this session's
        return False


def stderr_console() -> Console:
    """Rich's own reading of the terminal: its width, its colours, NO_COLOR."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)
