"""INVITEs that wait while every call is taken and one of them may yet give way.

A caller at a full endpoint gets 100 (Trying) when a call there has proved nothing so far: no ACK, no RTP, no
answer to its BYE. In at most 1.5 s that call is in use or has ended (``call_limits``). Then the INVITE
goes on, and when all calls are in use it gets 486. Sources with fewer calls are served first, those that
have exceeded limits last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.agent.admission import Admission
from bot.agent.loop import Loop
from bot.agent.native.held_requests import HeldRequests, Transaction
from bot.agent.native.sip_module import Modules
from bot.agent.workarounds.socket_budget import SocketBudget
from bot.sip import Message, StatusCode

__all__ = ["WaitingInvites"]

MOST, MOST_OF_SOURCE = 16, 8
LONGEST_S = 4.0
LOOK_S = 0.05


@dataclass(frozen=True)
class Waiting:
    """A waiting INVITE."""

    clone: int
    transaction: Transaction
    text: str
    caller: tuple[str, str]
    """The source and the Call-ID."""
    since: float = field(default_factory=time.monotonic)


class WaitingInvites:
    """Those that wait, each answered once; raises MissingSymbol when this build cannot hold a request."""

    def __init__(
        self, modules: Modules, priority: int, loop: Loop, admission: Admission, budget: SocketBudget
    ) -> None:
        """``priority`` is that of the module that withholds them."""
        self._requests = HeldRequests(modules, priority)
        self._endpoint, self._answer = modules.endpoint, modules.c.pjsip_endpt_respond_stateless
        self._loop, self._admission, self._budget = loop, admission, budget
        self._waiting: list[Waiting] = []
        self._looking = False
        self.on_release: Callable[[str], None] = lambda text: None
        """Called with the text of an INVITE that is released."""

    def hold(self, rdata: int, text: str) -> bool:
        """Let an INVITE wait, or one that already waits; False when it may not."""
        message = Message.parse(text)
        transaction, caller = Transaction.of(message), self._admission.caller
        if not any(invite.transaction == transaction for invite in self._waiting):
            of_source = sum(one.caller[0] == caller[0] for one in self._waiting)
            if len(self._waiting) >= MOST or of_source >= MOST_OF_SOURCE:
                return False
            clone = self._requests.hold(rdata)
            if not clone:
                return False
            self._waiting.append(Waiting(clone, transaction, text, caller))
        self._respond(rdata, StatusCode.TRYING)
        self._look_soon()
        return True

    def cancel(self, rdata: int, text: str) -> bool:
        """Answer a CANCEL and its INVITE (RFC 3261 9.2), if that waits."""
        transaction = Transaction.of(Message.parse(text))
        for invite in self._waiting:
            if invite.transaction == transaction:
                self._respond(rdata, StatusCode.OK)
                self._refuse(invite, StatusCode.REQUEST_TERMINATED)
                return True
        return False

    def close(self) -> None:
        """Refuse all of them, before the library ends."""
        for invite in list(self._waiting):
            self._refuse(invite, StatusCode.SERVICE_UNAVAILABLE)

    def _look_soon(self) -> None:
        if not self._looking and self._waiting:
            self._looking = True
            self._loop.after(LOOK_S, self._look)

    def _look(self) -> None:
        self._looking = False
        for invite in sorted(self._waiting, key=self._rank):
            self._judge(invite)
        self._look_soon()

    def _rank(self, one: Waiting) -> tuple[bool, int, float]:
        host, _ = one.caller
        calls = self._admission.calls
        return self._admission.sources.is_abusing(host), calls.calls_of(host) if calls else 0, one.since

    def _judge(self, one: Waiting) -> None:
        host, _ = one.caller
        room = self._admission.room(one.caller)
        wait = self._budget.room_in(self._admission.reserved(host)) > 0
        if (room.waits or wait) and time.monotonic() - one.since < LONGEST_S:
            return
        if wait:
            self._refuse(one, StatusCode.SERVICE_UNAVAILABLE)
        elif room.why:
            self._refuse(one, StatusCode.BUSY_HERE)
        else:  # when it still has no place, the library refuses it
            self._waiting.remove(one)
            self._budget.attempted()
            self.on_release(one.text)
            self._requests.release(one.clone)

    def _refuse(self, one: Waiting, code: int) -> None:
        self._waiting.remove(one)
        self._respond(one.clone, code)
        self._requests.drop(one.clone)

    def _respond(self, rdata: int, code: int) -> None:
        self._answer(self._endpoint, rdata, code, None, None, None)
