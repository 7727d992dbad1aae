"""Checks of the settings for how RTP is packed: packet length (ptime), telephone-events (RFC 4733)."""

from __future__ import annotations

from .settings import SettingError

__all__ = ["LIBRARYS_EVENTS", "LONGEST_MS", "check_event_type", "check_ptime"]

LIBRARYS_EVENTS = 120
"""The payload type that the library gives telephone-events."""
STEP_MS, LONGEST_MS = 10, 200
DYNAMIC = range(96, 128)
"""The payload types that an endpoint may give what it likes (RFC 3551 6)."""


def check_ptime(key: str, ms: int | None) -> None:
    """Refuse what no packet can last."""
    if ms is not None and (ms % STEP_MS or not STEP_MS <= ms <= LONGEST_MS):
        what = f"expected {STEP_MS} to {LONGEST_MS} ms in steps of {STEP_MS}, got {ms}"
        raise SettingError(key, what)


def check_event_type(key: str, number: int) -> None:
    """Refuse a payload type that is not for telephone-events."""
    if number and number not in DYNAMIC:
        what = f"expected 0 (none) or a dynamic payload type from 96 to 127, got {number}"
        raise SettingError(key, what)
