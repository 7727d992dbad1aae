"""Digits in telephone-events (RFC 4733) with a payload type that was not negotiated."""

from __future__ import annotations

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

    def look_at(self, payload_type: int, timestamp: int, payload: bytes) -> None:
        """Store the digit if the payload of a packet is a single event."""
        if len(payload) != EVENT_BYTES or payload[0] >= len(DIGITS) or payload[1] & RESERVED:
            return
        if payload_type not in self._events and len(self._events) == TYPES:
            return
        events = self._events.setdefault(payload_type, {})
        if len(events) < EVENTS:
            events.setdefault(timestamp, DIGITS[payload[0]])

    def digits(self) -> dict[str, str]:
        """The digits in order, by payload type."""
        return {str(number): "".join(events.values()) for number, events in self._events.items()}
