"""The calls of an endpoint, by number and by Call-ID, and the SIP messages that arrive before their call."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from bot.errors import CallEnded, CallFailed, WaitTimeout
from bot.ipc import CallEvent, CallStarted, CallStateChanged, Event, SipReceived, SipSent
from bot.model import CallState, Direction
from bot.ua.call import Call
from bot.ua.journal import Journal

__all__ = ["REMEMBERED", "Awaited", "CallList", "dialog_of"]

REMEMBERED = 64
"""Largest number of ended calls, of arrived calls that no test took, and of dialogs without a call."""


ASKED_AGAIN = 16
"""Messages whose Call-ID is remembered: each observer of a message asks for it."""


@dataclass
class Awaited:
    """The incoming call of an ``expect_call`` block."""

    call: Call | None = None

    @property
    def value(self) -> Call:
        """The call; raises WaitTimeout before the end of the block."""
        if self.call is None:
            raise WaitTimeout("no call has arrived yet: read .value after the with block")
        return self.call


class CallList:
    """All calls that have not ended, and the last ended calls; ``name`` is the name of the endpoint."""

    def __init__(self, name: str, journal: Journal) -> None:
        self.arrived: deque[Call] = deque(maxlen=REMEMBERED)
        """Incoming calls that no ``expect_call`` has taken."""
        self.last_number = 0
        self._name = name
        self._journal = journal
        self._active: dict[int, Call] = {}
        self._by_number: dict[int, Call] = {}
        """The active calls and the remembered ones."""
        self._by_dialog: OrderedDict[str, Call] = OrderedDict()
        self._early_messages: OrderedDict[str, list[SipSent | SipReceived]] = OrderedDict()

    @property
    def active(self) -> list[Call]:
        """The calls that have not ended."""
        with self._journal.held():
            return list(self._active.values())

    @property
    def all(self) -> list[Call]:
        """The calls that have not ended, and the last ended calls."""
        calls = {id(call): call for call in (*self._by_dialog.values(), *self._active.values())}
        return list(calls.values())

    def numbered(self, number: int) -> Call:
        """The active call; raises CallEnded for an ended call, CallFailed for a number without a call."""
        with self._journal.held():
            if number in self._active:
                return self._active[number]
            if 0 < number <= self.last_number:
                raise CallEnded(f"{self._name}: call {number} has ended")
        raise CallFailed(f"{self._name}: there was no call {number}; calls are numbered from 1")

    def of_dialog(self, sip_call_id: str) -> Call:
        """The call with that Call-ID."""
        return self._by_dialog[sip_call_id]

    def of_event(self, event: Event) -> Call | None:
        """The active or ended call of an event or a SIP message."""
        if isinstance(event, SipSent | SipReceived):
            return self._by_dialog.get(dialog_of(event.text))
        if not isinstance(event, CallEvent):
            return None
        return self._by_number.get(event.call)

    # ---- observing; under the journal's lock

    def add(self, call: Call, started: CallStarted) -> None:
        """Add a call that begins, with its related calls and the messages that arrived before it."""
        self._active[started.call] = self._by_number[started.call] = call
        self.last_number = started.call
        call.comes_of(
            self._active.get(started.transferred_from or 0), self._active.get(started.replaces or 0)
        )
        self._forget(started.sip_call_id)
        self._by_dialog[started.sip_call_id] = call
        if len(self._by_dialog) > REMEMBERED:
            ended = (dialog for dialog, known in self._by_dialog.items() if known.facts.ended)
            self._forget(next(ended, ""))
        for event in self.early_messages(started.sip_call_id):
            call.observe(event)
        if started.direction is Direction.INCOMING:
            self.arrived.append(call)
        if started.transferred_from or started.replaces:
            self._journal.wake()  # it is a fact of the other call, too

    def _forget(self, sip_call_id: str) -> None:
        """Remember no call under this Call-ID; an active call is still known by its number."""
        known = self._by_dialog.pop(sip_call_id, None)
        if known is not None and known.number not in self._active:
            self._by_number.pop(known.number, None)

    def early_messages(self, sip_call_id: str) -> Iterable[SipSent | SipReceived]:
        """Remove and return the messages with that Call-ID that arrived before their call."""
        return self._early_messages.pop(sip_call_id, ())

    def observe(self, event: CallEvent) -> None:
        """Pass an event on to its call."""
        call = self.of_event(event)
        if call is None:
            return
        call.observe(event)
        if isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED:
            self._active.pop(event.call, None)
            if self._by_dialog.get(call.facts.sip_call_id) is call:  # what ended first is dropped first
                self._by_dialog.move_to_end(call.facts.sip_call_id)
            else:  # another call has its Call-ID: this endpoint called itself
                self._by_number.pop(event.call, None)

    def trace(self, event: SipSent | SipReceived, dialog: str) -> None:
        """Pass a message on to its call, or keep it for a call that begins later."""
        call = self._by_dialog.get(dialog)
        again = call is not None and call.facts.ended is not None and is_received_invite(event)
        if call is not None and not again and dialog not in self._early_messages:
            call.observe(event)
            return
        earlier = self._early_messages.get(dialog, [])
        self._early_messages[dialog] = [*earlier, event][-REMEMBERED:]
        self._early_messages.move_to_end(dialog)
        if len(self._early_messages) > REMEMBERED:
            self._early_messages.popitem(last=False)


def is_received_invite(event: SipSent | SipReceived) -> bool:
    """Whether the message may begin a call: the INVITE after a challenge has the Call-ID of the first one."""
    return isinstance(event, SipReceived) and event.text.startswith("INVITE ")


@lru_cache(ASKED_AGAIN)
def dialog_of(text: str) -> str:
    """The Call-ID of a message, without parsing the rest of the message."""
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        if name.strip().casefold() in {"call-id", "i"}:
            return value.strip()
        if not line.strip():
            break
    return ""
