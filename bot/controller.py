"""The event-driven style: a class whose methods an endpoint's events call, one after another.

The callbacks run on one thread of their own, so they may use every verb and wait. What one of
them raises goes to the journal with its traceback and fails the endpoint.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .call import Call
from .endpoint import Endpoint
from .errors import CallEnded
from .events import (
    AnyEvent,
    CallbackFailed,
    CallEvent,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    MediaStateChanged,
    MessageReceived,
    PlaybackFinished,
    VoiceChanged,
)
from .journal import Entry
from .model import CallState, Direction, MediaState
from .record import Digit

__all__ = ["Controller"]

Job = Callable[[], None]


@dataclass(frozen=True, order=True)
class Timer:
    """A callback that is due at a monotonic time."""

    at: float
    number: int
    job: Job = field(compare=False)


class Controller:
    """Override what you need; ``self.endpoint`` is the endpoint that was given this controller."""

    endpoint: Endpoint
    _jobs: queue.SimpleQueue[Job | Timer | None]
    _numbers: itertools.count[int]

    def on_start(self) -> None:
        """The endpoint is about to start, in its thread; a ConfigError keeps it from starting."""

    def on_end(self) -> None:
        """The endpoint has ended, in its thread; nothing follows."""

    def on_incoming_call(self, call: Call) -> None:
        """An INVITE arrived."""

    def on_transfer(self, call: Call) -> None:
        """The peer of ``call.transferred_from`` asked for this call, which is being placed."""

    def on_replaced(self, call: Call) -> None:
        """An INVITE took the place of ``call.replaces``; it is answered already."""

    def on_call_state(self, call: Call, state: CallState) -> None:
        """The call changed its state."""

    def on_media_state(self, call: Call, media: MediaState) -> None:
        """An m= line of the call changed."""

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        """A digit arrived."""

    def on_played(self, call: Call, complete: bool) -> None:
        """A file was played to its end, or its playing was cut short."""

    def on_voice(self, call: Call, voice: VoiceChanged) -> None:
        """Somebody began to speak or fell silent in a call that is listened to (``Call.listen``)."""

    def on_message(self, message: MessageReceived) -> None:
        """A SIP MESSAGE arrived."""

    # ---- for those who override

    def after(self, seconds: float, job: Job) -> None:
        """Call ``job`` in so many seconds, as a callback among the others; not when the endpoint ends before.

        What it wants to do in a call has to be still wanted then.
        """
        self._jobs.put(Timer(time.monotonic() + seconds, next(self._numbers), job))

    def serve(self, lead: Controller) -> None:
        """Work for another controller, which passes the callbacks on that this one is to have."""
        self.endpoint, self._jobs, self._numbers = lead.endpoint, lead._jobs, lead._numbers
        self.on_start()

    # ---- for the endpoint

    def attach(self, endpoint: Endpoint) -> None:
        """Start to follow the endpoint's events."""
        self.endpoint = endpoint
        self._jobs = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._calls: dict[int, Call] = {}
        self.on_start()
        self._stop_observing = endpoint.journal.observe(self._observe)
        self._thread = threading.Thread(target=self._run, name="srtpbot-controller", daemon=True)
        self._thread.start()

    def detach(self) -> None:
        """Let the callbacks that are due run, and no more."""
        self._stop_observing()
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5.0)
        self.on_end()

    def _observe(self, entry: Entry) -> None:
        if entry.endpoint == self.endpoint.name:
            for job in self._due(entry.event):
                self._jobs.put(job)

    def _due(self, event: AnyEvent) -> list[Job]:
        """The callbacks for an event; the call's facts are as they are when the callback runs."""
        match event:
            case CallStarted():
                call = self._calls[event.call] = self.endpoint.call(event.call)
                return self._due_at_start(call)
            case MessageReceived():
                return [lambda: self.on_message(event)]
            case CallEvent():
                known = self._calls.get(event.call)
                return self._due_in(known, event) if known is not None else []
            case _:
                return []

    def _due_at_start(self, call: Call) -> list[Job]:
        if call.replaces is not None:
            return [lambda: self.on_replaced(call)]
        if call.transferred_from is not None:
            return [lambda: self.on_transfer(call)]
        return [lambda: self.on_incoming_call(call)] if call.direction is Direction.INCOMING else []

    def _due_in(self, call: Call, event: CallEvent) -> list[Job]:
        match event:
            case CallStateChanged():
                if event.state is CallState.DISCONNECTED:
                    del self._calls[event.call]
                return [lambda: self.on_call_state(call, event.state)]
            case MediaStateChanged():
                return [partial(self.on_media_state, call, line) for line in event.media]
            case DtmfReceived():
                return [partial(self.on_dtmf, call, call.known.received[-1])]
            case PlaybackFinished():
                return [lambda: self.on_played(call, event.complete)]
            case VoiceChanged():
                return [lambda: self.on_voice(call, event)]
            case _:
                return []

    def _run(self) -> None:
        timers: list[Timer] = []
        while (job := self._next(timers)) is not None:
            try:
                job()
            except CallEnded:
                continue  # while a callback dealt with it, as is the peer's right
            except Exception:
                self._report()

    def _next(self, timers: list[Timer]) -> Job | None:
        """What is to be called next: a timer's job that is due, or else an event's; None at the end."""
        while True:
            wait = timers[0].at - time.monotonic() if timers else None
            if wait is not None and wait <= 0:
                return heapq.heappop(timers).job
            try:
                job = self._jobs.get(timeout=wait)
            except queue.Empty:
                continue
            if not isinstance(job, Timer):
                return job
            heapq.heappush(timers, job)

    def _report(self) -> None:
        where = f"{type(self).__name__} callback"
        failed = CallbackFailed(at=time.monotonic(), where=where, traceback=traceback.format_exc())
        self.endpoint.journal.append(self.endpoint.name, failed)
