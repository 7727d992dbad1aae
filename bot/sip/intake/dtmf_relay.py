"""Checks of INFO bodies of application/dtmf-relay: ``Signal=5``, ``Duration=160``, each on its own line.

The format comes from Cisco gateways; RFC 6086 registers no package for it. Some peers send the event code of
RFC 4733, 10 for ``*``; the library reads one character, and would take that for the digit 1.
"""

from __future__ import annotations

import re

from bot.sip.intake.refusal import BAD_REQUEST, Mended, Refusal

__all__ = ["checked_relay"]

MOST_BYTES = 256
SIGNAL = re.compile(rb"signal[ \t]*=[ \t]*([0-9A-Da-d*#!]|1[0-6])[ \t]*", re.IGNORECASE)
EVENTS = b"0123456789*#ABCD!"
"""The characters of the event codes 0 to 16 (RFC 4733 section 3.2); ``!`` is a flash."""
DURATION = re.compile(rb"duration[ \t]*=[ \t]*([0-9]{1,6})[ \t]*", re.IGNORECASE)


def checked_relay(body: bytes) -> Mended | None:
    """Raise Refusal for a body without a signal; returns a changed body, None if no change is needed."""
    signal = duration = None
    for line in re.split(rb"\r?\n", body[:MOST_BYTES]):
        signal = signal or SIGNAL.fullmatch(line)
        duration = duration or DURATION.fullmatch(line)
    if signal is None or len(body) > MOST_BYTES:
        raise Refusal("dtmf-relay", BAD_REQUEST, "its body has no line like 'Signal=5'")
    place = int(signal[1]) if len(signal[1]) > 1 else None
    plain = b"Signal=%s\r\n" % (signal[1] if place is None else EVENTS[place : place + 1])
    if duration is not None:
        plain += b"Duration=%s\r\n" % duration[1]
    return None if body == plain else Mended("dtmf-relay", plain)
