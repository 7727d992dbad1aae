"""Detection of a master key identifier (MKI, RFC 3711 3.1) in packets that are not authentic."""

from __future__ import annotations

__all__ = ["KeyIdentifier"]

ENOUGH = 4
"""Packets that must agree; a random byte of ciphertext or tag agrees once in 16 million."""
TAG_BYTES = 10, 4
"""Lengths of the authentication tags of RFC 3711 and RFC 4568."""


class KeyIdentifier:
    """Looks for constant bytes before the authentication tag.

    The tag itself differs from packet to packet.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._first = b""
        self._differing: set[int] = set()
        """Distances from the end at which the packets differ."""
        self.length = 0
        """Length of the MKI in bytes; 0 without MKI, or with too few packets to detect it."""

    def look_at(self, tail: bytes) -> None:
        """Process the last bytes of a packet."""
        self._first = self._first or tail
        pairs = zip(reversed(self._first), reversed(tail), strict=False)
        self._differing |= {place for place, (mine, other) in enumerate(pairs) if mine != other}
        self._seen += 1
        self.length = self._found() or self.length

    def _found(self) -> int:
        if self._seen < ENOUGH:
            return 0
        for tag in TAG_BYTES:
            if not set(range(tag)) - self._differing:  # constant bytes in place of the tag: plain silence
                end = tag
                while end < len(self._first) and end not in self._differing:
                    end += 1
                if end > tag:
                    return end - tag
        return 0
