"""DTMF digits from telephone-event packets (RFC 4733)."""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from media.signals.dtmf import DIGITS

__all__ = ["Digit", "TelephoneEvents"]

NAMES = (*DIGITS, "flash")  # by event code: RFC 4733, 3.2, and 16 of RFC 2833, 3.10
BLOCK = 4  # bytes: event, E, R and volume, duration
END = 0x80
LONGEST = 0xFFFF  # maximum ticks of a segment
ALMOST = 0xF000  # ticks after which a sender may begin the next segment
REMEMBERED = 16  # finished events for which late packets are still recognized
MOST = 10_000  # maximum digits per stream; more are not from a keypad


class Digit(NamedTuple):
    """`digit`: 0 to 9, *, #, A to D, or `flash`; `at`: when it began by the time of capture, s since 1970."""

    digit: str
    at: float
    duration_ms: float


@dataclass(slots=True)
class _Event:
    """The state of an event; durations in ticks of the RTP clock."""

    code: int
    at: float
    clock_rate: int
    segment: int  # timestamp at which the current segment began
    before: int = 0  # duration of the earlier segments
    duration: int = 0
    ended: bool = False


class TelephoneEvents:
    """Collects the digits of one stream from its telephone-event packets.

    All packets of one event have its timestamp: repeated ends are one digit, the same digit pressed again is
    another. If the first packets of a digit are lost, its start is computed from the duration in the first
    received packet. If its end is lost, its last packet has its duration. Events above 16 are not digits.
    """

    def __init__(self) -> None:
        self._digits: list[_Event] = []
        self._recent: OrderedDict[tuple[int, int], _Event] = OrderedDict()  # by timestamp and event code

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits so far in order of their first packets; the last one may be unfinished."""
        return tuple(
            Digit(NAMES[event.code], event.at, 1000 * (event.before + event.duration) / event.clock_rate)
            for event in self._digits
        )

    def add(self, at: float, timestamp: int, marker: bool, payload: bytes, clock_rate: int) -> None:
        """Take a packet: its time of capture in s, RTP timestamp, marker bit, payload, and the clock in Hz.

        A payload may contain consecutive events (RFC 4733, 2.5.1.5). Other payloads are ignored.
        """
        if clock_rate <= 0:
            return
        for code, flags, duration in struct.iter_unpack(">BBH", payload[: len(payload) // BLOCK * BLOCK]):
            if code < len(NAMES):
                key = timestamp, code
                event = self._recent.get(key) or self._new(
                    key, at - duration / clock_rate, marker, clock_rate
                )
                if timestamp == event.segment:
                    event.duration = max(event.duration, duration)
                    event.ended = event.ended or bool(flags & END)
            timestamp = (timestamp + duration) & 0xFFFFFFFF

    def _new(self, key: tuple[int, int], at: float, marker: bool, clock_rate: int) -> _Event:
        """The event of a new timestamp and code: the next segment of the last event, or a new event."""
        timestamp, code = key
        event = self._digits[-1] if self._digits else None
        if event is not None and not marker and _goes_on(event, timestamp, code):
            event.before += (timestamp - event.segment) & 0xFFFFFFFF
            event.segment, event.duration = timestamp, 0
        else:
            event = _Event(code, at, clock_rate, timestamp)
            if len(self._digits) < MOST:
                self._digits.append(event)
        self._recent[key] = event
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        return event


def _goes_on(event: _Event, timestamp: int, code: int) -> bool:
    """Whether a timestamp is that of the next segment of an event (RFC 4733, 2.5.1.3)."""
    ticks = (timestamp - event.segment) & 0xFFFFFFFF
    whole = ticks == event.duration and ticks > 0
    return code == event.code and not event.ended and (whole or ALMOST <= ticks <= LONGEST)
