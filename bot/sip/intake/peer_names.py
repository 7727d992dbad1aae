"""The host names in a received message that the library would resolve."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

from bot.sip.intake.head import Head, read_head
from bot.sip.intake.refusal import Refusal

__all__ = ["PeerNames", "peer_names"]

TARGETS = (b"contact", b"record-route", b"route", b"service-route", b"refer-to")
"""The fields that say where later requests go (RFC 3261 12.1, 8.1.3.4, 10.3, RFC 3515, RFC 3608)."""
URI = re.compile(rb'sips?:(?:[^@<>"\s]*+@)?+([A-Za-z0-9_.-]++)', re.IGNORECASE)
MADDR = re.compile(rb";[ \t]*+maddr[ \t]*+=[ \t]*+([A-Za-z0-9_.-]++)", re.IGNORECASE)
CONNECTION = re.compile(
    rb"^(?:c=|a=rtcp:[ \t]*[0-9]{1,5}[ \t]+)IN[ \t]+IP[46][ \t]+([^ \t/\r\n]+)", re.IGNORECASE | re.MULTILINE
)
CANDIDATE = re.compile(rb"^a=candidate:(?:[^ \r\n]+ +){4}([^ \r\n]+)", re.MULTILINE)


class PeerNames(NamedTuple):
    """Names in lower case: of SIP URIs, of c= and a=rtcp lines, of ICE candidates."""

    signalling: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()
    candidates: frozenset[str] = frozenset()


def peer_names(data: bytes) -> PeerNames:
    """The host names of a message that was judged to be well-formed."""
    try:
        head = read_head(data)
    except Refusal:
        return PeerNames()
    fields = [value for name in TARGETS for value in head.fields.get(name, ())]
    hosts = [host for value in fields for pattern in (URI, MADDR) for host in pattern.findall(value)]
    hosts += MADDR.findall(top_via(head))
    body = head.body
    return PeerNames(
        names_among(hosts), names_among(CONNECTION.findall(body)), names_among(CANDIDATE.findall(body))
    )


def top_via(head: Head) -> bytes:
    """The Via that the response to a request follows (RFC 3261 18.2.2)."""
    return (head.first(b"via") or b"").partition(b",")[0] if head.method else b""


def names_among(hosts: list[bytes]) -> frozenset[str]:
    """The host names that are not IP addresses."""
    texts = {host.decode("ascii", "replace").lower().rstrip(".") for host in hosts}
    return frozenset(text for text in texts if text and not is_address(text))


@lru_cache(maxsize=1024)
def is_address(text: str) -> bool:
    """Whether this is a numeric IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
