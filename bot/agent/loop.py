"""The pump: one thread that turns the library, takes commands and fires timers.

It blocks in the library's ``select()``. Whoever wants its attention queues a job and rings the
doorbell: an empty keep-alive (RFC 5626 3.5.1) to the agent's own SIP port, which the library
drops without a word. It knows nothing of calls.
"""

from __future__ import annotations

import heapq
import itertools
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from bot.commands import Request
from bot.events import Heartbeat, Wired
from bot.wire import commands_decoder, encode

__all__ = ["Loop"]

Job = Callable[[], None]

HEARTBEAT_S = 0.2
"""How long the pump may block at a time."""
SILENCE_S = 0.7
"""How long the parent may hear nothing before it takes the pump for hung."""
LAST_WORDS_S = 3.0
"""How long an orphan may take to end in order."""
KEEP_ALIVE = b"\r\n\r\n"


class Pumped(Protocol):
    """The part of ``pjsua2.Endpoint`` that turns the library."""

    def libHandleEvents(self, msec_timeout: int) -> int: ...


class Loop:
    """Runs jobs, timers and the library on the calling thread, a turn at a time."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._bell = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._door: tuple[str, int] | None = None
        self._rung = False
        self._stopping = False
        self._next_beat = 0.0

    def emit(self, event: Wired) -> None:
        """Tell the parent; when it is gone, nobody is left to be told."""
        try:
            self._parent.sendall(encode(event))
        except OSError:
            self._stopping = True

    def listen(self, handle: Callable[[Request], None], orphaned: Job) -> None:
        """Start to hear the parent's requests; each is handled on the pumping thread."""
        threading.Thread(target=self._hear, args=(handle, orphaned), daemon=True).start()

    def open_door(self, host: str, port: int) -> None:
        """Say which UDP port of the library wakes it."""
        self._door = (host, port)

    def soon(self, job: Job) -> None:
        """Run a job on the pumping thread; callable from any thread."""
        self._jobs.put(job)
        if self._door is not None and not self._rung:
            self._rung = True
            self._bell.sendto(KEEP_ALIVE, self._door)

    def after(self, seconds: float, job: Job) -> None:
        """Run a job on the pumping thread in ``seconds``; only from that thread."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), job))

    def stop(self) -> None:
        """Say that no further turn is wanted."""
        self._stopping = True

    def forget(self) -> None:
        """Drop what has not run yet, and what it would have worked on."""
        self._timers, self._jobs = [], queue.SimpleQueue()

    def beat(self, next_s: float = SILENCE_S) -> None:
        """Tell the parent that the pump turns and may be silent for ``next_s`` seconds."""
        now = time.monotonic()
        self._next_beat = now + HEARTBEAT_S
        self.emit(Heartbeat(at=now, next_s=next_s))

    def pause(self, seconds: float) -> None:
        """Tell the parent that this thread is about to wait for up to so long outside the pump."""
        self.beat(seconds + SILENCE_S)

    def run_first(self) -> None:
        """Wait for one job without a library to turn, and run it."""
        self._jobs.get()()

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping

    def turn(self, library: Pumped) -> None:
        """Turn once: wait in the library for at most a heartbeat, then run what is due."""
        now = time.monotonic()
        if now >= self._next_beat:
            self.beat()
        wake = min(self._next_beat, self._timers[0][0]) if self._timers else self._next_beat
        library.libHandleEvents(self._wait_ms(wake - now))
        self._rung = False
        self._run_jobs()
        self._run_timers()

    def _wait_ms(self, seconds: float) -> int:
        return 0 if seconds <= 0 or not self._jobs.empty() else int(seconds * 1000) + 1

    def _run_jobs(self) -> None:
        for _ in range(self._jobs.qsize()):
            self._jobs.get()()

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _hear(self, handle: Callable[[Request], None], orphaned: Job) -> None:
        decoder = commands_decoder()
        while chunk := self._receive():
            for request in decoder.feed(chunk):
                self.soon(partial(handle, request))
        self.soon(orphaned)
        time.sleep(LAST_WORDS_S)
        os._exit(1)

    def _receive(self) -> bytes:
        try:
            return self._parent.recv(65536)
        except OSError:
            return b""
