"""Finds a key stream that was used twice: same key, SSRC and index, other bytes (RFC 3711 section 9.1).

It remembers four bytes a packet, for a bounded number of packets, and knows nothing of streams or calls.
"""

from __future__ import annotations

from array import array
from zlib import crc32

from media.srtp import SrtpKey

__all__ = ["KeyStreams"]

PAGE_BITS = 8
MOST_PAGES = 1 << 16
"""Of 256 packets and a kilobyte each: the last sixteen million packets at most."""
_EMPTY = array("I", bytes(4 << PAGE_BITS))


class KeyStreams:
    """Every use of a key in a capture, whichever way the packet went."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._ids: dict[tuple[bytes, bytes, int], int] = {}
        self._pages: dict[tuple[int, int], array[int]] = {}

    def identity(self, key: SrtpKey, ssrc: int) -> int:
        """A number for the key stream: suites that differ in their tags only share it."""
        return self._ids.setdefault((key.master_key, key.master_salt, ssrc), len(self._ids))

    def is_reused(self, identity: int, index: int, packet: bytes) -> bool:
        """Whether another packet had this index before; the same bytes again are a duplicate only."""
        where = identity, index >> PAGE_BITS
        page = self._pages.get(where)
        if page is None:
            page = self._pages[where] = _EMPTY[:]
            if len(self._pages) > MOST_PAGES:
                del self._pages[next(iter(self._pages))]
        place = index & ((1 << PAGE_BITS) - 1)
        seen, page[place] = page[place], crc32(packet) or 1
        return seen not in (0, page[place])
