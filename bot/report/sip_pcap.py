"""``sip.pcap``: the journal's SIP messages as packets with their addresses and times, for Wireshark.

A message that one endpoint of the run sent and another received was one packet, and is one here. TCP
has the messages only, no handshake; TLS is shown as TCP with the text in clear. Secrets are redacted as
in the journal, but so many times over that Wireshark, which reads the key as base64, finds one that is long
enough: otherwise it gives up on the SDP. Content-Length follows where that changed a body's length,
since a TCP stream is cut into messages by it. Packets are in the order of time.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from bot.events import AgentReady, SipReceived, SipSent
from bot.journal import Entry, Journal
from bot.sip import REDACTED
from media.packets import FILE_HEADER, Address, Stream, address, datagram, record

__all__ = ["of_file", "of_journal"]

IN_FLIGHT = 1000
"""Messages that were sent and of which the other end may still tell."""
UNKNOWN = "0.0.0.0:0"
CONTENT_LENGTH = re.compile(
    rb"^((?:Content-Length|l)[ \t]*:[ \t]*)[0-9]+(?=[ \t]*\r?$)", re.IGNORECASE | re.MULTILINE
)
KEY = re.compile(rb"(a=crypto:[0-9]+[ \t]+(\S+)[ \t]+inline:)" + re.escape(REDACTED.encode()), re.IGNORECASE)
KEY_BYTES = {b"AES_192": 38, b"AES_256": 46, b"AEAD_AES_128": 28, b"AEAD_AES_256": 44}
"""Master key and salt by crypto suite (RFC 6188, RFC 7714); all others have 30 bytes (RFC 4568)."""
BYTES_IN_WORD = 6
"""What the eight letters of REDACTED are as base64; its brackets do not count."""
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")

Load = Callable[[], SipSent | SipReceived]


class Clock(msgspec.Struct):
    """The first line of a journal's file, as far as it is needed here."""

    started: datetime
    monotonic: float

    def time_of_day(self, at: float) -> float:
        """Seconds since 1970."""
        return self.started.timestamp() + at - self.monotonic


@dataclass(slots=True)
class Seen:
    """A message of the journal; its text stays where it is until it is written."""

    at: float
    sent: bool
    endpoint: str
    transport: str
    local: str
    peer: str
    digest: int
    load: Load

    @property
    def way(self) -> tuple[str, str]:
        """From where to where."""
        return (self.local, self.peer) if self.sent else (self.peer, self.local)


def of_journal(journal: Journal) -> Iterator[bytes]:
    """The capture of what a journal has in memory, in pieces."""
    entries = ((entry, partial(same, entry.event)) for entry in journal.recent())
    return capture(entries, Clock(journal.started, journal.started_at))


def of_file(path: Path) -> Iterator[bytes]:
    """The capture of a journal's file, in pieces; a last line that is cut short is left out.

    Raises OSError when the file cannot be read and ValueError when it is not a journal.
    """
    with path.open("rb") as file:
        try:
            clock = msgspec.json.decode(file.readline(), type=Clock)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}: not a journal: {error}") from None
        yield from capture(read(file), clock)


def capture(entries: Iterable[tuple[Entry, Load]], clock: Clock) -> Iterator[bytes]:
    """The file, piece by piece."""
    yield FILE_HEADER
    streams: dict[frozenset[str], Stream] = {}
    for number, one in enumerate(once(located(entries))):
        source, target = one.way
        ends = address(source) or nobody(), address(target) or nobody()
        payload, at = message_bytes(one.load().text), clock.time_of_day(one.at)
        if one.transport.startswith("udp"):
            yield record(at, datagram(*ends, payload, number))
            continue
        stream = streams.setdefault(frozenset((source, target)), Stream())
        for packet in stream.packets(*ends, payload, number):
            yield record(at, packet)


def read(file: BinaryIO) -> Iterator[tuple[Entry, Load]]:
    """The entries that matter here; of a message, how to read it again."""
    decoder = msgspec.json.Decoder(Entry)
    while line := file.readline():
        if b'"Sip' not in line and b'"AgentReady"' not in line:
            continue
        start = file.tell() - len(line)
        try:
            entry = decoder.decode(line)
        except msgspec.DecodeError:
            continue
        yield entry, partial(again, file, start, decoder)


def again(file: BinaryIO, start: int, decoder: msgspec.json.Decoder[Entry]) -> SipSent | SipReceived:
    """The message that stands there."""
    file.seek(start)
    return same(decoder.decode(file.readline()).event)


def same(event: object) -> SipSent | SipReceived:
    """The event, known to be a message."""
    assert isinstance(event, SipSent | SipReceived)
    return event


def located(entries: Iterable[tuple[Entry, Load]]) -> list[Seen]:
    """The messages in the order of time, each with its own end where any message tells it."""
    found: list[Seen] = []
    own: dict[tuple[str, str, str], str] = {}
    listening: dict[tuple[str, str], str] = {}
    for entry, load in entries:
        event, name = entry.event, entry.endpoint
        if isinstance(event, AgentReady):
            for one in event.listeners:
                listening.setdefault((name, one.transport), f"{one.host}:{one.port}")
        elif isinstance(event, SipSent | SipReceived):
            sent, local = isinstance(event, SipSent), event.local
            if local:
                own.setdefault((name, event.transport, event.peer), local)
            found.append(
                Seen(event.at, sent, name, event.transport, local, event.peer, hash(event.text), load)
            )
    for seen in found:
        if not seen.local:
            known = own.get((seen.endpoint, seen.transport, seen.peer))
            seen.local = known or listening.get((seen.endpoint, seen.transport), UNKNOWN)
    return sorted(found, key=lambda seen: seen.at)


def once(messages: Iterable[Seen]) -> Iterator[Seen]:
    """Without the arrivals of what another endpoint of the run sent."""
    flying: OrderedDict[tuple[str, tuple[str, str], int], list[str]] = OrderedDict()
    for one in messages:
        packet = (one.transport, one.way, one.digest)
        if one.sent:
            flying.setdefault(packet, []).append(one.endpoint)
            if len(flying) > IN_FLIGHT:
                flying.popitem(last=False)
        elif flying.get(packet):
            flying[packet].pop(0)
            continue
        yield one


def nobody() -> Address:
    """An end that is not known."""
    end = address(UNKNOWN)
    assert end is not None
    return end


def message_bytes(text: str) -> bytes:
    """The message as it was on the wire, but for its secrets."""
    content = text.encode("utf-8", "backslashreplace")
    gap = END_OF_HEAD.search(content)
    if gap is None or REDACTED.encode() not in content[gap.end() :]:
        return content
    body = KEY.sub(placeholder, content[gap.end() :])
    head = CONTENT_LENGTH.sub(rb"\g<1>" + str(len(body)).encode(), content[: gap.start()], count=1)
    return head + gap[0] + body


def placeholder(line: re.Match[bytes]) -> bytes:
    """A crypto attribute with something in it that reads as a key."""
    size = next((size for name, size in KEY_BYTES.items() if line[2].upper().startswith(name)), 30)
    return line[1] + REDACTED.encode() * math.ceil(size / BYTES_IN_WORD)
