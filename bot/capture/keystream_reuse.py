"""Detection of key stream reuse: same key, SSRC and index with other bytes (RFC 3711 section 9.1).

It stores four bytes per packet for a bounded number of packets, and handles no streams or calls.
"""

from __future__ import annotations

from array import array
from enum import Enum
from zlib import crc32

from media.rtp.srtp import SrtpKey

__all__ = ["KeyStreams", "Use"]

PAGE_BITS = 8
MOST_PAGES = 1 << 16
"""Maximum number of blocks of 256 packets (1 KB each): the last sixteen million packets."""
_EMPTY = array("I", bytes(4 << PAGE_BITS))


class Use(Enum):
    """The earlier use of a packet index."""

    NEW = "new"
    SAME = "same"
    """The same bytes: a duplicate or a replay."""
    OTHER = "other"
    """Other bytes: a two-time pad."""


_NEW = Use.NEW  # looked up once; access to a member of an enumeration is slow


class KeyStreams:
    """Every use of a key in a capture, in both directions."""

    def __init__(self) -> None:
        """Create an empty record."""
        self._ids: dict[tuple[bytes, bytes, int], int] = {}
        self._pages: dict[tuple[int, int], array[int]] = {}

    def identity(self, key: SrtpKey, ssrc: int) -> int:
        """A number for the key stream; suites that differ only in the tag length share the key stream."""
        return self._ids.setdefault((key.master_key, key.master_salt, ssrc), len(self._ids))

    def use(self, identity: int, index: int, packet: bytes) -> Use:
        """The use of the index before this packet."""
        where = identity, index >> PAGE_BITS
        page = self._pages.get(where)
        if page is None:
            page = self._pages[where] = _EMPTY[:]
            if len(self._pages) > MOST_PAGES:
                del self._pages[next(iter(self._pages))]
        place = index & ((1 << PAGE_BITS) - 1)
        seen, check = page[place], crc32(packet) or 1
        page[place] = check
        if seen == 0:
            return _NEW
        return Use.SAME if seen == check else Use.OTHER
