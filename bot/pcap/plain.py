"""Tells plain RTP from SRTP whose key is not known, by the lengths and the bytes of payloads.

Ciphertext is not to be told from chance, and a tag of 4, 10 or 16 bytes follows it (RFC 4568, RFC 7714).
"""

from __future__ import annotations

__all__ = ["PlainOrNot", "looks_plain"]

_TAGS = (4, 10, 16)
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
"""Bytes of the shortest frame that packets hold a whole number of."""
_EVENT, _NOISE = 4, 1  # bytes of a telephone-event (RFC 4733) and of comfort noise (RFC 3389)
_WINDOW = 64
_LEAST = 16
_VARIED = 0.7
"""Of first bytes that are chance, 64 hold 56 different ones; those of a codec's frames are fewer."""


def looks_plain(codec: str | None, size: int) -> bool | None:
    """Whether a payload of ``size`` bytes is plain; None when its length does not tell."""
    if size < min(_TAGS):
        return True
    name = (codec or "").upper()
    if name in {"TELEPHONE-EVENT", "CN"}:
        whole = _EVENT if name != "CN" else _NOISE
        return size == whole if size - whole in (0, *_TAGS) else None
    frame = _FRAMES.get(name)
    if frame is None or frame <= min(_TAGS) or frame in _TAGS:
        return None
    rest = size % frame
    if rest == 0:
        return True
    return False if rest in {tag % frame for tag in _TAGS} else None


class PlainOrNot:
    """Counts packets as plain or protected; where lengths do not tell, by how varied the first bytes are."""

    def __init__(self, *, doubt_is_plain: bool = True) -> None:
        """``doubt_is_plain``: what packets are that are too few to tell."""
        self._doubt_is_plain = doubt_is_plain
        self.plain = 0
        self.protected = 0
        self._first_bytes: set[int] = set()
        self._undecided = 0

    def add(self, codec: str | None, payload: bytes) -> bool | None:
        """Take the payload of a packet that no key opens; whether it is plain, None when later ones tell."""
        plain = looks_plain(codec, len(payload))
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
        """Decide about the packets that are undecided yet, with what was decided before when they are few."""
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
