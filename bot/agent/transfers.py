"""Calls that a peer requests by REFER (RFC 3515) or by INVITE with Replaces (RFC 3891).

The library answers both requests, reports the progress of the new call by NOTIFY, and ends the replaced call.
This module decides whether the endpoint accepts them, and records the relation of the calls.
"""

from __future__ import annotations

from collections.abc import Callable

import pjsua2 as pj

from bot.agent.call import Leg
from bot.agent.callbacks import CommandRefused
from bot.agent.headers import tx_option
from bot.agent.loop import Loop
from bot.agent.refer_decisions import Decisions
from bot.ipc import Transfer
from bot.model import CallState, Direction
from bot.sip import StatusCode, is_failure

__all__ = ["Transfers", "ask"]

BEGINS_S = 10.0
"""How long the library may take to begin a call that it was allowed to make."""


Opener = Callable[[Direction, Leg], Leg | None]
"""Makes a call of this direction for the account of that call; None when all slots are in use."""


class Transfers:
    """Accepts or refuses these requests, by a decision of the parent or by the settings."""

    def __init__(
        self,
        loop: Loop,
        opener: Opener,
        discard: Callable[[Leg], None],
        decisions: Decisions | None,
        *,
        accepts: bool,
    ) -> None:
        self._decisions = decisions
        self._accepts = accepts
        self._loop = loop
        self._open = opener
        self._discard = discard

    def referred(self, leg: Leg, prm: pj.OnCallTransferRequestParam) -> None:
        """The peer of this call asks by REFER for another one."""
        decided = self._decisions.code if self._decisions is not None else 0
        code = decided or (StatusCode.ACCEPTED if self._accepts else StatusCode.DECLINE)
        if is_failure(code):
            prm.statusCode = code
            return
        new = self._open(Direction.OUTGOING, leg)
        if new is None:
            prm.statusCode = StatusCode.SERVICE_UNAVAILABLE
            return
        new.transferred_from = leg.number
        prm.statusCode, prm.newCall = StatusCode.ACCEPTED, new.live
        self._expect(new)

    def replacing(self, leg: Leg, prm: pj.OnCallReplaceRequestParam) -> None:
        """An INVITE with Replaces asks to take the place of this call's peer."""
        if not self._accepts:
            return
        new = self._open(Direction.INCOMING, leg)
        if new is None:
            prm.statusCode = StatusCode.SERVICE_UNAVAILABLE
            return
        new.replaces = leg.number
        prm.statusCode, prm.newCall = StatusCode.ACCEPTED, new.live
        self._expect(new)

    def _expect(self, new: Leg) -> None:
        """Discard the new call if the library never begins it, since then it reports no end either."""

        def discard() -> None:
            if new.is_promised:
                self._discard(new)

        self._loop.after(BEGINS_S, discard)


def ask(leg: Leg, command: Transfer, other: Leg | None) -> None:
    """Send REFER: to a URI, or to the peer of another call with a Replaces for that (RFC 5589 7).

    Refused when the other call is not confirmed: it has no dialog that somebody could take over.
    """
    prm = pj.CallOpParam(True)
    prm.opt.flag = 0
    prm.txOption = tx_option(command.headers)
    if other is None:
        # A URI with ? or ; has to be in brackets (RFC 3261 20.10).
        leg.live.xfer(command.uri if "<" in command.uri else f"<{command.uri}>", prm)
        return
    if other.state is not CallState.CONFIRMED:
        raise CommandRefused(
            "call", f"call {other.number} is {other.state}; only a confirmed one can be handed over"
        )
    leg.live.xferReplaces(other.live, prm)
