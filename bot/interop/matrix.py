"""Runs the cells, several at once where we call, one after the other where the peer does."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from bot.call import Call
from bot.endpoint import Endpoint
from bot.errors import CallFailed, ConfigError, NativeError
from bot.interop.attempt import Attempt, Setting
from bot.interop.cells import Cell
from bot.interop.observation import Observation
from bot.model import Transport

__all__ = ["Matrix", "PeerSilent", "trigger_words"]

USER = "interop"
LAST_WORDS_S = 2.0
MOST_SILENT = 3
"""So many cells in a row without a word from the peer, and it is gone."""


class PeerSilent(CallFailed):
    """Not a word comes from the peer, so further cells would show nothing either."""

    def __init__(self, message: str, *, after: Cell | None = None) -> None:
        super().__init__(message)
        self.after = after
        """The last cell in which it said something; None when it never did."""


class Matrix:
    """All cells of a run and what was seen in them, in the order of the cells.

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
        """What was done so far."""
        return {cell: self._seen[cell] for cell in self.cells if cell in self._seen}

    @property
    def calls(self) -> dict[Cell, list[Call]]:
        """The calls of each cell."""
        return {cell: attempt.calls for cell, attempt in self._attempts.items()}

    @property
    def crashed(self) -> list[Cell]:
        """The cells in which our agent crashed."""
        return [cell for cell, attempt in self._attempts.items() if attempt.crashed]

    # ---- we call

    def place(self, uri: str, parallel: int) -> None:
        """Call the peer for each cell, the first one alone."""
        first, *further = self.cells
        others = [cell for cell in further if cell.case is None or not cell.case.comes_last]
        self._done(first, self._attempts[first].place(uri))
        pool = ThreadPoolExecutor(parallel, thread_name_prefix="srtpbot-cell")
        try:
            futures: dict[Future[Observation], Cell] = {
                pool.submit(self._attempts[cell].place, uri): cell for cell in others
            }
            for future in as_completed(futures):
                self._done(futures[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for attempt in self._attempts.values():
                attempt.stop(CallFailed("interrupted"))
            raise
        finally:
            pool.shutdown()
        for cell in further:
            if cell not in self._seen:
                self._done(cell, self._attempts[cell].place(uri))

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

        ``on_ready`` is told once where the port is, ``on_waiting`` for each cell; ``trigger`` is run then.
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
        """Keep and tell what was seen; raises PeerSilent when that was enough of nothing."""
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
    """What is done while a cell waits for the peer's call."""

    def __init__(
        self,
        cell: Cell,
        trigger: str | None,
        on_waiting: Callable[[Cell, str], None],
        on_ready: Callable[[list[str]], None] | None,
    ) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        """What the trigger is, once it runs."""
        self.port = 0
        """Where the endpoint listens, once it does."""
        self._cell = cell
        self._trigger = trigger
        self._on_waiting = on_waiting
        self._on_ready = on_ready

    def begin(self, endpoint: Endpoint) -> None:
        """The port listens: tell it, and make the peer call."""
        uris = public_uris(endpoint)
        self.port = listening_port(endpoint)
        if self._on_ready is not None:
            self._on_ready(uris)
        self._on_waiting(self._cell, uris[0])
        if self._trigger is not None:
            self.started.append(triggered(self._trigger, uris[0], self._cell))

    @property
    def failure(self) -> str | None:
        """What became of a trigger that failed."""
        code = self.started[0].poll() if self.started else None
        if not code:
            return None
        return f"--trigger ended with {'status' if code > 0 else 'signal'} {abs(code)}"


def public_uris(endpoint: Endpoint) -> list[str]:
    """Where the peer calls: the same in every cell, so without the cell's name."""
    assert endpoint.ready is not None
    return [f"sip:{USER}@{one.host}:{one.port};transport={one.transport}" for one in endpoint.ready.listeners]


def listening_port(endpoint: Endpoint) -> int:
    """The SIP port; that of TLS is one above where TCP is too."""
    assert endpoint.ready is not None
    first = endpoint.ready.listeners[0]
    beside_tcp = {one.transport for one in endpoint.ready.listeners} >= {Transport.TCP, Transport.TLS}
    return first.port - (1 if first.transport is Transport.TLS and beside_tcp else 0)


def trigger_words(command: str) -> list[str]:
    """The command as a program and its arguments; raises ConfigError when it cannot be read."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"--trigger {command}: {error}") from None
    if not words:
        raise ConfigError("--trigger: expected a command, such as 'dial {uri}'")
    return words


def triggered(command: str, uri: str, cell: Cell) -> subprocess.Popen[bytes]:
    """Start what makes the peer call."""
    words = [one.replace("{uri}", uri).replace("{cell}", cell.id) for one in trigger_words(command)]
    try:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise NativeError(f"--trigger {words[0]}: {error.strerror}") from None


@contextmanager
def ended_after(started: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Give the processes a while to end by themselves once the call is over, then end them."""
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
