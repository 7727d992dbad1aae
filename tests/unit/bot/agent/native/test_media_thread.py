"""Waits for the library's media thread: one that does not come is announced before the agent falls silent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot.agent.loop import SILENCE_S
from bot.agent.native import media_thread
from bot.agent.native.media_thread import PATIENCE_S, SOON_S, MediaThread


class Library:
    """An I/O queue whose thread never runs."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: 0


def thread(library: Library, told: list[float]) -> MediaThread:
    modules: Any = SimpleNamespace(c=library, pool=lambda: 0)
    return MediaThread(modules, told.append)


def test_a_thread_that_does_not_run_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_thread, "PATIENCE_S", 0.01)
    told: list[float] = []
    thread(Library(), told).catch_up()
    assert told == [0.01]


def test_the_silence_before_it_is_short() -> None:
    assert SOON_S < SILENCE_S < PATIENCE_S
