"""The options of the ready-made bots, and which of them a bot has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import click

from bot.bots import options_of
from bot.bots.sounds import sound
from bot.cli.options import PositiveSeconds, applied
from bot.errors import ConfigError

__all__ = ["bot_options", "given_to"]

Command = TypeVar("Command")
FILES = {"record", "messages", "menu"}


def bot_options(command: Any) -> Any:
    """What the bots can be told; each names those that it is for, when it is not for all that answer."""
    seconds = PositiveSeconds
    options = [
        click.option("--answer-after", type=click.FloatRange(min=0), metavar="S",
                     help="Ring this long before the answer.  [0; ringer: never]"),
        click.option("--early-media", is_flag=True, default=None, help="Ring with 183 and audio."),
        click.option("--record", metavar="FILE",
                     help="Record each call; the second one to FILE-2, and so on."),
        click.option("--code", type=click.IntRange(300, 699), metavar="N",
                     help="What reject, redirect or a ringer that gives up answers with.  [486, 302, 480]"),
        click.option("--reason", metavar="TEXT", help="Its reason phrase.  [the usual one]"),
        click.option("--retry-after", type=click.IntRange(min=0), metavar="S", help="reject: Retry-After."),
        click.option("--contact", multiple=True, metavar="URI",
                     help="redirect: where calls go; repeatable."),
        click.option("--give-up-after", type=seconds, metavar="S", help="ringer: refuse after this long."),
        click.option("--delay", type=seconds, metavar="S",
                     help="parrot: listen so long, repeat that, and so on."),
        click.option("--play", metavar="FILE", help="player: a file, or a signal such as tone:440:2."),
        click.option("--loop", is_flag=True, default=None, help="player: again and again."),
        click.option("--hz", type=click.IntRange(1, 3999), metavar="N", help="tone: its frequency.  [1004]"),
        click.option("--level", type=click.FloatRange(-90, 0), metavar="DBFS",
                     help="tone: its level.  [-3.17, that is 0 dBm0]"),
        click.option("--menu", metavar="FILE", help="ivr: its menus, YAML."),
        click.option("--messages", metavar="DIR", help="machine, ivr: where messages go."),
        click.option("--greeting", metavar="FILE", help="machine: a file or a signal.  [a sentence]"),
        click.option("--pin", metavar="DIGITS", envvar="SRTPBOT_PIN",
                     help="machine: * during the greeting, PIN and # give access to the messages "
                     "(1 next, 2 again, 3 delete, 9 end); better in SRTPBOT_PIN."),
        click.option("--silence", type=seconds, metavar="S", help="machine: ends a message.  [5]"),
        click.option("--limit", type=seconds, metavar="S", help="machine: ends a message.  [120]"),
        click.option("--max-messages", type=click.IntRange(min=1), metavar="N",
                     help="machine, ivr: no more than these.  [100]"),
        click.option("--max-bytes", type=click.IntRange(min=1), metavar="N",
                     help="machine, ivr: nor more than these.  [200000000]"),
    ]  # fmt: skip
    return applied(command, options)


def given_to(role: str, options: dict[str, Any]) -> dict[str, Any]:
    """Take the bots' options that were given out of ``options``; ConfigError for one that this bot lacks."""
    known = options_of(role)
    given: dict[str, Any] = {}
    for name in options_of("auto"):
        value = options.pop(name)
        if value is None or value == ():
            continue
        if name in known:
            given[name] = Path(value) if name in FILES else value
        elif name != "pin":  # which may be in the environment for another bot
            raise ConfigError(f"--{name.replace('_', '-')}: {role} has no such option")
    if "play" in given:
        given["play"] = named("--play", given["play"])
    for name, (_, default) in known.items():
        if default is ... and name not in given:
            raise ConfigError(f"--as {role} needs --{name}")
    return given


def named(option: str, text: str) -> Path:
    """A file or a signal, as a file."""
    try:
        return sound(text)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None
