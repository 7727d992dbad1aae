"""The ordered record of the events of agents, and the only place in srtpbot that waits.

Observers update all derived data under the journal's lock. A wait for a condition on these data therefore
needs no polling and has no race. The thread that adds an event evaluates the conditions of the waits and
wakes those that are over: with thirty calls, to wake each wait at each event took most of a processor. A wait
for one call or one command is passed over when the event is about another one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bot.deadline import Deadline
from bot.errors import BotError, ConfigError
from bot.harmless import harmless_json
from bot.ipc import (
    AnyEvent,
    CallbackFailed,
    CallEvent,
    CommandDone,
    CommandFailed,
    Event,
    ExpectationChecked,
    KeyNegotiated,
    StorageFailed,
    forbid_waiting_here,
    raised_by_observer,
)
from bot.ua.journal_file import JournalFile

__all__ = ["Entry", "Journal", "Subject"]

SCHEMA = "srtpbot.journal/1"
ITSELF = "journal"
"""Stands for an endpoint where something is about all of them."""
KEPT: Final = 2000

Observer = Callable[["Entry"], None]
Subject = tuple[str, str, int]
"""One of many of its kind: the name of an endpoint, ``call`` or ``request``, and the number."""


class Entry(msgspec.Struct, frozen=True):
    """An event and the name of its endpoint."""

    endpoint: str
    event: AnyEvent


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a journal file: the time of day for a value of ``at``."""

    schema: str
    started: datetime
    monotonic: float


@dataclass(eq=False)
class Wait:
    """A thread that waits for a condition, under the journal's lock."""

    subject: Subject | None
    """The call or command whose events can change the condition; None: any event can."""
    holds: Callable[[], bool]
    check: Callable[[], None]
    changed: threading.Condition
    has_held: bool = False

    def look(self) -> None:
        """Evaluate the condition in another thread; raises what ``holds`` and ``check`` raise."""
        self.has_held = self.has_held or self.holds()
        if not self.has_held:
            self.check()


class Journal:
    """Append-only list of events; the last ``kept`` ones stay in memory, and all go to the file ``path``.

    ``most_bytes`` is the largest size of the file and of its older part together (``journal.1.jsonl``).

    The file has one JSON object per line, and each event is written at once, so that the file is complete
    after a crash. A failed write sets ``problem``, adds the event StorageFailed and ends the writing; the
    calls continue, and the last line is complete. A removed file is created again. Raises ConfigError when
    ``path`` cannot be written, NativeError for a link and for a full disk.
    """

    def __init__(self, path: Path | None = None, *, kept: int = KEPT, most_bytes: int = 0) -> None:
        self.started = datetime.now(UTC)
        self.started_at = time.monotonic()
        self.problem: str | None = None
        self._lock = threading.RLock()
        self._waits: dict[Wait, None] = {}
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._observers: list[tuple[Observer, str]] = []
        """With their names."""
        self.endpoints: set[str] = set()
        """Names of all endpoints that have used the journal."""
        self._present: set[str] = set()
        self.interruption: BaseException | None = None
        """Raised by the next wait of the main thread. An exception of a signal handler could leave a lock
        taken for ever; so an interrupt is stored here, and ``wake`` is called."""
        self._defers_interruption = False
        self._encoder = msgspec.json.Encoder()
        self._file = JournalFile(path, self._opening(), most_bytes) if path is not None else None

    def join(self, endpoint: str) -> None:
        """Add an endpoint; raises ConfigError for a name that another endpoint uses."""
        with self._lock:
            if endpoint in self._present:
                raise ConfigError(f"name: two endpoints that share a journal are both called {endpoint!r}")
            self._present.add(endpoint)
            self.endpoints.add(endpoint)

    def leave(self, endpoint: str) -> None:
        """Remove an endpoint."""
        with self._lock:
            self._present.discard(endpoint)

    def append(self, endpoint: str, event: AnyEvent, *, call: int | None = None) -> None:
        """Add an event, call the observers, and wake the waits that are over.

        ``call`` is the number of the call that it is about, where the event itself does not say so.
        An observer that raises is not called again, and fails every endpoint that shares the journal.
        """
        entry = Entry(endpoint, event)
        with self._lock:
            try:
                for failure in self._record(entry):
                    self._record(Entry(ITSELF, failure))
            finally:
                self._look((endpoint, "call", call) if call is not None else subject_of(entry))

    def _look(self, subject: Subject | None = None) -> None:
        """Wake the waits that are over, and those whose condition raises an error in this thread."""
        for wait in [one for one in self._waits if subject is None or one.subject in (subject, None)]:
            if raised_by_observer("a condition", wait.look) is not None or wait.has_held:
                wait.changed.notify()

    def _record(self, entry: Entry) -> list[CallbackFailed | StorageFailed]:
        """Store an entry and call the observers; the failures. An observer that raises is removed."""
        self._entries.append(entry)
        failures: list[CallbackFailed | StorageFailed] = self._write(entry)
        for named in tuple(self._observers):
            observer, name = named
            failure = raised_by_observer(name, observer, entry)
            if failure is not None:
                failures.append(failure)
                self._forget(named)
        return failures

    def _forget(self, named: tuple[Observer, str]) -> None:
        if named in self._observers:
            self._observers.remove(named)

    def wait_until(
        self,
        holds: Callable[[], bool],
        deadline: Deadline,
        check: Callable[[], None] = lambda: None,
        *,
        subject: Subject | None = None,
    ) -> bool:
        """Wait until ``holds()``; False when the deadline passed first.

        ``check`` is asked whenever something happened and raises when waiting has become pointless. With a
        ``subject``, an event about another call or command is no reason to look again. Both conditions run
        under the journal's lock, also in other threads, and must not wait. Raises CalledFromObserver in a
        callback that must not wait either, and in the main thread ``interruption``.
        """
        with self._lock:
            wait = Wait(subject, holds, check, threading.Condition(self._lock))
            while not (wait.has_held or holds()):
                self._raise_interruption()
                check()
                if deadline.passed:
                    return False
                forbid_waiting_here()
                self._waits[wait] = None
                try:
                    wait.changed.wait(deadline.left)
                finally:
                    del self._waits[wait]
            return True

    def _raise_interruption(self) -> None:
        if self.interruption is None or self._defers_interruption:
            return
        if threading.current_thread() is threading.main_thread():
            error, self.interruption = self.interruption, None
            raise error

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Context of a short task that no ``interruption`` divides: it is raised at the task's end."""
        self._defers_interruption = True
        try:
            yield
        finally:
            self._defers_interruption = False
        self._raise_interruption()

    def wake(self) -> None:
        """Evaluate the conditions of all waits; for changes without an event, and for ``interruption``."""
        with self._lock:
            self._look()
            if self.interruption is not None:
                for wait in self._waits:
                    wait.changed.notify()

    def held(self) -> AbstractContextManager[bool]:
        """Context in which several derived facts can be looked at while none of them changes."""
        return self._lock

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with every entry from now on, under the lock; returns how to stop that.

        It must not wait: a verb of an endpoint or a call raises CalledFromObserver in it.
        """
        with self._lock:
            named = observer, f"observer {name_of(observer)}"
            self._observers.append(named)

        def stop() -> None:
            with self._lock:
                self._forget(named)

        return stop

    def recent(self) -> list[Entry]:
        """The entries in memory, oldest first."""
        with self._lock:
            return list(self._entries)

    def since_start(self, event: Event) -> float:
        """Seconds from the journal's beginning to the event."""
        return event.at - self.started_at

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _opening(self) -> bytes:
        opening = Opening(schema=SCHEMA, started=self.started, monotonic=self.started_at)
        return self._encoder.encode(opening) + b"\n"

    def _write(self, entry: Entry) -> list[CallbackFailed | StorageFailed]:
        """Add a line; the failure, if it is the first."""
        file = self._file
        if file is None or isinstance(entry.event, KeyNegotiated):  # keys are the key log's alone
            return []
        try:
            file.append(harmless_json(self._encoder.encode(entry)) + b"\n")
        except UnicodeEncodeError as error:
            self.problem = f"{file.path}: the journal lacks an entry that is not text: {error.reason}"
            return []
        except (OSError, BotError) as error:
            why = getattr(error, "strerror", None) or str(error)
            self.problem = f"{file.path}: the journal is incomplete: {why}"
            self.close()
            reason = f"the journal is incomplete: {why}"
            return [StorageFailed(at=time.monotonic(), path=str(file.path), reason=reason)]
        return []


def subject_of(entry: Entry) -> Subject | None:
    """The call or the command that an event is about; None if it is about neither, or may be about any."""
    event = entry.event
    if isinstance(event, CallEvent | ExpectationChecked) and event.call is not None:
        return entry.endpoint, "call", event.call
    if isinstance(event, CommandDone | CommandFailed):
        return entry.endpoint, "request", event.request
    return None


def name_of(observer: Observer) -> str:
    """The name of an observer in its source."""
    return str(getattr(observer, "__qualname__", type(observer).__qualname__))
