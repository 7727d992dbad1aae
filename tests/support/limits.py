"""Limits that an endpoint reports."""

from __future__ import annotations

from bot import Endpoint
from bot.deadline import Deadline
from bot.ipc import LimitReached

__all__ = ["reached", "wait_for_limit"]


def reached(endpoint: Endpoint, rule: str) -> int:
    """How often a limit was reached, by the reports that have arrived."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return sum(event.count for event in events if isinstance(event, LimitReached) and event.rule == rule)


def wait_for_limit(endpoint: Endpoint, rule: str, count: int = 1, timeout: float = 5.0) -> int:
    """Wait until a limit was reached ``count`` times; returns how often it was.

    The peer may see what the endpoint did before the report of it arrives.
    """
    assert endpoint.wait_until(lambda: reached(endpoint, rule) >= count, Deadline(timeout)), rule
    return reached(endpoint, rule)
