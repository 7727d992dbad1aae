"""Base classes of the events from an agent to the parent: one frozen struct per fact, named by a participle.

``at`` is in seconds of the monotonic clock that parent and agent share (``time.monotonic``).
"""

from __future__ import annotations

import msgspec

__all__ = ["CallEvent", "Event"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The base of all events."""

    at: float


class CallEvent(Event, frozen=True, kw_only=True):
    """The base of the events of one call; ``call`` is the agent's number of the call, from 1."""

    call: int
