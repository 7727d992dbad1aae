"""Detection of a peer that uses our master key; RFC 3711 section 9.1 forbids one key for both directions.

Each key belongs to the sender of its SDP: the From tag of a request, the To tag of a response. Only hashes of
the keys of recent calls are stored: Python's own, which is keyed (PEP 456). ``hashlib`` would load a second
OpenSSL into each agent, 3 MB of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict

from bot.agent.header_lines import CALL_ID

__all__ = ["SharedKeys"]

MOST_CALLS = 1_000
MOST_KEYS = 64
MASTER_KEY = 16  # bytes of the shortest; of a longer one they are enough to know it again
INLINE = re.compile(r"inline:([A-Za-z0-9+/]+)", re.IGNORECASE)
SIDES = {
    True: re.compile(r"\n(?:From|f)[ \t]*:[^\r\n]*;[ \t]*tag=([^;\s]+)", re.IGNORECASE),
    False: re.compile(r"\n(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag=([^;\s]+)", re.IGNORECASE),
}
"""The tag of the sender of a request, and of the sender of a response."""


class SharedKeys:
    """Sees each message with its keys, in the order of the wire."""

    def __init__(self) -> None:
        """Begin with no calls."""
        self._ours: OrderedDict[str, dict[int, str]] = OrderedDict()

    def is_ours(self, text: str, *, sent: bool) -> bool:
        """Whether a received message describes a key that we described in the same call."""
        keys = [hashed(one) for one in INLINE.findall(text)] if "inline:" in text.lower() else []
        call_id = CALL_ID.search(text) if keys else None
        if call_id is None:
            return False
        side = SIDES[not text.startswith("SIP/2.0 ")].search(text)
        tag = side[1] if side else ""
        if sent:
            ours = self._ours.setdefault(call_id[1], {})
            self._ours.move_to_end(call_id[1])
            ours.update((key, tag) for key in keys[: max(0, MOST_KEYS - len(ours))])
            if len(self._ours) > MOST_CALLS:
                self._ours.popitem(last=False)
            return False
        ours = self._ours.get(call_id[1], {})
        # A call to oneself brings back what was sent, with our own tag.
        return tag not in ours.values() and any(key in ours for key in keys)


def hashed(encoded: str) -> int:
    """The hash of a master key."""
    try:
        material = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        material = encoded.encode()
    return hash(material[:MASTER_KEY])
