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
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import msgspec

from bot.ipc import AgentReady, SipReceived, SipSent
from bot.sip import REDACTED
from bot.ua import Entry, Journal, older_file
from media.capture.writer import FILE_HEADER, Address, Stream, address, datagram, record

__all__ = ["of_file", "of_journal"]

IN_FLIGHT = 1000
"""Largest number of sent messages that wait for their arrival at the other endpoint."""
CONTENT_LENGTH = re.compile(
    rb"^((?:Content-Length|l)[ \t]*:[ \t]*)[0-9]+(?=[ \t]*\r?$)", re.IGNORECASE | re.MULTILINE
)
KEY = re.compile(rb"(a=crypto:[0-9]+[ \t]+(\S+)[ \t]+inline:)" + re.escape(REDACTED.encode()), re.IGNORECASE)
KEY_BYTES = {b"AES_192": 38, b"AES_256": 46, b"AEAD_AES_128": 28, b"AEAD_AES_256": 44}
"""Master key and salt by crypto suite (RFC 6188, RFC 7714); all others have 30 bytes (RFC 4568)."""
BYTES_IN_WORD = 6
"""Length of REDACTED, without its brackets, as base64."""
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")

Load = Callable[[], str]
"""Reads the text of a message."""
NOBODY = Address("0.0.0.0", 0)
"""Address of an unknown end."""


class Clock(msgspec.Struct):
    """Fields of the first line of a journal file."""

    started: datetime
    monotonic: float

    def time_of_day(self, at: float) -> float:
        """Seconds since 1970."""
        return self.started.timestamp() + at - self.monotonic


@dataclass(slots=True)
class Seen:
    """Message of the journal; its text is read when the packet is written."""

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
        """Source and destination address."""
        return (self.local, self.peer) if self.sent else (self.peer, self.local)


def of_journal(journal: Journal) -> Iterator[bytes]:
    """The capture of a journal in memory, in pieces."""
    entries = ((entry, partial(text_of, entry.event)) for entry in journal.recent())
    return capture(entries, Clock(journal.started, journal.started_at))


def of_file(path: Path) -> Iterator[bytes]:
    """The capture of a journal file and its older part, in pieces; an incomplete last line is ignored.

    Raises OSError when the file cannot be read and ValueError when it is not a journal.
    """
    older = older_file(path)
    with ExitStack() as opened:
        files = [opened.enter_context(one.open("rb")) for one in (older, path) if one == path or one.exists()]
        try:
            clocks = [msgspec.json.decode(file.readline(), type=Clock) for file in files]
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}: not a journal: {error}") from None
        yield from capture(chain.from_iterable(map(read, files)), clocks[-1])


def capture(entries: Iterable[tuple[Entry, Load]], clock: Clock) -> Iterator[bytes]:
    """The pcap file, in pieces."""
    yield FILE_HEADER
    streams: dict[frozenset[str], Stream] = {}
    for number, message in enumerate(once(located(entries))):
        source, target = message.way
        ends = address(source) or NOBODY, address(target) or NOBODY
        payload, at = message_bytes(message.load()), clock.time_of_day(message.at)
        if message.transport.startswith("udp"):
            yield record(at, datagram(*ends, payload, number))
            continue
        stream = streams.setdefault(frozenset((source, target)), Stream())
        for packet in stream.packets(*ends, payload, number):
            yield record(at, packet)


def read(file: BinaryIO) -> Iterator[tuple[Entry, Load]]:
    """The entries with messages and addresses; for a message also the function that reads its text."""
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


def again(file: BinaryIO, start: int, decoder: msgspec.json.Decoder[Entry]) -> str:
    """The text of the message in the line at the offset."""
    file.seek(start)
    return text_of(decoder.decode(file.readline()).event)


def text_of(event: object) -> str:
    """The text of a message event; other events have no text."""
    return event.text if isinstance(event, SipSent | SipReceived) else ""


def located(entries: Iterable[tuple[Entry, Load]]) -> list[Seen]:
    """The messages in order of time, each with its local address if an event contains it."""
    found: list[Seen] = []
    own: dict[tuple[str, str, str], str] = {}
    listening: dict[tuple[str, str], str] = {}
    for entry, load in entries:
        event, name = entry.event, entry.endpoint
        if isinstance(event, AgentReady):
            for listener in event.listeners:
                listening.setdefault((name, listener.transport), f"{listener.host}:{listener.port}")
        elif isinstance(event, SipSent | SipReceived):
            sent, local = isinstance(event, SipSent), event.local
            if local:
                own.setdefault((name, event.transport, event.peer), local)
            found.append(
                Seen(event.at, sent, name, event.transport, local, event.peer, hash(event.text), load)
            )
    for seen in found:
        if not seen.local:
            connected = own.get((seen.endpoint, seen.transport, seen.peer))
            seen.local = connected or listening.get((seen.endpoint, seen.transport), str(NOBODY))
    return sorted(found, key=lambda seen: seen.at)


def once(messages: Iterable[Seen]) -> Iterator[Seen]:
    """The messages without the arrivals of messages that another endpoint of the run sent."""
    flying: OrderedDict[tuple[str, tuple[str, str], int], list[str]] = OrderedDict()
    for message in messages:
        packet = (message.transport, message.way, message.digest)
        if message.sent:
            flying.setdefault(packet, []).append(message.endpoint)
            if len(flying) > IN_FLIGHT:
                flying.popitem(last=False)
        elif flying.get(packet):
            flying[packet].pop(0)
            continue
        yield message


def message_bytes(text: str) -> bytes:
    """The message as on the wire, without its secrets."""
    content = text.encode("utf-8", "backslashreplace")
    gap = END_OF_HEAD.search(content)
    if gap is None or REDACTED.encode() not in content[gap.end() :]:
        return content
    body = KEY.sub(placeholder, content[gap.end() :])
    head = CONTENT_LENGTH.sub(rb"\g<1>" + str(len(body)).encode(), content[: gap.start()], count=1)
    return head + gap[0] + body


def placeholder(line: re.Match[bytes]) -> bytes:
    """A crypto attribute with a valid placeholder as its key."""
    size = next((size for name, size in KEY_BYTES.items() if line[2].upper().startswith(name)), 30)
    return line[1] + REDACTED.encode() * math.ceil(size / BYTES_IN_WORD)
