"""The transport addresses of an m= line: RTP, RTCP (RFC 3605) and ICE candidates (RFC 8839)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from bot.sip import SdpMedia
from media.capture.reader import Address

__all__ = ["media_addresses"]

_ANYWHERE = frozenset({"0.0.0.0", "::"})
_MOST_CANDIDATES = 32


def media_addresses(media: SdpMedia, host: str | None = None) -> Iterator[Address]:
    """Where RTP and RTCP are received (RFC 3605), with ICE candidates (RFC 8839 section 5.1).

    The result is empty for a rejected stream. A stream on hold has only its candidates. ``host`` replaces
    the host of the description; candidates are then left out.
    """
    if media.rejected or media.port > 65535:
        return
    if host is None:
        yield from _candidates(media)
    named = host or media.connection
    if not named or named in _ANYWHERE:
        return
    canonical = _canonical(named)
    yield Address(canonical, media.port)
    if not any(name == "rtcp-mux" for name, _ in media.attributes):
        port = media.rtcp_port or media.port + 1
        if port <= 65535:
            yield Address(canonical, port)


def _candidates(media: SdpMedia) -> Iterator[Address]:
    """``a=candidate:FOUNDATION COMPONENT UDP PRIORITY ADDRESS PORT typ TYPE``, and a=rtcp with an address."""
    candidates = [value.split() for name, value in media.attributes if name == "candidate"]
    named = [(words[4], words[5]) for words in candidates if len(words) >= 8 and words[2].upper() == "UDP"]
    rtcp = [value.split() for name, value in media.attributes if name == "rtcp"]
    named += [(words[3], words[0]) for words in rtcp if len(words) == 4]
    for host, port in named[:_MOST_CANDIDATES]:
        if port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) <= 65535:
            yield Address(_canonical(host), int(port))


def _canonical(host: str) -> str:
    """The shortest spelling of an IPv6 address, as packets have it."""
    try:
        return str(ipaddress.ip_address(host)) if ":" in host else host
    except ValueError:
        return host
