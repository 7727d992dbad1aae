"""The menus of an IVR as a YAML file; errors name file, line and key.

start: main
menus:
  main:
    prompt: welcome.wav          # a file beside this one, or a signal such as tone:440:0.5
    keys:
      "1": {play: news.wav}      # then this menu again
      "2": {goto: service}
      "9": {play: bye.wav, hangup: true}
  service:
    prompt: service.wav
    keys:
      "1": {record: 30}          # seconds, or until #
      "*": {goto: main}
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from bot.bots.sounds import sound
from bot.document import did_you_mean
from bot.errors import ConfigError

__all__ = ["Action", "Menu", "Script", "load_script"]

KEYS = "0123456789*#ABCD"
_NAME = re.compile(r"[A-Za-z_]\w*")
LONGEST_RECORDING_S = 600.0


class Action(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a key does: play, then record, then go to a menu or hang up; else the same menu comes again."""

    play: str | None = None
    record: float | None = None
    goto: str | None = None
    hangup: bool = False

    @property
    def spoken(self) -> Path | None:
        """What it plays, as a file."""
        return Path(self.play) if self.play is not None else None


class Menu(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A prompt and what the keys do; after ``timeout`` seconds without one, ``tries`` times, it hangs up."""

    prompt: str
    keys: dict[str, Action]
    invalid: str = "tone:220:0.5"
    """What a key plays that does nothing."""
    timeout: float = 10.0
    tries: int = 3

    @property
    def spoken(self) -> Path:
        """The prompt, as a file."""
        return Path(self.prompt)

    @property
    def wrong(self) -> Path:
        """What a key plays that does nothing, as a file."""
        return Path(self.invalid)


class Script(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Every menu, and the one that a call begins with."""

    menus: dict[str, Menu]
    start: str = "main"

    @property
    def longest_recording(self) -> float:
        """In seconds; 0 when nothing is recorded."""
        return max(
            (one.record or 0.0 for menu in self.menus.values() for one in menu.keys.values()), default=0.0
        )


def load_script(path: str | os.PathLike[str]) -> Script:
    """Read the file, and find every file and make every signal that it names; raises ConfigError."""
    from bot.document import load

    return load(path, Script, lambda script: resolved(script, Path(path).parent))


def resolved(script: Script, folder: Path) -> Script:
    """With files in place of what is written; raises ConfigError "key: what is wrong"."""
    known(script.start, script, "start")
    menus = {}
    for name, menu in script.menus.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"menus: {name!r} is no name; expected letters, digits and _")
        check_menu(menu, f"menus.{name}")
        keys = {}
        for key, action in menu.keys.items():
            place = f"menus.{name}.keys.{key}" if key.isalnum() else f"menus.{name}.keys: {key}"
            check_action(action, place)
            if action.goto is not None:
                known(action.goto, script, f"{place}.goto")
            spoken = found(action.play, folder, f"{place}.play") if action.play is not None else None
            keys[key] = msgspec.structs.replace(action, play=spoken)
        menus[name] = msgspec.structs.replace(
            menu,
            keys=keys,
            prompt=found(menu.prompt, folder, f"menus.{name}.prompt"),
            invalid=found(menu.invalid, folder, f"menus.{name}.invalid"),
        )
    return msgspec.structs.replace(script, menus=menus)


def check_menu(menu: Menu, place: str) -> None:
    """Raise ConfigError for what cannot be meant."""
    for key in menu.keys:
        if len(key) != 1 or key not in KEYS:
            raise ConfigError(f"{place}.keys: {key!r} is no key; expected one of 0-9, *, # and A-D")
    if not 0.5 <= menu.timeout <= 300:
        raise ConfigError(f"{place}.timeout: expected 0.5 to 300 seconds, got {menu.timeout:g}")
    if not 1 <= menu.tries <= 20:
        raise ConfigError(f"{place}.tries: expected 1 to 20, got {menu.tries}")


def check_action(action: Action, place: str) -> None:
    """Raise ConfigError for what cannot be meant."""
    longest = LONGEST_RECORDING_S
    if action.play is None and action.record is None and action.goto is None and not action.hangup:
        raise ConfigError(f"{place}: does nothing; expected play, record, goto or hangup: true")
    if action.goto is not None and action.hangup:
        raise ConfigError(f"{place}.goto: a call that is hung up goes nowhere; leave one of them away")
    if action.record is not None and not 1 <= action.record <= longest:
        raise ConfigError(f"{place}.record: expected 1 to {longest:g} seconds, got {action.record:g}")


def known(name: str, script: Script, place: str) -> None:
    """Raise ConfigError when there is no menu of that name."""
    if name not in script.menus:
        near = did_you_mean(name, script.menus)
        raise ConfigError(
            f"{place}: there is no menu {name!r}: {', '.join(script.menus) or 'none at all'}{near}"
        )


def found(text: str, folder: Path, place: str) -> str:
    """The file, named or made; raises ConfigError."""
    try:
        return str(sound(text, folder).absolute())
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None
