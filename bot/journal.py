"""The ordered record of what agents reported, and the only place in srtpbot that waits.

Everything derived from events is updated under the journal's lock, by the observers that
subscribe, so that a condition over it can be waited for without a race and without polling.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from .deadline import Deadline
from .errors import ConfigError
from .events import AnyEvent, Event, KeyNegotiated

__all__ = ["Entry", "Journal"]

SCHEMA = "srtpbot.journal/1"
KEPT: Final = 2000

Observer = Callable[["Entry"], None]


class Entry(msgspec.Struct, frozen=True):
    """One event and the name of the endpoint that it is about."""

    endpoint: str
    event: AnyEvent


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a journal's file: what turns its ``at`` into the time of day."""

    schema: str
    started: datetime
    monotonic: float


class Journal:
    """Append-only; the last ``kept`` entries stay in memory, all of them in ``path`` when it is given.

    The file has a JSON object a line and is written as events come, so that it can be read
    after a crash. A write that fails is remembered in ``problem`` and ends the writing, not the
    calls. Raises ConfigError when ``path`` cannot be written.
    """

    def __init__(self, path: Path | None = None, *, kept: int = KEPT) -> None:
        self.started = datetime.now(UTC)
        self.started_at = time.monotonic()
        self.problem: str | None = None
        self._changed = threading.Condition(threading.RLock())
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._observers: list[Observer] = []
        self.endpoints: set[str] = set()
        """The names of those who have shared it."""
        self._present: set[str] = set()
        self._encoder = msgspec.json.Encoder()
        self._path = path
        self._file = self._open(path) if path is not None else None

    def join(self, endpoint: str) -> None:
        """Take a name that tells an endpoint's events from others'; raises ConfigError when it is taken."""
        with self._changed:
            if endpoint in self._present:
                raise ConfigError(f"name: two endpoints that share a journal are both called {endpoint!r}")
            self._present.add(endpoint)
            self.endpoints.add(endpoint)

    def leave(self, endpoint: str) -> None:
        """Give the name back."""
        with self._changed:
            self._present.discard(endpoint)

    def append(self, endpoint: str, event: AnyEvent) -> None:
        """Add an event, let the observers see it, wake whoever waits."""
        entry = Entry(endpoint, event)
        with self._changed:
            self._entries.append(entry)
            self._write(entry)
            for observer in tuple(self._observers):
                observer(entry)
            self._changed.notify_all()

    def wait_until(
        self, holds: Callable[[], bool], deadline: Deadline, check: Callable[[], None] = lambda: None
    ) -> bool:
        """Wait until ``holds()``; False when the deadline passed first.

        ``check`` is asked whenever something happened and raises when waiting has become
        pointless. Both run under the journal's lock and must not wait.
        """
        with self._changed:
            while not holds():
                check()
                if deadline.passed:
                    return False
                self._changed.wait(deadline.left)
            return True

    def wake(self) -> None:
        """Have everybody who waits look again: what they wait for is not told by events alone."""
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Look at several derived facts while none of them changes."""
        with self._changed:
            yield

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with every entry from now on, under the lock; returns how to stop that."""
        with self._changed:
            self._observers.append(observer)

        def stop() -> None:
            with self._changed:
                if observer in self._observers:
                    self._observers.remove(observer)

        return stop

    def recent(self) -> list[Entry]:
        """The entries in memory, oldest first."""
        with self._changed:
            return list(self._entries)

    def since_start(self, event: Event) -> float:
        """Seconds from the journal's beginning to the event."""
        return event.at - self.started_at

    def close(self) -> None:
        """Close the file."""
        with self._changed:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _open(self, path: Path) -> BinaryIO | None:
        opening = Opening(schema=SCHEMA, started=self.started, monotonic=self.started_at)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("wb", buffering=0)
            file.write(self._encoder.encode(opening) + b"\n")
        except OSError as error:
            raise ConfigError(f"{path}: cannot write the journal: {error.strerror}") from None
        return file

    def _write(self, entry: Entry) -> None:
        if self._file is None or isinstance(entry.event, KeyNegotiated):  # keys are the key log's alone
            return
        try:
            self._file.write(self._encoder.encode(entry) + b"\n")
        except UnicodeEncodeError as error:
            self.problem = f"{self._path}: the journal lacks an entry that is not text: {error.reason}"
        except OSError as error:
            self.problem = f"{self._path}: the journal is incomplete: {error.strerror}"
            self.close()
