"""Bots of a scenario's endpoints, with paths relative to the scenario and to the folder of the result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.audio_files import audio_at
from bot.bots import bot
from bot.errors import ConfigError
from bot.ua import Controller

__all__ = ["check_bot", "made"]

AUDIO_OPTIONS = ("play", "greeting")
"""Options with a file or a signal to play."""
OUTPUT_OPTIONS = ("messages", "record")
"""Options with a file or a folder that the bot writes."""


def made(role: str, options: Mapping[str, Any], folder: str, target: Path) -> Controller:
    """The bot ``role``; it reads files relative to ``folder`` and writes files to ``target``."""
    resolved = dict(options)
    for name, value in options.items():
        if name in OUTPUT_OPTIONS and isinstance(value, str):
            resolved[name] = str(target / value)
        elif name in AUDIO_OPTIONS and isinstance(value, str):
            resolved[name] = str(audio_at(name, value, folder))
        elif isinstance(value, str) and value and Path(folder, value).is_file():
            resolved[name] = str(Path(folder, value))
    return bot(role, **resolved)


def check_bot(key: str, role: str, options: Mapping[str, Any], folder: str) -> None:
    """Raise ConfigError "KEY.options.x: ..." for an unknown bot, an unknown option or an invalid value."""
    try:
        bot(role)
    except ConfigError as error:
        if "unknown bot" in str(error):
            raise ConfigError(f"{key}.as: {error}") from None
    try:
        made(role, options, folder, Path())
    except ConfigError as error:
        keyed = re.match(r"\w+(\.\w+|\[[0-9]+\])*: ", str(error))
        raise ConfigError(f"{key}.options{'.' if keyed else ': '}{error}") from None
