"""YAML file with the menus of the bot ``ivr``; error messages have file, line and key.

start: main
menus:
  main:
    prompt: welcome.wav          # file, relative to this file, or signal such as tone:440:0.5
    keys:
      "1": {play: news.wav}      # then repeat this menu
      "2": {goto: service}
      "9": {play: bye.wav, hangup: true}
  service:
    prompt: service.wav
    keys:
      "1": {record: 30}          # at most 30 seconds, or until #
      "*": {goto: main}
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from bot.audio_files import audio_at
from bot.config import did_you_mean
from bot.errors import ConfigError

__all__ = ["Action", "Menu", "Script", "load_script"]

KEYS = "0123456789*#ABCD"
_NAME = re.compile(r"[A-Za-z_]\w*")
LONGEST_RECORDING_S = 600.0


class Action(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Action of a key: play, then record, then go to a menu or hang up; otherwise repeat the menu."""

    play: str | None = None
    """File or signal to play."""
    record: float | None = None
    """Largest duration of a recording, in seconds; ``#`` ends it too."""
    goto: str | None = None
    """Name of the next menu."""
    hangup: bool = False
    """Whether the call ends."""

    @property
    def spoken(self) -> Path | None:
        """Path of the file to play."""
        return Path(self.play) if self.play is not None else None


class Menu(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Menu: a prompt and the actions of the keys."""

    prompt: str
    """File or signal to play."""
    keys: dict[str, Action]
    """Actions by key: 0 to 9, ``*``, ``#``, A to D."""
    invalid: str = "tone:220:0.5"
    """File or signal to play after a key without an action."""
    timeout: float = 10.0
    """Seconds to wait for a key after the prompt."""
    tries: int = 3
    """Number of prompts without a valid key before the call ends."""
    secret: bool = False
    """Whether the keys are part of a secret, for instance a PIN; logs and reports hide them."""

    @property
    def spoken(self) -> Path:
        """Path of the prompt."""
        return Path(self.prompt)

    @property
    def wrong(self) -> Path:
        """Path of the file to play after a key without an action."""
        return Path(self.invalid)


class Script(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Menus by name, and the first menu of a call."""

    menus: dict[str, Menu]
    """Menus by name."""
    start: str = "main"
    """Name of the first menu."""

    @property
    def has_secrets(self) -> bool:
        """Whether the script has a secret menu."""
        return any(menu.secret for menu in self.menus.values())

    @property
    def longest_recording(self) -> float:
        """Largest duration of a recording in seconds; 0 without recordings."""
        actions = (action for menu in self.menus.values() for action in menu.keys.values())
        return max((action.record or 0.0 for action in actions), default=0.0)


def load_script(path: str | os.PathLike[str]) -> Script:
    """Read the file and resolve its files and signals; raises ConfigError."""
    from bot.config.yaml_reader import load

    return load(path, Script, lambda script: resolved(script, Path(path).parent))


def resolved(script: Script, folder: Path) -> Script:
    """The script with absolute paths of its files and signals; raises ConfigError "key: ..."."""
    check_menu_name(script.start, script, "start")
    menus = {}
    for name, menu in script.menus.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"menus: {name!r} is not a valid name; expected letters, digits and _")
        check_menu(menu, f"menus.{name}")
        keys = {}
        for key, action in menu.keys.items():
            place = f"menus.{name}.keys.{key}" if key.isalnum() else f"menus.{name}.keys: {key}"
            check_action(action, place)
            if action.goto is not None:
                check_menu_name(action.goto, script, f"{place}.goto")
            spoken = audio_path(f"{place}.play", action.play, folder) if action.play is not None else None
            keys[key] = msgspec.structs.replace(action, play=spoken)
        menus[name] = msgspec.structs.replace(
            menu,
            keys=keys,
            prompt=audio_path(f"menus.{name}.prompt", menu.prompt, folder),
            invalid=audio_path(f"menus.{name}.invalid", menu.invalid, folder),
        )
    return msgspec.structs.replace(script, menus=menus)


def check_menu(menu: Menu, place: str) -> None:
    """Raise ConfigError for an invalid key, timeout or number of tries."""
    for key in menu.keys:
        if len(key) != 1 or key not in KEYS:
            raise ConfigError(f"{place}.keys: {key!r} is not a valid key; expected one of 0-9, *, # and A-D")
    if not 0.5 <= menu.timeout <= 300:
        raise ConfigError(f"{place}.timeout: expected 0.5 to 300 seconds, got {menu.timeout:g}")
    if not 1 <= menu.tries <= 20:
        raise ConfigError(f"{place}.tries: expected 1 to 20, got {menu.tries}")


def check_action(action: Action, place: str) -> None:
    """Raise ConfigError for an empty or contradictory action."""
    longest = LONGEST_RECORDING_S
    if action.play is None and action.record is None and action.goto is None and not action.hangup:
        raise ConfigError(f"{place}: has no action; expected play, record, goto or hangup: true")
    if action.goto is not None and action.hangup:
        raise ConfigError(f"{place}.goto: goto and hangup exclude each other; remove one")
    if action.record is not None and not 1 <= action.record <= longest:
        raise ConfigError(f"{place}.record: expected 1 to {longest:g} seconds, got {action.record:g}")


def check_menu_name(name: str, script: Script, place: str) -> None:
    """Raise ConfigError for the name of an unknown menu."""
    if name not in script.menus:
        near = did_you_mean(name, script.menus)
        raise ConfigError(
            f"{place}: unknown menu {name!r}; menus: {', '.join(script.menus) or 'none at all'}{near}"
        )


def audio_path(place: str, source: str, folder: Path) -> str:
    """The absolute path of a file, or of the file of a signal; raises ConfigError."""
    return str(audio_at(place, source, folder).absolute())
