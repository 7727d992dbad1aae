"""The SIP messages of a journal with their SRTP keys restored, in memory only (RFC 4568 section 9.1).

A capture cannot show messages inside TLS; the journal supplies their keys. This module restores the keys
that the journal redacted. It writes no file and reads no packets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.capture.sip_messages import JournalMessage
from bot.ipc import AgentReady, KeyNegotiated, SipReceived, SipSent
from bot.sip import REDACTED, Message
from bot.ua import Entry, Journal
from media.capture.reader import Address

__all__ = ["is_from_journal", "journal_messages"]

NOBODY = Address("0.0.0.0", 0)
CRYPTO = re.compile(
    r"(?P<before>^a=crypto:(?P<tag>[0-9]+)[ \t]+\S+[ \t]+inline:)" + re.escape(REDACTED),
    re.MULTILINE | re.IGNORECASE,
)


def is_from_journal(entry: Entry) -> bool:
    """Whether ``journal_messages`` needs this entry; messages over UDP are in the capture itself."""
    event = entry.event
    if isinstance(event, SipSent | SipReceived):
        return not event.transport.startswith("udp")
    return isinstance(event, KeyNegotiated | AgentReady)


def journal_messages(entries: Iterable[Entry], journal: Journal) -> Iterator[JournalMessage]:
    """Each message of the journal's entries, in order.

    The agent reports the keys of a message directly before the message, with the same time. A key that was
    not reported stays redacted.
    """
    entries = list(entries)
    ends = Ends(entries)
    keys: dict[str, list[KeyNegotiated]] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, KeyNegotiated):
            keys.setdefault(entry.endpoint, []).append(event)
        elif isinstance(event, SipSent | SipReceived):
            text = with_keys(event, keys.pop(entry.endpoint, []))
            own, peer = ends.own(entry.endpoint, event), address(event.peer)
            source, target = (own, peer) if isinstance(event, SipSent) else (peer, own)
            at = journal.started.timestamp() + journal.since_start(event)
            yield JournalMessage(at=at, source=source, target=target, text=text)


def with_keys(event: SipSent | SipReceived, keys: Iterable[KeyNegotiated]) -> str:
    """The text with the keys of this message in its a=crypto lines, matched by tag and order."""
    call_id = id_of(event.text)
    sent = isinstance(event, SipSent)
    left = [key for key in keys if (key.at, key.sent, key.sip_call_id) == (event.at, sent, call_id)]

    def filled(line: re.Match[str]) -> str:
        key = next((one for one in left if one.tag == int(line["tag"])), None)
        if key is None:
            return line[0]
        left.remove(key)
        return line["before"] + key.key

    return CRYPTO.sub(filled, event.text) if left else event.text


def id_of(text: str) -> str | None:
    """The Call-ID."""
    try:
        return Message.parse(text).call_id
    except ValueError:
        return None


class Ends:
    """Our own address for each message, known from any message of the same connection or listener."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._connected: dict[tuple[str, str, str], str] = {}
        self._listening: dict[tuple[str, str], str] = {}
        for entry in entries:
            event, name = entry.event, entry.endpoint
            if isinstance(event, AgentReady):
                for listener in event.listeners:
                    self._listening.setdefault((name, listener.transport), f"{listener.host}:{listener.port}")
            elif isinstance(event, SipSent | SipReceived) and event.local:
                self._connected.setdefault((name, event.transport, event.peer), event.local)

    def own(self, endpoint: str, event: SipSent | SipReceived) -> Address:
        """Our own address; an empty address if unknown."""
        connected = self._connected.get((endpoint, event.transport, event.peer))
        return address(event.local or connected or self._listening.get((endpoint, event.transport), ""))


def address(text: str) -> Address:
    """Parse ``host:port`` or ``[host]:port``; returns an empty address for any other text."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port)) if port.isdecimal() else NOBODY
