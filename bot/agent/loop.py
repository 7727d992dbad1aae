"""The pump: the thread that runs the library, commands and timers.

It blocks in the library's ``select()``. Another thread queues a job and wakes the pump by a keep-alive (RFC
5626 3.5.1) to the agent's own SIP port, which the library ignores.
"""

from __future__ import annotations

import heapq
import itertools
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from bot.agent.log import write_line
from bot.agent.outbox import Outbox
from bot.ipc import UNREAD, UNREAD_STATUS, Heartbeat, Request, Wired, commands_decoder

__all__ = ["Loop"]

Job = Callable[[], None]

BUSY_S = 0.1
"""Time after which a turn leaves further jobs and timers to the next one; with hundreds of calls they
take longer than the parent waits for a heartbeat."""
HEARTBEAT_S = 0.2
"""How long the pump may block at a time."""
SILENCE_S = 0.7
"""How long the parent may hear nothing before it takes the pump for hung."""
IDLE_HEARTBEAT_S, IDLE_SILENCE_S = 0.4, 1.2
"""The same without calls: a heartbeat is half of what an idle agent costs, and no call waits for its end."""
LAST_WORDS_S = 0.8
"""How long an orphan may take to end in order."""
UNREAD_S = 0.02
"""How long the pump blocks at most while reports wait for the parent."""
FLUSH_S = 2.0
"""How long the parent may take to read the last reports."""
KEEP_ALIVE = b"\r\n\r\n"


class Pumped(Protocol):
    """The part of ``pjsua2.Endpoint`` that turns the library."""

    def libHandleEvents(self, msec_timeout: int) -> int: ...


class Loop:
    """Runs jobs, timers and the library on the calling thread, a turn at a time."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._parent_id = os.getppid()
        self._outbox = Outbox(parent, self._give_up)
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._bell: socket.socket | None = None
        self._door: tuple[str, int] | None = None
        self._rung = False
        self._stopping = False
        self.reason = ""
        """Why it stopped by itself."""
        self._orphaned = False
        self._next_beat = 0.0
        self.is_idle = False
        """Whether there is no call."""

    def emit(self, event: Wired) -> None:
        """Send an event to the parent, without waiting; does nothing without a parent."""
        try:  # without a context manager, since there are many events
            self._outbox.put(event)
        except OSError:
            self._stopping = True

    def end(self) -> int:
        """Have the parent read the last reports; the exit status of the process."""
        with self._or_stop():
            self._outbox.flush(FLUSH_S)
        return UNREAD_STATUS if self._outbox.is_full else 0

    def _give_up(self) -> None:
        """The parent does not read: end the calls in order rather than grow."""
        write_line(f"the agent ends its calls: {UNREAD}")
        self.reason = UNREAD
        self.stop()

    @contextmanager
    def _or_stop(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._stopping = True

    def listen(self, handle: Callable[[Request], None], orphaned: Job) -> None:
        """Start to hear the parent's requests; each is handled on the pumping thread."""
        threading.Thread(target=self._hear, args=(handle, orphaned), daemon=True).start()

    def open_door(self, host: str, port: int) -> None:
        """Say which UDP port of the library wakes it."""
        self._bell = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._door = (host, port)

    def soon(self, job: Job) -> None:
        """Run a job on the pumping thread; callable from any thread."""
        self._jobs.put(job)
        if self._door is not None and self._bell is not None and not self._rung:
            self._rung = True
            self._bell.sendto(KEEP_ALIVE, self._door)

    def after(self, seconds: float, job: Job) -> None:
        """Run a job on the pumping thread in ``seconds``; only from that thread."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), job))

    def stop(self) -> None:
        """Say that no further turn is wanted."""
        self._stopping = True

    def forget(self) -> None:
        """Drop the queued jobs and their objects."""
        self._timers, self._jobs = [], queue.SimpleQueue()

    def beat(self, next_s: float = 0.0) -> None:
        """Report to the parent that the pump runs; the next report comes within ``next_s`` seconds."""
        now = time.monotonic()
        after_s, usual_s = (IDLE_HEARTBEAT_S, IDLE_SILENCE_S) if self.is_idle else (HEARTBEAT_S, SILENCE_S)
        self._next_beat = now + after_s
        self.emit(Heartbeat(at=now, next_s=next_s or usual_s))

    def progress(self) -> bool:
        """Report that the pump runs if a report is due; whether it was.

        Called within a turn too: a flood of messages on a machine that has no processor to spare makes a
        turn longer than ``SILENCE_S``.
        """
        if time.monotonic() < self._next_beat:
            return False
        self.beat()
        return True

    def pause(self, seconds: float) -> None:
        """Report to the parent that this thread waits outside of the pump, for up to this many seconds."""
        self.beat(seconds + SILENCE_S)

    def run_first(self) -> None:
        """Wait for one job without a library to turn, and run it."""
        self._jobs.get()()

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping

    def turn(self, library: Pumped) -> None:
        """Run once: wait in the library for at most a heartbeat, then run the due jobs."""
        now = time.monotonic()
        if self.progress():
            self._look_after_parent()
        if not self._outbox.is_empty:
            with self._or_stop():
                self._outbox.push()
        wake = min(self._next_beat, self._timers[0][0]) if self._timers else self._next_beat
        library.libHandleEvents(self._wait_ms(wake - now))
        self._rung = False
        self._run_jobs()
        self._run_timers()

    def _wait_ms(self, seconds: float) -> int:
        if seconds <= 0 or not self._jobs.empty():
            return 0
        return int((seconds if self._outbox.is_empty else min(seconds, UNREAD_S)) * 1000) + 1

    def _run_jobs(self) -> None:
        latest = time.monotonic() + BUSY_S
        for _ in range(self._jobs.qsize()):
            self._jobs.get()()
            if time.monotonic() > latest:
                return

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now and time.monotonic() <= now + BUSY_S:
            heapq.heappop(self._timers)[2]()

    def _hear(self, handle: Callable[[Request], None], orphaned: Job) -> None:
        decoder = commands_decoder()
        while chunk := self._receive():
            for request in decoder.feed(chunk):
                self.soon(partial(handle, request))
        self.soon(orphaned)
        self._outlive()

    def _look_after_parent(self) -> None:
        """The socket closes with the parent, unless a forked process of the parent keeps it open."""
        if os.getppid() != self._parent_id and not self._orphaned:
            self._orphaned = True
            threading.Thread(target=self._outlive, daemon=True).start()
            self.stop()

    def _outlive(self) -> None:
        """Let the pump end in order, and the process in any case."""
        time.sleep(LAST_WORDS_S)
        os._exit(1)

    def _receive(self) -> bytes:
        try:
            return self._parent.recv(65536)
        except OSError:
            return b""
