"""Event-driven control of calls: an endpoint calls the methods of a controller for its events.

All callbacks run on one thread, in the order of the events, and may use every verb and wait. An exception
goes to the journal with its traceback and fails the endpoint.
"""

from __future__ import annotations

import contextlib
import heapq
import inspect
import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from bot.errors import BotError, CallEnded, ConfigError, EndpointCrashed
from bot.ipc import (
    AnswerRefer,
    AnyEvent,
    CallEvent,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    Hangup,
    MediaStateChanged,
    MessageReceived,
    MessageWaiting,
    PlaybackFinished,
    PresenceChanged,
    RegistrationChanged,
    SubscriptionReceived,
    TransferProgressed,
    TransferRequested,
    VoiceChanged,
    raised_by,
)
from bot.model import CallState, Direction, MediaState
from bot.sip import StatusCode, is_failure
from bot.ua.call import Call
from bot.ua.call_record import Digit
from bot.ua.endpoint import Endpoint
from bot.ua.journal import Entry

__all__ = ["Controller"]

BY_THE_SETTINGS = 0
Job = Callable[[], None]


@dataclass(frozen=True)
class Due:
    """A callback, and the call that it is about."""

    job: Job
    call: Call | None = None


@dataclass(frozen=True, order=True)
class Timer:
    """A callback that is due at a monotonic time."""

    at: float
    number: int
    due: Due = field(compare=False)


@dataclass
class AtHand:
    """The call that the callback is about which runs now."""

    call: Call | None = None


class Controller:
    """Base class of controllers; ``self.endpoint`` is the endpoint of the controller."""

    endpoint: Endpoint
    _jobs: queue.SimpleQueue[Due | Timer | None]
    _at_hand: AtHand
    _numbers: itertools.count[int]

    def on_start(self) -> None:
        """The endpoint is about to start, in its thread; a ConfigError keeps it from starting."""

    def on_end(self) -> None:
        """The endpoint has ended, in its thread; nothing follows."""

    def on_incoming_call(self, call: Call) -> None:
        """An INVITE arrived."""

    def on_refer(self, call: Call, request: TransferRequested) -> bool | int | None:
        """The peer asks this side to call ``request.refer_to`` (REFER, RFC 3515). True accepts and False
        declines with 603; a status code of 300 to 699 refuses; None leaves it to ``accept_transfers``, as
        does an answer later than 20 s. It is called only where it is overridden."""

    def on_transfer(self, call: Call) -> None:
        """The peer of ``call.transferred_from`` asked for this call, which is being placed."""

    def on_replaced(self, call: Call) -> None:
        """An INVITE took the place of ``call.replaces``; it is answered already."""

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        """The call changed its state; ``code`` and ``reason`` are the response's, if there was one."""

    def on_transfer_progress(self, call: Call, code: int, reason: str, final: bool) -> None:
        """A NOTIFY reports the progress of a transfer (``Call.transfer``, RFC 3515)."""

    def on_media_state(self, call: Call, media: MediaState) -> None:
        """An m= line of the call changed."""

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        """A digit arrived."""

    def on_played(self, call: Call, complete: bool) -> None:
        """A file was played to its end, or its playing was cut short."""

    def on_voice(self, call: Call, voice: VoiceChanged) -> None:
        """Speech starts or ends in the received audio; needs ``Call.listen``."""

    def on_message(self, message: MessageReceived) -> None:
        """A SIP MESSAGE arrived."""

    def on_registration(self, registration: RegistrationChanged) -> None:
        """A registrar answered for one of the identities, or did not."""

    def on_mailbox(self, mailbox: MessageWaiting) -> None:
        """An MWI NOTIFY for an account arrived (RFC 3842)."""

    def on_presence(self, presence: PresenceChanged) -> None:
        """A NOTIFY for one of the ``subscriptions`` arrived, or its state changed."""

    def on_subscription(self, subscription: SubscriptionReceived) -> None:
        """A peer subscribed to the presence of this endpoint (RFC 3856); the library answers."""

    @property
    def secret_digits(self) -> bool:
        """Whether the digits of every call are secret from its beginning (see ``Call.secret_digits``)."""
        return False

    # ---- for subclasses

    def after(self, seconds: float, job: Job) -> None:
        """Call ``job`` after this many seconds, as a callback; not after the end of the endpoint.

        The job has to check whether its call still exists.
        """
        due = Due(job, self._at_hand.call)
        self._jobs.put(Timer(time.monotonic() + seconds, next(self._numbers), due))

    def serve(self, lead: Controller) -> None:
        """Work for another controller, which passes the callbacks on that this one is to have."""
        self.endpoint, self._jobs, self._numbers = lead.endpoint, lead._jobs, lead._numbers
        self._at_hand = lead._at_hand
        self.on_start()

    # ---- for the endpoint

    def attach(self, endpoint: Endpoint) -> None:
        """Start to follow the endpoint's events."""
        self.endpoint = endpoint
        self._jobs = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._at_hand = AtHand()
        self._calls: dict[int, Call] = {}
        # srtpbot 0.1 knew no more than the call and its state
        self._takes_reasons = len(inspect.signature(self.on_call_state).parameters) != 2
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
        self._call(Due(self.on_end))

    @property
    def decides_transfers(self) -> bool:
        """Whether ``on_refer`` is overridden."""
        return getattr(self.on_refer, "__func__", None) is not Controller.on_refer

    def _decide(self, call: Call, request: TransferRequested) -> None:
        """Let ``on_refer`` decide; an exception refuses the REFER."""
        code: int = StatusCode.SERVER_INTERNAL_ERROR
        try:
            code = code_of(self.on_refer(call, request))
        finally:
            self.endpoint.request(AnswerRefer(call=call.number, refer=request.refer, code=code))

    def _hear(self, call: Call, digit: Digit) -> None:
        try:
            self.on_dtmf(call, digit)
        finally:
            call.secrets.acted_on()

    def _observe(self, entry: Entry) -> None:
        if entry.endpoint == self.endpoint.name:
            event = entry.event
            jobs = self._due(event)
            call = self._calls.get(event.call) if isinstance(event, CallEvent) else None
            if isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED:
                self._calls.pop(event.call, None)
            for job in jobs:
                self._jobs.put(Due(job, call))

    def _due(self, event: AnyEvent) -> list[Job]:
        """The callbacks for an event; the call's facts are as they are when the callback runs."""
        match event:
            case CallStarted():
                call = self._calls[event.call] = self.endpoint.call(event.call)
                return self._due_at_start(call)
            case MessageReceived():
                return [lambda: self.on_message(event)]
            case RegistrationChanged():
                return [lambda: self.on_registration(event)]
            case MessageWaiting():
                return [lambda: self.on_mailbox(event)]
            case PresenceChanged():
                return [lambda: self.on_presence(event)]
            case SubscriptionReceived():
                return [lambda: self.on_subscription(event)]
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
                why = (event.code, event.reason) if self._takes_reasons else ()
                return [partial(self.on_call_state, call, event.state, *why)]
            case TransferRequested():
                return [lambda: self._decide(call, event)]
            case TransferProgressed():
                return [lambda: self.on_transfer_progress(call, event.code, event.reason, event.final)]
            case MediaStateChanged():
                return [partial(self.on_media_state, call, line) for line in event.media]
            case DtmfReceived():
                return [partial(self._hear, call, call.last_pressed)]
            case PlaybackFinished():
                return [lambda: self.on_played(call, event.complete)]
            case VoiceChanged():
                return [lambda: self.on_voice(call, event)]
            case _:
                return []

    def _run(self) -> None:
        timers: list[Timer] = []
        while (due := self._next(timers)) is not None:
            self._call(due)

    def _call(self, due: Due) -> None:
        """Run a callback; an exception fails the endpoint and ends the call. CallEnded is ignored."""

        def run() -> None:
            with contextlib.suppress(CallEnded, EndpointCrashed):
                due.job()

        self._at_hand.call = due.call
        failure = raised_by(f"{type(self).__name__} callback", run)
        if failure is None:
            return
        if due.call is not None:
            failure = msgspec.structs.replace(failure, call=due.call.number)
        self.endpoint.journal.append(self.endpoint.name, failure)
        if due.call is not None and due.call.facts.ended is None:
            with contextlib.suppress(BotError):
                self.endpoint.request(Hangup(call=due.call.number, code=StatusCode.SERVER_INTERNAL_ERROR))

    def _next(self, timers: list[Timer]) -> Due | None:
        """The next callback: a due job of a timer, or an event; None at the end."""
        while True:
            wait = timers[0].at - time.monotonic() if timers else None
            if wait is not None and wait <= 0:
                return heapq.heappop(timers).due
            try:
                due = self._jobs.get(timeout=wait)
            except queue.Empty:
                continue
            if not isinstance(due, Timer):
                return due
            heapq.heappush(timers, due)


def code_of(decision: bool | int | None) -> int:
    """The status code of a decision about a REFER; raises ConfigError for an invalid decision."""
    if decision is None:
        return BY_THE_SETTINGS
    if isinstance(decision, bool):
        return StatusCode.ACCEPTED if decision else StatusCode.DECLINE
    if decision == StatusCode.ACCEPTED or is_failure(decision):
        return decision
    raise ConfigError(f"on_refer: expected True, False, None, 202 or a code of 300 to 699, got {decision}")
