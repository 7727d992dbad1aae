"""Many agents as one endpoint: a library takes few calls in a process, and a core carries one process.

Every agent has a journal and a range of RTP ports of its own, and is supervised: an agent that dies costs its
own calls, and another takes its place. A call goes to the busiest agent that has a free slot: the audio clock
of an agent without calls stands still, and at 15 calls/s with 4 slots an agent this saves a quarter of the
processor time. Agents are started ahead of need, and renewed after some thousand calls: nothing that a
library may keep of a call adds up.

When all slots are taken, ``FleetBusy`` says so: that is this side's limit, and no failure of a peer.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from bot.config import EndpointConfig, of_many_calls, shares_of_rtp_ports
from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import BotError, CallFailed, ConfigError, NativeError, WaitTimeout
from bot.fleet.member import Member
from bot.ipc import CallStarted, CallStateChanged, SipReceived
from bot.model import CallState, Direction, OnCrash
from bot.ua import Awaited, Call, Controller, Endpoint, Entry, Journal, calls_of_agent, dialog_of

__all__ = ["Fleet", "FleetBusy"]

RENEWED_AFTER = 2000
"""Calls after which an agent is replaced by a new one."""
TRANSACTION_S = 33.0
"""After this time a request without a response is given up: 64 times T1 (RFC 3261 17.1), and a margin."""
SWEEP_S = 0.1
NO_ROOM = ("too many calls at once", "PJ_ETOOMANY")
"""Words of an agent that has no socket or slot for another call yet: closed ones stay taken a while."""
REST_S = 0.2
"""Seconds after which such an agent is asked again."""

Observer = Callable[[Endpoint, Entry], None]


class FleetBusy(BotError):
    """No call slot is free: a limit of this side."""

    exit_status = 3


@dataclass(eq=False)
class Placed:
    """A call, and the agent whose slot it takes until it has ended."""

    member: Member
    call: Call
    unanswered_until: float | None = None
    """When the library gives up the BYE or CANCEL that has no final response; None before there is one."""

    def is_numbered(self, member: Member, number: int) -> bool:
        """Whether it is this call of that agent."""
        return self.member is member and self.call.number == number


class Fleet:
    """Places and answers up to ``calls`` calls at once; a context manager that hangs up at its end.

    Its end raises the first failure of an agent or a controller.

    Settings are those of an endpoint; each agent gets its share of ``rtp_ports``, and with ``port`` the first
    one listens there, the next one two ports higher, and so on; without ``clock_rate`` audio has the rate of
    the codec that the common settings prefer, 8000 Hz by default. ``settings_of`` changes the settings of the
    agent with that number, from 0: its accounts, for instance. ``controller`` makes the controller of each
    agent. An agent takes ``calls_per_agent`` calls at most, and no more than the build does, or 64. Raises
    ConfigError for invalid settings, NativeError when an agent cannot start.
    """

    def __init__(
        self,
        config: EndpointConfig | None = None,
        *,
        calls: int,
        controller: Callable[[], Controller] | None = None,
        calls_per_agent: int | None = None,
        renewed_after: int = RENEWED_AFTER,
        settings_of: Callable[[EndpointConfig, int], EndpointConfig] = lambda config, number: config,
        **settings: Any,
    ) -> None:
        if calls < 1:
            raise ConfigError(f"calls: expected 1 or more, got {calls}")
        if calls_per_agent is not None and calls_per_agent < 1:
            raise ConfigError(f"calls_per_agent: expected 1 or more, got {calls_per_agent}")
        self.config = of_many_calls((config or EndpointConfig()).with_options(**settings))
        self._wanted = calls
        self._per_agent = calls_per_agent
        self._controller = controller
        self._renewed_after = renewed_after
        self._settings_of = settings_of
        self._waits = Journal(kept=1)
        """Wakes those who wait for a slot or a call; it has no events."""
        self._members: list[Member] = []
        self._placed: dict[str, Placed] = {}
        """By Call-ID, the calls whose end frees a slot."""
        self._arrived: deque[Call] = deque(maxlen=calls)
        self._observers: list[Observer] = []
        self._started = 0
        self._closing = False
        self._starters: ThreadPoolExecutor | None = None
        self.failure: BotError | None = None
        """The first failure, of an agent that could not be renewed or of a controller; the rest works on."""

    # ---- life

    def start(self) -> Self:
        """Start all agents and wait until they listen; raises NativeError, ConfigError."""
        slots = calls_of_agent(self.config, min(self._wanted, self._per_agent or self._wanted))
        count = math.ceil(self._wanted / slots)
        self._slots, self._ranges = slots, shares_of_rtp_ports(self.config, slots, count)
        self._starters = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="srtpbot-fleet")
        try:
            for member in self._starters.map(self._new_member, range(count)):
                self._members.append(member)
        except BaseException:
            self.close()
            raise
        return self

    def _new_member(self, number: int) -> Member:
        """Start the agent at this place; its name is never used twice."""
        if self._closing:
            raise NativeError(f"{self.config.name}: the fleet was closed")
        with self._waits.held():
            self._started += 1
            name = f"{self.config.name[:50]}-{self._started}"
        config = self.config.with_options(
            name=name,
            port=self.config.port + 2 * number if self.config.port else None,
            rtp_ports=self._ranges[number],
            on_crash=self.config.on_crash or OnCrash.RESTART,
        )
        controller = self._controller() if self._controller is not None else None
        member = Member(
            self._settings_of(config, number), controller, slots=self._slots, on_entry=self._observe
        )
        member.start()
        return member

    def give_up(self) -> None:
        """Start no further agent; a ``start`` on another thread raises NativeError."""
        self._closing = True

    def close(self) -> None:
        """Hang up every call and end every agent, all of them at the same time."""
        with self._waits.held():
            self._closing = True
            members, self._members = self._members, []
        if self._starters is not None:
            self._starters.shutdown(cancel_futures=True)
            self._starters = None
        threads = [threading.Thread(target=self._end, args=(member,)) for member in members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _end(self, member: Member) -> None:
        failure = member.close()
        with self._waits.held():
            self.failure = self.failure or failure

    def __enter__(self) -> Self:
        return self if self._members else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self.failure is not None:
            raise self.failure

    # ---- properties

    @property
    def slots(self) -> int:
        """How many calls it takes at once."""
        with self._waits.held():
            return sum(member.slots for member in self._members)

    @property
    def used(self) -> int:
        """How many of the slots are taken."""
        with self._waits.held():
            return sum(member.used for member in self._members)

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints of the agents."""
        with self._waits.held():
            return [member.endpoint for member in self._members]

    @property
    def uris(self) -> list[str]:
        """The first SIP URI of each agent."""
        return [endpoint.uri for endpoint in self.endpoints]

    # ---- calls

    def make_call(self, uri: str, *, wait: float = 0.0, **arguments: Any) -> Call:
        """Send an INVITE with the busiest agent that has a free slot, like ``Endpoint.make_call``.

        The slot is free again when the call has ended. Waits up to ``wait`` seconds for a free slot; raises
        FleetBusy.
        """
        deadline = Deadline(wait)
        while True:
            member = self._taken(deadline)
            try:
                call = member.endpoint.make_call(uri, **arguments)
                break
            except CallFailed as error:
                self._give_back(member)
                if not any(words in str(error) for words in NO_ROOM):
                    raise
                with self._waits.held():
                    member.rests_until = time.monotonic() + REST_S
            except BaseException:
                self._give_back(member)
                raise
        placed = Placed(member, call)
        with member.journal.held():  # its events come under this lock
            with self._waits.held():
                self._placed[call.facts.sip_call_id] = placed
            self._settle(placed)
        return call

    @contextmanager
    def slot(self, wait: float = 0.0) -> Iterator[Member]:
        """Context of a slot of the busiest free agent, for one call at a time; raises FleetBusy."""
        member = self._taken(Deadline(wait))
        try:
            yield member
        finally:
            self._give_back(member)

    @contextmanager
    def expect_call(self, timeout: float = TIMEOUT_S) -> Iterator[Awaited]:
        """Take the next incoming call of any agent, like ``Endpoint.expect_call``; raises WaitTimeout."""
        awaited = Awaited()
        yield awaited
        if not self._waits.wait_until(lambda: bool(self._arrived), Deadline(timeout)):
            raise WaitTimeout(f"{self.config.name}: no call arrived within {timeout:g} s")
        awaited.call = self._arrived.popleft()

    def entries(self, call: Call) -> list[Entry]:
        """The events of a call, SIP messages and verdicts too, until ``forget`` or the end of its agent."""
        member = self._member_of(call)
        return member.entries(call) if member is not None else []

    def forget(self, call: Call) -> None:
        """Drop the events of an ended call; otherwise those of the last calls are kept."""
        member = self._member_of(call)
        if member is not None:
            member.forget(call)

    def observe(self, observer: Observer) -> None:
        """Call ``observer`` with every event of every agent, under that agent's lock; it must not wait."""
        self._observers.append(observer)

    # ---- slots

    def _taken(self, deadline: Deadline) -> Member:
        found: list[Member] = []

        def take() -> bool:
            self._free_unanswered()
            free = [member for member in self._members if member.is_free]
            if free:
                best = min(free, key=lambda member: (self._is_worn(member), -member.used))
                best.used += 1
                best.calls_taken += 1
                found.append(best)
            return bool(free)

        while not self._waits.wait_until(take, Deadline(min(deadline.left, SWEEP_S))):
            if deadline.passed:
                raise FleetBusy(f"{self.config.name}: {self._why_busy()}")
        return found[0]

    def _settle(self, placed: Placed) -> None:
        """Free the slot of an ended call as soon as the library has: with the response to its BYE."""
        facts = placed.call.facts
        if facts.ended is None:
            return
        with self._waits.held():
            if facts.awaits_final_response:
                placed.unanswered_until = placed.unanswered_until or facts.ended.at + TRANSACTION_S
                return
            if self._placed.pop(facts.sip_call_id, None) is None:
                return
        self._give_back(placed.member)

    def _free_unanswered(self) -> None:
        """Free the slots of calls whose BYE or CANCEL timed out; under the lock."""
        now = time.monotonic()
        for dialog, placed in list(self._placed.items()):
            if placed.unanswered_until is not None and now > placed.unanswered_until:
                self._placed.pop(dialog)
                placed.member.used -= 1

    def _why_busy(self) -> str:
        """Why there is no free slot."""
        with self._waits.held():
            down = sum(not member.endpoint.accepts_calls for member in self._members)
            slots = sum(member.slots for member in self._members)
        replaced = f", and {down} agents are being replaced" if down else ""
        return f"all {slots} call slots of this side are taken{replaced}"

    def _give_back(self, member: Member) -> None:
        with self._waits.held():
            member.used -= 1
            is_idle = not member.used and not member.retires and not self._closing
            renew = is_idle and self._is_worn(member)
            member.retires = member.retires or renew
        if renew and self._starters is not None:
            self._starters.submit(self._renew, member)
        self._waits.wake()

    def _is_worn(self, member: Member) -> bool:
        """Whether an agent gets calls only if no other has a slot, and is replaced when it has no call."""
        return member.calls_taken >= self._renewed_after

    def _renew(self, old: Member) -> None:
        """Put a new agent in the place of one without calls; a failure leaves the old one at work."""
        with self._waits.held():
            if old not in self._members or old.used:
                return
            place = self._members.index(old)
        if self.config.port:  # two cannot listen at one port
            self._end(old)
        try:
            new = self._new_member(place)
        except (BotError, OSError) as error:
            with self._waits.held():
                self.failure = self.failure or NativeError(str(error))
                old.retires, old.calls_taken = False, 0
            return
        with self._waits.held():
            kept = not self._closing
            if kept:
                self._members[place] = new
        self._end(old if kept else new)
        self._waits.wake()

    # ---- observing

    def _observe(self, member: Member, entry: Entry) -> None:
        """Under the lock of the member's journal."""
        match entry.event:
            case CallStarted(call=number, direction=Direction.INCOMING):
                self._arrived.append(member.endpoint.call(number))
                self._waits.wake()
            case CallStateChanged(call=number, state=CallState.DISCONNECTED):
                for one in self._placed_calls():
                    if one.is_numbered(member, number):
                        self._settle(one)
            case SipReceived(text=text) if text.startswith("SIP/2.0 "):
                if (placed := self._placed.get(dialog_of(text))) is not None:
                    self._settle(placed)
            case _:
                pass
        for observer in self._observers:
            observer(member.endpoint, entry)

    def _placed_calls(self) -> list[Placed]:
        with self._waits.held():
            return list(self._placed.values())

    def _member_of(self, call: Call) -> Member | None:
        """The agent of a call; None when it has been renewed since."""
        with self._waits.held():
            return next((member for member in self._members if member.endpoint is call.endpoint), None)
