"""bot.bots: every name that ``srtpbot answer --as`` takes has its file."""

from __future__ import annotations

import importlib
import pkgutil

import bot.bots
from bot.controller import Controller


def test_every_name_has_a_controller() -> None:
    for name in bot.bots.NAMES:
        module = importlib.import_module(f"bot.bots.{name}")
        assert len(module.__all__) == 1
        assert issubclass(getattr(module, module.__all__[0]), Controller)


def test_every_file_has_a_name() -> None:
    files = {found.name for found in pkgutil.iter_modules(bot.bots.__path__)}
    assert files - {"answering"} == set(bot.bots.NAMES)
