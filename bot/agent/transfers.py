"""Calls that a peer brings about in another one: by REFER (RFC 3515) and by INVITE with Replaces (RFC 3891).

The library sends and answers both, tells who referred by NOTIFY how its call goes, answers the INVITE that
replaces and ends the call that was replaced. This module says whether it may, and which call came of which;
how calls are made and kept is the agent's.
"""

from __future__ import annotations

from collections.abc import Callable

import pjsua2 as pj

from bot.agent.call import Leg, tx_option
from bot.agent.loop import Loop
from bot.agent.refusal import Refused
from bot.commands import Transfer
from bot.model import CallState, Direction

__all__ = ["Transfers", "ask"]

ACCEPTED, SERVICE_UNAVAILABLE = 202, 503
BEGINS_S = 10.0
"""How long the library may take to begin a call that it was allowed to make."""


Opener = Callable[[Direction, Leg], Leg | None]
"""Makes a leg of this direction for the identity of that one; None when there is no room."""


class Transfers:
    """Lets the peers of an endpoint that accepts transfers have what they ask for."""

    def __init__(self, loop: Loop, opener: Opener, discard: Callable[[Leg], None]) -> None:
        self._loop = loop
        self._open = opener
        self._discard = discard

    def referred(self, leg: Leg, prm: pj.OnCallTransferRequestParam) -> None:
        """The peer of this call asks for another one."""
        new = self._open(Direction.OUTGOING, leg)
        if new is None or new.native is None:
            prm.statusCode = SERVICE_UNAVAILABLE
            return
        new.transferred_from = leg.number
        prm.statusCode, prm.newCall = ACCEPTED, new.native
        self._expect(new)

    def replacing(self, leg: Leg, prm: pj.OnCallReplaceRequestParam) -> None:
        """Somebody, whose INVITE is at hand, wants to take the place of this call's peer."""
        new = self._open(Direction.INCOMING, leg)
        if new is None or new.native is None:
            prm.statusCode = SERVICE_UNAVAILABLE
            return
        new.replaces = leg.number
        prm.statusCode, prm.newCall = ACCEPTED, new.native
        self._expect(new)

    def _expect(self, new: Leg) -> None:
        """What the library gave up before it began has no end that it would tell of."""

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
        leg.live.xfer(command.uri, prm)
        return
    if other.state is not CallState.CONFIRMED:
        raise Refused(
            "call", f"call {other.number} is {other.state}; only a confirmed one can be handed over"
        )
    leg.live.xferReplaces(other.live, prm)
