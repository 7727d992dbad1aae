"""RTP as a peer sends it, honest or not: frames of PCMA and telephone-events, numbered, protected, paced."""

from __future__ import annotations

import base64
import io
import os
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
import soundfile

from media.rtp.srtp import SUITES, SrtpContext, SrtpKey
from media.signals.signals import make

__all__ = [
    "AES_80",
    "EVENTS",
    "Datagram",
    "Frame",
    "digits",
    "key_line",
    "new_key",
    "numbered",
    "protected",
    "send",
    "silent",
    "spoken",
]

AES_80 = "AES_CM_128_HMAC_SHA1_80"
RATE, FRAME = 8000, 160
FRAME_S = FRAME / RATE
PCMA, EVENTS = 8, 101
SILENCE = b"\xd5" * FRAME
DIGIT_FRAMES, DIGIT_ENDS, PAUSE_FRAMES = 5, 3, 5
CODES = "0123456789*#ABCD"
BEFORE_S, AFTER_S = 0.2, 0.6
"""Silence around what is said."""


@dataclass(frozen=True)
class Frame:
    """20 ms, before it has a sequence number."""

    payload: bytes
    timestamp: int
    kind: int = PCMA
    marker: bool = False
    ssrc: int = 0x1234
    at: float | None = None
    """When it is sent, in seconds; None for 20 ms after the frame before."""


@dataclass(frozen=True)
class Datagram:
    """What is sent, and when, in seconds from the first."""

    at: float
    data: bytes
    rtcp: bool = False


@cache
def spoken(signal: str, level_db: float = 0.0, alternate_db: float = 0.0) -> tuple[Frame, ...]:
    """A signal in PCMA after a short silence; every other 250 ms is ``alternate_db`` louder."""
    samples = make(signal, RATE).samples * 10 ** (level_db / 20)
    quarters = np.arange(len(samples)) // (RATE // 4) % 2
    samples = samples * np.where(quarters == 1, 10 ** (alternate_db / 20), 1.0)
    whole = np.concatenate([np.zeros(int(BEFORE_S * RATE)), samples, np.zeros(int(AFTER_S * RATE))])
    whole = np.append(whole, np.zeros(-len(whole) % FRAME))
    file = io.BytesIO()
    soundfile.write(file, whole, RATE, format="RAW", subtype="ALAW")
    coded = file.getvalue()
    return tuple(Frame(coded[at : at + FRAME], at, marker=at == 0) for at in range(0, len(coded), FRAME))


def silent(seconds: float) -> tuple[Frame, ...]:
    """Silence in PCMA."""
    return tuple(Frame(SILENCE, number * FRAME) for number in range(int(seconds / FRAME_S)))


def digits(text: str, *, kind: int = EVENTS, begin: float = 0.5, after: float = 0.5) -> tuple[Frame, ...]:
    """Silence with telephone-events of 100 ms (RFC 4733); without ``after`` the last end bit is the end."""
    frames = list(silent(begin))
    for digit in text:
        start = len(frames) * FRAME
        for number in range(DIGIT_FRAMES + DIGIT_ENDS - 1):
            ended = number >= DIGIT_FRAMES - 1
            duration = min(number + 1, DIGIT_FRAMES) * FRAME
            event = struct.pack("!BBH", CODES.index(digit), (0x80 if ended else 0) | 10, duration)
            frames.append(Frame(event, start, kind, marker=number == 0))
        frames += [Frame(SILENCE, (len(frames) + number) * FRAME) for number in range(PAUSE_FRAMES)]
    if not after:
        del frames[len(frames) - PAUSE_FRAMES :]
    first = len(frames)
    frames += [replace(one, timestamp=(first + n) * FRAME) for n, one in enumerate(silent(after))]
    return tuple(frames)


def numbered(frames: Iterable[Frame], first: int = 1000, *, lost: Sequence[int] = ()) -> list[Datagram]:
    """RTP packets with sequence numbers; those whose place is in ``lost`` are never sent."""
    found: list[Datagram] = []
    for place, one in enumerate(frames):
        head = struct.pack(
            "!BBHII",
            0x80,
            (0x80 if one.marker else 0) | one.kind,
            (first + place) & 0xFFFF,
            one.timestamp & 0xFFFFFFFF,
            one.ssrc,
        )
        if place not in lost:
            found.append(Datagram(place * FRAME_S if one.at is None else one.at, head + one.payload))
    return found


def new_key(suite: str = AES_80, mki: bytes = b"") -> SrtpKey:
    """A fresh master key."""
    lengths = SUITES[suite]
    return SrtpKey(suite, os.urandom(lengths.key_length), os.urandom(lengths.salt_length), mki)


def key_line(key: SrtpKey, tag: int = 1, suite: str = "") -> str:
    """Its a=crypto line."""
    inline = base64.b64encode(key.master_key + key.master_salt).decode()
    return f"a=crypto:{tag} {suite or key.suite} inline:{inline}\r\n"


def protected(packets: Iterable[Datagram], key: SrtpKey, *, keeps_rollovers: bool = True) -> list[Datagram]:
    """SRTP; without ``keeps_rollovers`` every packet has the rollover counter 0."""
    return [replace(one, data=data) for one, data in _sealed(packets, key, keeps_rollovers)]


def _sealed(
    packets: Iterable[Datagram], key: SrtpKey, keeps_rollovers: bool
) -> Iterator[tuple[Datagram, bytes]]:
    context, last = SrtpContext(key), -1
    for one in packets:
        sequence = int.from_bytes(one.data[2:4], "big")
        if not keeps_rollovers and sequence < last:
            context = SrtpContext(key)
        last = sequence
        yield one, context.protect_rtcp(one.data) if one.rtcp else context.protect(one.data)


def send(
    datagrams: Sequence[Datagram], rtp: socket.socket, rtcp: socket.socket, port: int, done: threading.Event
) -> None:
    """Send each at its time to 127.0.0.1, until all are sent or it is done."""
    begun = time.monotonic()
    ordered = sorted(datagrams, key=lambda one: one.at)
    assert all(one.at <= other.at for one, other in pairwise(ordered))
    for one in ordered:
        if done.wait(max(0.0, one.at - (time.monotonic() - begun))):
            return
        (rtcp if one.rtcp else rtp).sendto(one.data, ("127.0.0.1", port + one.rtcp))
