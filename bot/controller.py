"""The event-driven style: a class whose methods an endpoint's events call, one after another.

The callbacks run on one thread of their own, so they may use every verb and wait. What one of
them raises goes to the journal with its traceback and fails the endpoint.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
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
)
from .journal import Entry
from .model import CallState, Direction, MediaState
from .record import Digit

__all__ = ["Controller"]

Job = Callable[[], None]


class Controller:
    """Override what you need; ``self.endpoint`` is the endpoint that was given this controller."""

    endpoint: Endpoint

    def on_incoming_call(self, call: Call) -> None:
        """An INVITE arrived."""

    def on_call_state(self, call: Call, state: CallState) -> None:
        """The call changed its state."""

    def on_media_state(self, call: Call, media: MediaState) -> None:
        """An m= line of the call changed."""

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        """A digit arrived."""

    def on_played(self, call: Call, complete: bool) -> None:
        """A file was played to its end, or its playing was cut short."""

    def on_message(self, message: MessageReceived) -> None:
        """A SIP MESSAGE arrived."""

    # ---- for the endpoint

    def attach(self, endpoint: Endpoint) -> None:
        """Start to follow the endpoint's events."""
        self.endpoint = endpoint
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._calls: dict[int, Call] = {}
        self._stop_observing = endpoint.journal.observe(self._observe)
        self._thread = threading.Thread(target=self._run, name="srtpbot-controller", daemon=True)
        self._thread.start()

    def detach(self) -> None:
        """Let the callbacks that are due run, and no more."""
        self._stop_observing()
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5.0)

    def _observe(self, entry: Entry) -> None:
        if entry.endpoint == self.endpoint.name:
            for job in self._due(entry.event):
                self._jobs.put(job)

    def _due(self, event: AnyEvent) -> list[Job]:
        """The callbacks for an event; the call's facts are as they are when the callback runs."""
        match event:
            case CallStarted():
                call = self._calls[event.call] = self.endpoint.call(event.call)
                return [lambda: self.on_incoming_call(call)] if event.direction is Direction.INCOMING else []
            case MessageReceived():
                return [lambda: self.on_message(event)]
            case CallEvent():
                known = self._calls.get(event.call)
                return self._due_in(known, event) if known is not None else []
            case _:
                return []

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
            case _:
                return []

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except CallEnded:
                continue  # while a callback dealt with it, as is the peer's right
            except Exception:
                self._report()

    def _report(self) -> None:
        where = f"{type(self).__name__} callback"
        failed = CallbackFailed(at=time.monotonic(), where=where, traceback=traceback.format_exc())
        self.endpoint.journal.append(self.endpoint.name, failed)
