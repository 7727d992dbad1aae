"""The calls of the agent that have not ended, by number and by Call-ID."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from bot.agent.call import Leg
from bot.agent.callbacks import CommandRefused
from bot.agent.connections import Connection

__all__ = ["Legs"]

ENDED = 256
"""Calls that are remembered after their end: the library sends BYE after that."""


class Legs:
    """A table of calls; numbers are not used again, also not by an agent that replaces another."""

    def __init__(self, first: int = 1) -> None:
        self._by_number: dict[int, Leg] = {}
        self._last = first - 1
        self._ended: OrderedDict[str, tuple[bool, Connection | None]] = OrderedDict()

    def __iter__(self) -> Iterator[Leg]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def __contains__(self, leg: Leg) -> bool:
        return self._by_number.get(leg.number) is leg

    def next_number(self) -> int:
        """The number of the next call."""
        self._last += 1
        return self._last

    def add(self, leg: Leg) -> None:
        """Add a new call."""
        self._by_number[leg.number] = leg

    def remove(self, leg: Leg) -> None:
        """Remove a call that has ended; no error when it was removed before."""
        if self._by_number.pop(leg.number, None) is not None:
            self._ended[leg.sdp.call_id] = leg.is_outgoing, leg.connection
            if len(self._ended) > ENDED:
                self._ended.popitem(last=False)

    def clear(self) -> None:
        """Remove all calls."""
        self._by_number.clear()

    def get(self, number: int) -> Leg | None:
        """The call with this number, unless it has ended."""
        return self._by_number.get(number)

    def numbered(self, number: int) -> Leg:
        """The call with this number; raises CommandRefused when it has ended."""
        try:
            return self._by_number[number]
        except KeyError:
            raise CommandRefused("ended", f"call {number} has ended") from None

    def of_dialog(self, call_id: str) -> Leg | None:
        """The call with this Call-ID."""
        for leg in self._by_number.values():
            if leg.sdp.call_id == call_id:
                return leg
        return None

    def is_outgoing(self, call_id: str) -> bool:
        """Whether this side began the call with this Call-ID, which may have ended."""
        return self._origin(call_id)[0]

    def connection(self, call_id: str) -> Connection | None:
        """The connection that the INVITE of a call came by; the call may have ended."""
        return self._origin(call_id)[1]

    def is_heard_at_source(self, call_id: str) -> bool:
        """Whether RTP of a call has come from the address that its INVITE came from."""
        leg = self.of_dialog(call_id)
        return leg is not None and leg.is_heard_at_source

    def came_by(self, call_id: str, connection: Connection) -> None:
        """A message of a call arrived; the peer may have opened a new connection."""
        leg = self.of_dialog(call_id)
        old = leg.connection if leg is not None else None
        if leg is not None and old is not None and not old.is_open and old.source == connection.source:
            leg.connection = connection

    def _origin(self, call_id: str) -> tuple[bool, Connection | None]:
        leg = self.of_dialog(call_id)
        return (leg.is_outgoing, leg.connection) if leg else self._ended.get(call_id, (False, None))

    def sending_streams(self, call_id: str) -> list[int]:
        """The addresses of the native streams that send RTP in the calls with this Call-ID."""
        return [stream for leg in self if leg.sdp.call_id == call_id for stream in leg.streams.sending]
