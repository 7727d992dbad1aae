"""Peers of a load, and the records of its calls."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.bots.parrot import Parrot
from bot.fleet import Fleet
from bot.ua import Controller
from tests.support.starting import LOOPBACK

__all__ = ["END_S", "NewPeer", "peer", "rows"]

NewPeer = Callable[..., list[str]]
END_S = 100.0
"""A loaded machine starts agents slowly; a wait proves no speed."""


@pytest.fixture
def peer() -> Iterator[NewPeer]:
    """Start agents that answer as their controller says; returns their URIs."""
    with ExitStack() as started:

        def start(
            controller: Callable[[], Controller] = Parrot, *, calls: int = 4, **settings: Any
        ) -> list[str]:
            given = {"bind": LOOPBACK, "codecs": ["PCMA"], "srtp": "mandatory", **settings}
            fleet = Fleet(name=f"peer{len(given)}", calls=calls, controller=controller, **given)
            return started.enter_context(fleet).uris

        yield start


def rows(out: Path) -> list[dict[str, str]]:
    """The records of the calls, by number."""
    with (out / "calls.csv").open(newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["number"]))
