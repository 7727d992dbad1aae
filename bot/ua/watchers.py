"""Who is told of every endpoint that starts: the pytest plugin, which reports those of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.ua.endpoint import Endpoint

__all__ = ["announce", "watching"]

Watcher = Callable[["Endpoint"], None]
_watchers: list[Watcher] = []


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Call ``watcher`` with every endpoint that starts within the block, before its agent does."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def announce(endpoint: Endpoint) -> None:
    """Tell the watchers."""
    for watcher in list(_watchers):
        watcher(endpoint)
