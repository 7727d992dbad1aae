"""PIN of a mailbox: compared in constant time, locked after too many wrong PINs."""

from __future__ import annotations

import hmac
import re
import time

from bot.errors import ConfigError

__all__ = ["LONGEST", "Pin"]

LONGEST = 16
_DIGITS = re.compile(rf"[0-9]{{4,{LONGEST}}}")
WRONG_IN_A_ROW = 12
"""Number of wrong PINs in a row, over all calls; 12 guesses find a PIN of 4 digits once in 800 times."""
LOCKED_S = 600.0


class Pin:
    """PIN of 4 to 16 digits; after 12 wrong PINs in a row it accepts no PIN for ten minutes."""

    def __init__(self, digits: str) -> None:
        if not _DIGITS.fullmatch(digits):
            raise ConfigError(f"pin: expected 4 to {LONGEST} digits")  # without the secret value
        self._digits = digits.encode()
        self._wrong = 0
        self._locked_until = 0.0

    def __repr__(self) -> str:
        """The name without the digits."""
        return "Pin(***)"

    def accepts(self, dialled: str, now: float | None = None) -> bool:
        """Whether the digits are the PIN and the PIN is not locked; ``now`` is monotonic, in seconds."""
        now = time.monotonic() if now is None else now
        right = hmac.compare_digest(dialled.encode(), self._digits)
        if now < self._locked_until:
            return False
        self._wrong = 0 if right else self._wrong + 1
        if self._wrong >= WRONG_IN_A_ROW:
            self._wrong, self._locked_until = 0, now + LOCKED_S
        return right
