"""One agent of a fleet: its endpoint, its call slots, and the events of each of its calls."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from bot.config import EndpointConfig
from bot.errors import BotError
from bot.ipc import CallEvent, CallStarted, CallStateChanged, ExpectationChecked, SipReceived, SipSent
from bot.model import CallState
from bot.ua import Call, Controller, Endpoint, Entry, Journal, dialog_of

__all__ = ["Member"]

KEPT_OF_AGENT = 200
KEPT_OF_CALL = 2000
"""Largest number of events that are kept of one call."""

MOST_DIALOGS = 16
"""Dialogs whose events are kept besides those of the running calls."""


class Member:
    """An endpoint with a journal of its own, so that an event of it wakes nobody else's waits.

    ``on_entry`` gets each event of the agent, under the lock of that journal; it must not wait.
    """

    def __init__(
        self,
        config: EndpointConfig,
        controller: Controller | None,
        *,
        slots: int,
        on_entry: Callable[[Member, Entry], None],
    ) -> None:
        self.journal = Journal(kept=KEPT_OF_AGENT)
        self.endpoint = Endpoint(config, controller=controller, journal=self.journal, goes_on=True)
        self.slots = slots
        """How many calls it takes at once."""
        self.used = 0
        """Slots that are taken; under the fleet's lock."""
        self.calls_taken = 0
        """Calls since its start; under the fleet's lock."""
        self.rests_until = 0.0
        """When the library has sockets for another call again; under the fleet's lock."""
        self.retires = False
        """Whether it gets no further call; under the fleet's lock."""
        self._on_entry = on_entry
        self._entries: dict[str, deque[Entry]] = {}
        self._dialogs: dict[int, str] = {}

    @property
    def is_free(self) -> bool:
        """Whether it takes another call now."""
        has_room = self.used < self.slots and time.monotonic() >= self.rests_until
        return has_room and not self.retires and self.endpoint.accepts_calls

    def start(self) -> None:
        """Start the agent; raises NativeError."""
        self.endpoint.start()
        self.journal.observe(self._observe)

    def close(self) -> BotError | None:
        """Hang up and end the agent; the failure of its endpoint or its controller."""
        try:
            with self.endpoint:
                pass
        except BotError as failure:
            return failure
        return None

    def entries(self, call: Call) -> list[Entry]:
        """The events of a call of this agent so far, SIP messages and verdicts too."""
        with self.journal.held():
            return list(self._entries.get(call.facts.sip_call_id, ()))

    def forget(self, call: Call) -> None:
        """Drop the events of a call, whose verdict is known; its messages take less memory from now on."""
        with self.journal.held():
            self._entries.pop(call.facts.sip_call_id, None)
            self._dialogs.pop(call.number, None)
            call.facts.pack()

    def _observe(self, entry: Entry) -> None:
        """Keep an event of a call with that call's; under the journal's lock."""
        event = entry.event
        match event:
            case CallStarted(call=number, sip_call_id=dialog):
                self._dialogs[number] = dialog
                self._keep(dialog, entry)
            case SipSent(text=text) | SipReceived(text=text):
                dialog = dialog_of(text)
                if dialog in self._entries or text.startswith("INVITE "):
                    self._keep(dialog, entry)
            case CallEvent(call=number) if number in self._dialogs:
                self._keep(self._dialogs[number], entry)
            case ExpectationChecked(call=number) if number in self._dialogs:
                self._keep(self._dialogs[number], entry)
            case _:
                pass
        self._on_entry(self, entry)
        if isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED:
            self._limit()

    def _keep(self, dialog: str, entry: Entry) -> None:
        self._entries.setdefault(dialog, deque(maxlen=KEPT_OF_CALL)).append(entry)

    def _limit(self) -> None:
        """Drop the events of calls that nobody asked about: those of the oldest dialogs."""
        while len(self._entries) > MOST_DIALOGS + self.slots:
            self._entries.pop(next(iter(self._entries)))
        while len(self._dialogs) > MOST_DIALOGS + self.slots:
            self._dialogs.pop(next(iter(self._dialogs)))
