"""The ready-made bots of a scenario: made before any call is, with their paths where a scenario has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.bots import bot
from bot.controller import Controller
from bot.errors import ConfigError

__all__ = ["check_bot", "made"]

WRITTEN = ("messages", "record")
"""Options that name what a bot writes; it goes to the folder of the result."""


def made(role: str, options: Mapping[str, Any], folder: str, target: Path) -> Controller:
    """The bot; files that it reads are beside the scenario, what it writes goes to ``target``."""
    placed = dict(options)
    for name, value in options.items():
        if name in WRITTEN and isinstance(value, str):
            placed[name] = str(target / value)
        elif isinstance(value, str) and value and Path(folder, value).is_file():
            placed[name] = str(Path(folder, value))
    return bot(role, **placed)


def check_bot(key: str, role: str, options: Mapping[str, Any], folder: str) -> None:
    """Raise ConfigError "KEY.options.x: ..." unless there is such a bot with such options."""
    try:
        bot(role)
    except ConfigError as error:
        if "ready-made bot" in str(error):
            raise ConfigError(f"{key}.as: {error}") from None
    try:
        made(role, options, folder, Path())
    except ConfigError as error:
        keyed = re.match(r"\w+(\.\w+|\[[0-9]+\])*: ", str(error))
        raise ConfigError(f"{key}.options{'.' if keyed else ': '}{error}") from None
