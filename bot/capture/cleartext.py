"""Distinguishes plain RTP from SRTP with an unknown key, by payload lengths and payload bytes.

Ciphertext looks like random bytes. An authentication tag of 4, 8, 10 or 16 bytes follows it (RFC 4568, RFC
7714).
"""

from __future__ import annotations

__all__ = ["PlainOrNot", "looks_plain", "was_plain"]

_TAGS = (4, 8, 10, 16)
_FRAMES = {
    "PCMU": 40,
    "PCMA": 40,
    "G722": 40,
    "G726-32": 20,
    "G726-16": 10,
    "GSM": 33,
    "G728": 5,
    "L16": 80,
    "ILBC": 38,
}
"""Bytes of the shortest codec frame; a packet holds a whole number of frames."""
_EVENT, _NOISE = 4, 1  # bytes of a telephone-event (RFC 4733) and of comfort noise (RFC 3389)
_WINDOW = 64
_LEAST = 16
_TELLING = 80
_PLAINER = 0.8
_VARIED = 0.7
"""64 random first bytes have about 56 different values; the first bytes of codec frames have fewer."""


def looks_plain(codec: str | None, size: int) -> bool | None:
    """Whether a payload of ``size`` bytes is plain; None when the length does not decide."""
    if size < min(_TAGS):
        return True
    name = (codec or "").upper()
    if name == "TELEPHONE-EVENT":
        return _of_events(size)
    if name == "CN":
        return True if size == _NOISE else None  # coefficients may follow the level
    frame = _FRAMES.get(name)
    if frame is None or frame <= min(_TAGS) or frame in _TAGS:
        return None
    rest = size % frame
    if rest == 0:
        return True
    return False if rest in {tag % frame for tag in _TAGS} else None


def was_plain(payload: bytes, decrypted: bytes) -> bool:
    """Whether a payload without a tag was plain: "decryption" of plain audio yields random bytes.

    160 random bytes have about 119 different values, usually plus or minus 6.
    """
    return len(payload) >= _TELLING and len(set(payload)) < _PLAINER * len(set(decrypted))


def _of_events(size: int) -> bool | None:
    """Whether a payload is telephone-events (RFC 4733).

    One packet may hold several events (section 2.5.1.5). An authentication tag may have the length of two
    events.
    """
    if size == _EVENT:
        return True
    return False if size % _EVENT == 10 % _EVENT else None


class PlainOrNot:
    """Counts packets as plain or protected, by length, or by the variety of the first bytes."""

    def __init__(self, *, doubt_is_plain: bool = True, said_plain: bool = False) -> None:
        """``doubt_is_plain``: result for too few packets; ``said_plain``: whether SDP declares plain RTP."""
        self._said_plain = said_plain
        self._doubt_is_plain = doubt_is_plain
        self.plain = 0
        self.protected = 0
        self._first_bytes: set[int] = set()
        self._undecided = 0

    def add(self, codec: str | None, payload: bytes) -> bool | None:
        """Add the payload of a packet that no key opens.

        Returns whether it is plain; None when later packets must decide.
        """
        plain = self._said_plain or looks_plain(codec, len(payload))
        if plain is None:
            self._undecided += 1
            self._first_bytes.add(payload[0])
            if self._undecided == _WINDOW:
                self.conclude()
        elif plain:
            self.plain += 1
        else:
            self.protected += 1
        return plain

    def conclude(self) -> None:
        """Decide about the undecided packets; few packets get the same result as the decided ones."""
        if self._undecided >= _LEAST:
            varied = len(self._first_bytes) > _VARIED * self._undecided
        elif self.plain == self.protected:
            varied = not self._doubt_is_plain
        else:
            varied = self.protected > self.plain
        if varied:
            self.protected += self._undecided
        else:
            self.plain += self._undecided
        self._undecided = 0
        self._first_bytes.clear()
