"""The SIP messages of a journal as a capture would have them: with their keys, in memory only.

What went over TLS no capture can read, so this is how its keys are known (RFC 4568 section 9.1). It puts
back what the journal has redacted, writes nothing, and knows no packet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.events import AgentReady, KeyNegotiated, SipReceived, SipSent
from bot.journal import Entry, Journal
from bot.pcap.messages import Told
from bot.sip import REDACTED, Message
from media.capture import Address

__all__ = ["is_told", "told"]

NOBODY = Address("0.0.0.0", 0)
CRYPTO = re.compile(
    r"(?P<before>^a=crypto:(?P<tag>[0-9]+)[ \t]+\S+[ \t]+inline:)" + re.escape(REDACTED),
    re.MULTILINE | re.IGNORECASE,
)


def is_told(entry: Entry) -> bool:
    """Whether ``told`` needs this entry; of UDP every message is in the capture itself."""
    event = entry.event
    if isinstance(event, SipSent | SipReceived):
        return not event.transport.startswith("udp")
    return isinstance(event, KeyNegotiated | AgentReady)


def told(entries: Iterable[Entry], journal: Journal) -> Iterator[Told]:
    """Each message of the entries, which are the journal's, in their order.

    The agent reports the keys of a message right before it, at the same time; a key that was not
    reported stays redacted.
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
            yield Told(at=at, source=source, target=target, text=text)


def with_keys(event: SipSent | SipReceived, keys: Iterable[KeyNegotiated]) -> str:
    """The text with the keys of this very message in their a=crypto lines, by their tags and in order."""
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
    """Our own address of each message, where any message of the connection or the listener tells it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._connected: dict[tuple[str, str, str], str] = {}
        self._listening: dict[tuple[str, str], str] = {}
        for entry in entries:
            event, name = entry.event, entry.endpoint
            if isinstance(event, AgentReady):
                for one in event.listeners:
                    self._listening.setdefault((name, one.transport), f"{one.host}:{one.port}")
            elif isinstance(event, SipSent | SipReceived) and event.local:
                self._connected.setdefault((name, event.transport, event.peer), event.local)

    def own(self, endpoint: str, event: SipSent | SipReceived) -> Address:
        """The address, or nobody's."""
        connected = self._connected.get((endpoint, event.transport, event.peer))
        return address(event.local or connected or self._listening.get((endpoint, event.transport), ""))


def address(text: str) -> Address:
    """What ``host:port`` or ``[host]:port`` says; nobody's when it says nothing."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port)) if port.isdecimal() else NOBODY
