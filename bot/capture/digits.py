"""DTMF digits of RTP streams: telephone-events (RFC 4733), with or without SDP, also in RFC 2198 redundancy.

This module decides which packets are telephone-events. Another module turns packets into digits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from bot.capture.formats import EVENT, Format
from media.rtp.packet import parse_rtp
from media.rtp.redundancy import is_redundancy, redundant
from media.rtp.telephone_event import Digit, TelephoneEvents

__all__ = ["Heard", "StreamDigits"]

DYNAMIC = range(96, 128)
FLASH = 16
"""The highest event code of a digit (RFC 4733 section 3.2, RFC 2833 section 3.10)."""
RESERVED = 0x40
"""The reserved bit of a telephone-event; it is 0."""
MOST_EVENTS = 4
"""Maximum number of events in one packet of a payload type without a description."""
CLOCKS = (8000, 16000, 32000, 48000)
LEAST_S = 0.03
"""Seconds between two packets of an event, used to estimate the clock rate."""


Taker = Callable[[float, bytes], None]
"""Receives a plain RTP packet and its capture time (seconds since 1970)."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A digit; ``at`` in seconds since 1970, the duration in ms or None when the sender did not state one."""

    digit: str
    method: str
    """``rfc4733`` or ``info``, as in the results of calls."""
    at: float
    duration_ms: float | None
    call_id: str | None
    ssrc: int | None
    """The SSRC; None for SIP INFO."""
    source: str
    target: str


class StreamDigits:
    """The digits of one stream, fed with its plain packets in order."""

    def __init__(self, format_of: Callable[[int], Format | None]) -> None:
        """``format_of`` returns the format of a payload type; None without a description."""
        self._format_of = format_of
        self._described = TelephoneEvents()
        self._guessed: dict[int, Guess] = {}
        self._takers: dict[int, Taker | None] = {}

    def add(self, at: float, plain: bytes) -> None:
        """Add an RTP packet, captured at ``at`` (seconds since 1970)."""
        number = plain[1] & 0x7F
        if number not in self._takers:
            self._takers[number] = self._taker(number)
        take = self._takers[number]
        if take is not None:
            take(at, plain)

    def _taker(self, number: int) -> Taker | None:
        """The handler for the packets of a payload type; None when they hold no digits."""
        form = self._format_of(number)
        if form is None:
            return self._guessed.setdefault(number, Guess()).add if number in DYNAMIC else None
        if form.codec.lower() == EVENT:
            return partial(self._event, form.clock_rate)
        return self._redundant if is_redundancy(form.codec) else None

    def _event(self, clock_rate: int, at: float, plain: bytes) -> None:
        rtp = parse_rtp(plain)
        if rtp is not None:
            self._described.add(at, rtp.timestamp, rtp.marker, rtp.payload, clock_rate)

    def _redundant(self, at: float, plain: bytes) -> None:
        """Add events that later packets repeat (RFC 2198); the first transmission may be lost."""
        rtp = parse_rtp(plain)
        for block in redundant(rtp.payload) if rtp is not None else ():
            form = self._format_of(block.payload_type)
            if rtp is not None and form is not None and form.codec.lower() == EVENT:
                timestamp = (rtp.timestamp - block.offset) & 0xFFFFFFFF
                self._described.add(at, timestamp, False, block.payload, form.clock_rate)

    def may_be_event(self, payload_type: int) -> bool:
        """Whether all packets so far of an undescribed payload type look like telephone-events."""
        guess = self._guessed.get(payload_type)
        return guess is not None and guess.fits

    def is_event(self, payload_type: int) -> bool:
        """Whether all packets of the payload type were telephone-events."""
        guess = self._guessed.get(payload_type)
        return guess is not None and guess.holds

    def found(self, clock_rate: int) -> list[Digit]:
        """The digits so far; ``clock_rate`` (Hz) applies to events with an unknown clock rate."""
        guesses = [digits for digits in self._guessed.values() if digits.holds]
        guessed = [digit for guess in guesses for digit in guess.digits(clock_rate)]
        return [*self._described.digits, *guessed]


class Guess:
    """A dynamic payload type without a description: its packets may be telephone-events, as most phones send.

    They are telephone-events when all packets have that form and one event has more than one packet.
    """

    def __init__(self) -> None:
        self.fits = True
        """Whether all packets so far have the form."""
        self._repeated = False
        self._events = TelephoneEvents()
        self._first: tuple[int, float, int] = (-1, 0.0, 0)  # packet of an event: timestamp, arrival, duration
        self._span: tuple[float, int] = (0.0, 0)  # the longest: seconds and ticks

    @property
    def holds(self) -> bool:
        """Whether the packets so far are telephone-events."""
        return self.fits and self._repeated

    def add(self, at: float, plain: bytes) -> None:
        """Process the next packet."""
        rtp = parse_rtp(plain) if self.fits else None
        if rtp is None:
            return
        if not has_form(rtp.payload):
            self.fits = False
            return
        self._events.add(at, rtp.timestamp, rtp.marker, rtp.payload, CLOCKS[0])
        duration = int.from_bytes(rtp.payload[2:4], "big")
        timestamp, began, least = self._first
        if rtp.timestamp != timestamp:
            self._first = rtp.timestamp, at, duration
            return
        self._repeated = True
        if not rtp.payload[1] >> 7 and at - began > self._span[0]:
            self._span = at - began, duration - least

    def digits(self, rate: int) -> list[Digit]:
        """The digits, at the clock rate that fits the growth of their durations best (RFC 4733 section 2.1).

        ``rate`` (Hz) applies to events that are too short to decide.
        """
        seconds, ticks = self._span
        if seconds >= LEAST_S and ticks > 0:
            rate = min(CLOCKS, key=lambda clock: abs(clock - ticks / seconds))
        return [
            digit._replace(duration_ms=digit.duration_ms * CLOCKS[0] / rate) for digit in self._events.digits
        ]


def has_form(payload: bytes) -> bool:
    """Whether a payload has the form of one or more telephone-events."""
    if not payload or len(payload) % 4 or len(payload) > 4 * MOST_EVENTS:
        return False
    blocks = [payload[at : at + 4] for at in range(0, len(payload), 4)]
    return all(block[0] <= FLASH and not block[1] & RESERVED for block in blocks)
