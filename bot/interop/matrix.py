"""Runner of the cells: concurrent for outgoing calls, sequential for calls of the peer."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bot.errors import CallFailed, ConfigError, NativeError
from bot.interop.attempt import Attempt, Setting
from bot.interop.cells import Cell
from bot.interop.observation import Observation
from bot.model import Transport
from bot.ua import Call, Endpoint
from bot.workers import Workers

__all__ = ["Matrix", "PeerSilent", "trigger_words"]

USER = "interop"
LAST_WORDS_S = 2.0
MOST_SILENT = 3
"""Number of consecutive cells without a SIP message from the peer that ends the run."""


class PeerSilent(CallFailed):
    """The peer sends no SIP messages; further cells are not tried."""

    def __init__(self, message: str, *, after: Cell | None = None) -> None:
        super().__init__(message)
        self.after = after
        """Last cell with a SIP message from the peer; None without such a cell."""


class Matrix:
    """Cells of a run and their observations, in the order of the cells.

    ``on_done`` is called on the thread that called ``place`` or ``receive``. Both raise PeerSilent when the
    first cell gets no word from the peer, or some cells in a row once it has spoken.
    """

    def __init__(
        self, cells: Sequence[Cell], setting: Setting, on_done: Callable[[Cell, Observation], None]
    ) -> None:
        self.cells = tuple(cells)
        self._setting = setting
        self._on_done = on_done
        self._seen: dict[Cell, Observation] = {}
        self._attempts = {cell: Attempt(cell, setting, number) for number, cell in enumerate(cells)}
        self._last_spoken: Cell | None = None
        self._silent_since: list[Cell] = []

    @property
    def seen(self) -> dict[Cell, Observation]:
        """The observations until now."""
        return {cell: self._seen[cell] for cell in self.cells if cell in self._seen}

    @property
    def calls(self) -> dict[Cell, list[Call]]:
        """The calls of each cell, by id."""
        return {cell: attempt.calls for cell, attempt in self._attempts.items()}

    @property
    def crashed(self) -> list[Cell]:
        """The cells with a crash of the agent."""
        return [cell for cell, attempt in self._attempts.items() if attempt.crashed]

    # ---- we call

    def place(self, uri: str, workers: Workers) -> None:
        """Call the peer for each cell: the first cell alone, then concurrently, the last ones in turn."""
        first, *further = self.cells
        last = [cell for cell in further if cell.case is not None and cell.case.comes_last]
        others = [cell for cell in further if cell not in last]
        try:
            for cells in ([first], others, *([cell] for cell in last)):
                jobs = {cell: partial(self._attempts[cell].place, uri) for cell in cells}
                for cell, seen in workers.run(jobs):
                    self._done(cell, seen)
        except BaseException:
            workers.cancel()
            for attempt in self._attempts.values():
                attempt.stop(CallFailed("interrupted"))
            raise

    # ---- the peer calls

    def receive(
        self,
        port: int,
        patience: float,
        trigger: str | None,
        on_ready: Callable[[list[str]], None],
        on_waiting: Callable[[Cell, str], None],
    ) -> None:
        """Wait for the peer's call for each cell.

        ``on_ready`` gets the URIs once, ``on_waiting`` each cell; then ``trigger`` is run.
        """
        for cell in self.cells:
            waiting = Waiting(cell, trigger, on_waiting, on_ready if cell is self.cells[0] else None)
            with ended_after(waiting.started):
                seen = self._attempts[cell].receive(port, patience, waiting.begin)
                if not seen.peer_spoke and (failure := waiting.failure):
                    seen.why = f"{seen.why}; {failure}"
            port = waiting.port or port
            self._done(cell, seen)

    # ---- either way

    def _done(self, cell: Cell, seen: Observation) -> None:
        """Store and report an observation; raises PeerSilent after too many cells without a message."""
        self._seen[cell] = seen
        self._on_done(cell, seen)
        if self._attempts[cell].crashed:
            return  # a silence that may be ours
        if seen.peer_spoke:
            self._last_spoken, self._silent_since = cell, []
            return
        self._silent_since.append(cell)
        if self._last_spoken is None:
            raise PeerSilent(f"not one SIP message came ({seen.why}); the other cells were not tried")
        if len(self._silent_since) == MOST_SILENT:
            names = ", ".join(one.id for one in self._silent_since)
            raise PeerSilent(
                f"not a word after {self._last_spoken.id}: {names} ({seen.why}); the rest was not tried",
                after=self._last_spoken,
            )


class Waiting:
    """Actions while a cell waits for the peer's call."""

    def __init__(
        self,
        cell: Cell,
        trigger: str | None,
        on_waiting: Callable[[Cell, str], None],
        on_ready: Callable[[list[str]], None] | None,
    ) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        """Process of the trigger."""
        self.port = 0
        """URI of the endpoint, when it listens."""
        self._cell = cell
        self._trigger = trigger
        self._on_waiting = on_waiting
        self._on_ready = on_ready

    def begin(self, endpoint: Endpoint) -> None:
        """Report the URI, and start the trigger."""
        uris = public_uris(endpoint)
        self.port = listening_port(endpoint)
        if self._on_ready is not None:
            self._on_ready(uris)
        self._on_waiting(self._cell, uris[0])
        if self._trigger is not None:
            self.started.append(triggered(self._trigger, uris[0], self._cell))

    @property
    def failure(self) -> str | None:
        """The error of a failed trigger."""
        code = self.started[0].poll() if self.started else None
        if not code:
            return None
        return f"--trigger ended with {'status' if code > 0 else 'signal'} {abs(code)}"


def public_uris(endpoint: Endpoint) -> list[str]:
    """The URI for the peer's calls; it is the same in every cell."""
    return [
        f"sip:{USER}@{listener.host}:{listener.port};transport={listener.transport}"
        for listener in endpoint.started.listeners
    ]


def listening_port(endpoint: Endpoint) -> int:
    """The SIP port; with TCP, TLS listens on the next port."""
    first = endpoint.started.listeners[0]
    beside_tcp = {listener.transport for listener in endpoint.started.listeners} >= {
        Transport.TCP,
        Transport.TLS,
    }
    return first.port - (1 if first.transport is Transport.TLS and beside_tcp else 0)


def trigger_words(command: str) -> list[str]:
    """The trigger as a program and its arguments; raises ConfigError."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"--trigger {command}: {error}") from None
    if not words:
        raise ConfigError("--trigger: expected a command, such as 'dial {uri}'")
    return words


def triggered(command: str, uri: str, cell: Cell) -> subprocess.Popen[bytes]:
    """Start the trigger."""
    words = [word.replace("{uri}", uri).replace("{cell}", cell.id) for word in trigger_words(command)]
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ),  # a command of the user's: with the secrets that this process hides
        )
    except OSError as error:
        raise NativeError(f"--trigger {words[0]}: {error.strerror}") from None


@contextmanager
def ended_after(started: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Wait for the processes after the call, then end them."""
    try:
        yield
    finally:
        for process in started:
            try:
                process.wait(LAST_WORDS_S)
            except subprocess.TimeoutExpired:
                process.terminate()
                try:
                    process.wait(LAST_WORDS_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
