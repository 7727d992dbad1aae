"""Python objects whose addresses the library uses until its end; Python must not free them."""

from __future__ import annotations

__all__ = ["keep"]

_kept: list[object] = []


def keep(*objects: object) -> None:
    """Keep these objects until the process ends, whatever happens to their owner."""
    _kept.extend(objects)
