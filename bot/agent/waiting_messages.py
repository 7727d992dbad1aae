"""Messages that wait until the host names in them are resolved, in front of the library's modules.

The library resolves a name where it needs it, on the only thread. So a message with unknown names is held
until they are known, for at most ``PATIENCE_S``. Further messages of its Call-ID wait behind it, in their
order. Then it goes on; the library finds the addresses with ``names.Names``. An offer whose names have no
address gets 488 (RFC 3261 21.4.26).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.agent.header_lines import CALL_ID_RAW
from bot.agent.loop import Loop
from bot.agent.native.held_requests import HeldRequests
from bot.agent.native.names import Names
from bot.agent.native.sip_module import Modules
from bot.rates import host_of
from bot.sip.intake import PeerNames, Refusal, peer_names
from bot.sip.status import StatusCode

__all__ = ["WaitingMessages"]

PATIENCE_S = 2.0
MOST, MOST_OF_SOURCE = 64, 16
MOST_NAMES = 8
"""Largest number of names of a message; further names have no address."""
OFFERING = (b"INVITE ", b"UPDATE ")


@dataclass(frozen=True, eq=False)
class Waiting:
    """A waiting message."""

    clone: int
    data: bytes
    call_id: bytes
    source: str
    names: PeerNames
    until: float


class WaitingMessages:
    """Those that wait; raises MissingSymbol when this build cannot hold a message."""

    def __init__(
        self,
        modules: Modules,
        priority: int,
        loop: Loop,
        names: Names,
        kinds: Callable[[PeerNames], set[str]],
    ) -> None:
        """``priority`` is that of the module that withholds them; ``kinds`` are the names to wait for."""
        self._messages = HeldRequests(modules, priority)
        self._loop, self._names, self._kinds = loop, names, kinds
        self._waiting: list[Waiting] = []
        self.on_release: Callable[[int, bytes], None] = lambda clone, data: None
        """Called with the address and the text of a message that is released."""
        self.refuse: Callable[[int, bytes, Refusal], None] = lambda clone, data, refusal: None
        """Called with a request that gets a final response instead."""

    def hold(self, rdata: int, data: bytes, peer: str) -> bool:
        """Whether a message has to wait, and does; the caller then ends its processing."""
        found = CALL_ID_RAW.search(data)
        call_id, source = found[1] if found else b"", host_of(peer)
        behind = any(message.call_id == call_id for message in self._waiting)
        names = peer_names(data)
        unknown = self._unknown(names)
        if not (behind or unknown):
            return False
        if any(one.data == data for one in self._waiting):  # it was sent again
            return True
        if len(self._waiting) >= MOST or sum(one.source == source for one in self._waiting) >= MOST_OF_SOURCE:
            return False
        clone = self._messages.hold(rdata)
        if not clone:
            return False
        until = time.monotonic() + PATIENCE_S
        self._waiting.append(Waiting(clone, data, call_id, source, names, until))
        asked = [self._names.ask(name, self._look) for name in unknown]
        self._loop.after(PATIENCE_S, self._look)
        if not all(asked):
            self._loop.soon(self._look)
        return True

    def close(self) -> None:
        """Drop all of them, before the library ends."""
        for message in self._waiting:
            self._messages.drop(message.clone)
        self._waiting.clear()

    def _unknown(self, names: PeerNames) -> list[str]:
        return [name for name in sorted(self._kinds(names))[:MOST_NAMES] if not self._names.is_known(name)]

    def _look(self) -> None:
        """Let those go on whose names are known, or that have waited long enough, in order by Call-ID."""
        now, blocked = time.monotonic(), set()
        for message in list(self._waiting):
            if message.call_id in blocked or (message.until > now and self._unknown(message.names)):
                blocked.add(message.call_id)
                continue
            self._waiting.remove(message)
            self._go_on(message)

    def _go_on(self, one: Waiting) -> None:
        failed = [name for name in sorted(one.names.connections) if not self._names.has_address(name)]
        if failed and one.data.startswith(OFFERING):
            why = f"the name {failed[0]} in its SDP has no address"
            self.refuse(
                one.clone,
                one.data,
                Refusal(
                    "name-in-sdp",
                    StatusCode.NOT_ACCEPTABLE_HERE,
                    why,
                    "301 Incompatible network address formats",
                ),
            )
            self._messages.drop(one.clone)
            return
        self.on_release(one.clone, one.data)
        self._messages.release(one.clone)
