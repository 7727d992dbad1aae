"""Endpoints whose agents are fakes; each is closed at the end of its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.ua.endpoint import Endpoint
from tests.support.fakes import FakeDriver, Rig, WatchedJournal


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> list[FakeDriver]:
    """Every driver that an endpoint made, in order."""
    made: list[FakeDriver] = []

    def make(*arguments: Any) -> FakeDriver:
        made.append(FakeDriver(*arguments))
        return made[-1]

    monkeypatch.setattr("bot.ua.agent_process.Driver", make)
    return made


@pytest.fixture
def new_rig(
    drivers: list[FakeDriver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Rig]]:
    """Start an endpoint with any arguments of Endpoint."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ExitStack() as stack:

        def start(journal: WatchedJournal | None = None, **arguments: Any) -> Rig:
            watched = journal or WatchedJournal()
            endpoint = Endpoint(journal=watched, **arguments).start()
            stack.callback(endpoint.close)
            return Rig(endpoint, drivers[-1], watched)

        yield start


@pytest.fixture
def rig(new_rig: Callable[..., Rig]) -> Rig:
    """One endpoint with its settings as they are."""
    return new_rig()
