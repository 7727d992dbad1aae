"""Ready-made controllers for ``srtpbot answer --as NAME``; each is an example to write your own by."""

from __future__ import annotations

__all__ = ["NAMES"]

NAMES = ("parrot", "player", "reject", "ringer")
