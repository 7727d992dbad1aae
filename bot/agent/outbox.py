"""Queue of events to the parent, which may read nothing for some time.

The pump never waits for the parent. Events that the socket does not accept are queued and sent later. Beyond
a bound, informative events are dropped and counted: log lines, statistics, SIP messages, refusals, audio.
States, digits, media and answers to commands are never dropped: beyond a bound of their own, the agent hangs
up its calls and ends.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from bot.ipc import (
    AudioHeard,
    CallRefused,
    Heartbeat,
    MessageRefused,
    NativeLogged,
    ReportsDropped,
    SipReceived,
    SipSent,
    StreamMeasured,
    SubscriptionReceived,
    TransportChanged,
    Wired,
    encode,
)

__all__ = ["Outbox"]

FOR_READING = (
    AudioHeard,
    CallRefused,
    MessageRefused,
    NativeLogged,
    SipReceived,
    SipSent,
    SubscriptionReceived,
    TransportChanged,
)
MOST_FOR_READING = 4 << 20
"""Bytes that wait; with more of them, nothing is added that is only for reading."""
MOST = 16 << 20
"""Bytes that wait at most."""
LAST_WORDS = 1 << 20
"""Bytes beyond that for the ends of calls."""


class Outbox:
    """Takes events on any thread; ``full`` is called once, when the parent has to be given up.

    Raises OSError from ``put``, ``push`` and ``flush`` when the parent is gone.
    """

    def __init__(self, parent: socket.socket, full: Callable[[], None]) -> None:
        self._parent = parent
        self._full = full
        self._lock = threading.Lock()
        self._begun = memoryview(b"")
        """The rest of a line that was written in part."""
        self._beat = b""
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._size = 0
        self._dropped: Counter[str] = Counter()
        self.is_full = False
        """Whether the parent was given up."""

    @property
    def is_empty(self) -> bool:
        """Whether everything is written."""
        return not (self._begun or self._beat or self._waiting)

    def put(self, event: Wired) -> None:
        """Write an event as soon as the parent takes it."""
        line = encode(event)
        with self._lock:
            if isinstance(event, Heartbeat):
                self._beat = line  # the newest, and before everything that waits
            else:
                self._add(event, line)
            self._write()
            gave_up = self._size > MOST and not self.is_full
            self.is_full = self.is_full or gave_up
        if gave_up:
            self._full()

    def push(self) -> None:
        """Write as much as the parent reads now."""
        with self._lock:
            self._write()

    def flush(self, seconds: float) -> None:
        """Write everything that the parent reads within ``seconds``."""
        until = time.monotonic() + seconds
        room = select.poll()
        room.register(self._parent, select.POLLOUT)
        self.push()
        while not self.is_empty and (left := until - time.monotonic()) > 0:
            room.poll(left * 1000)
            self.push()

    def _add(self, event: Wired, line: bytes) -> None:
        idle = isinstance(event, FOR_READING) or (isinstance(event, StreamMeasured) and not event.final)
        most = MOST_FOR_READING if idle else MOST + LAST_WORDS
        if (idle and self.is_full) or self._size + len(line) > most:
            self._dropped[type(event).__name__] += 1
            return
        self._waiting.append((line, idle))
        self._size += len(line)
        if self._size > MOST:
            self._drop_idle()

    def _drop_idle(self) -> None:
        """Drop informative events to make room."""
        kept = [(line, idle) for line, idle in self._waiting if not idle]
        self._dropped["earlier reports"] += len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        self._size = sum(len(line) for line, _ in kept)

    def _write(self) -> None:
        while line := self._begun or self._next():
            try:
                sent = self._parent.send(line, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._begun = memoryview(line)
                return
            self._begun = memoryview(line)[sent:]

    def _next(self) -> bytes:
        """The next line; empty for an empty queue."""
        if self._beat:
            beat, self._beat = self._beat, b""
            return beat
        if self._waiting:
            line, _ = self._waiting.popleft()
            self._size -= len(line)
            return line
        if self._dropped:
            dropped, self._dropped = dict(self._dropped), Counter()
            return encode(ReportsDropped(at=time.monotonic(), counts=dropped))
        return b""
