"""Digits in telephone-events (RFC 4733) with a payload type that was not negotiated."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.agent.reception.packet import Packet

__all__ = ["ForeignEvents"]

DIGITS = "0123456789*#ABCD"
EVENT_BYTES = 4
RESERVED = 0x40
TYPES, EVENTS = 8, 64
"""Maximum number of stored events; a peer may send any number."""


class ForeignEvents:
    """Finds telephone-events among the unused packets; packets with one timestamp are one event."""

    def __init__(self) -> None:
        self._events: dict[int, dict[int, str]] = {}

    def look_at(self, packet: Packet) -> None:
        """Store the digit if the payload is a single event."""
        payload = packet.payload
        if len(payload) != EVENT_BYTES or payload[0] >= len(DIGITS) or payload[1] & RESERVED:
            return
        if packet.payload_type not in self._events and len(self._events) == TYPES:
            return
        events = self._events.setdefault(packet.payload_type, {})
        if len(events) < EVENTS:
            events.setdefault(packet.timestamp, DIGITS[payload[0]])

    def digits(self) -> dict[str, str]:
        """The digits in order, by payload type."""
        return {str(number): "".join(events.values()) for number, events in self._events.items()}
