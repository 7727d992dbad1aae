"""A command that cannot be carried out, and whose fault that is."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):
    """Becomes a CommandFailed; ``kind`` is as there."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
