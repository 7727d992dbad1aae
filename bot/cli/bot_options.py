"""Command line options of the bots."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import click

from bot.bots import options_of
from bot.cli.help import grouped
from bot.cli.options import PositiveSeconds, applied, given_audio
from bot.errors import ConfigError

__all__ = ["bot_options", "given_to", "role_option"]

Command = TypeVar("Command")
FILES = {"record", "messages", "menu"}
role_option = grouped("Bot")


def bot_options(command: Any) -> Any:
    """Add the options of the bots; the help text names the bots of an option, unless all bots have it."""
    seconds = PositiveSeconds
    options = [
        role_option("--answer-after", type=click.FloatRange(min=0), metavar="S",
                    help="Ring for S seconds before the answer.  [0; ringer: never answers]"),
        role_option("--early-media", is_flag=True, default=None, help="Ring with 183 and early media."),
        role_option("--record", metavar="FILE",
                    help="Record each call; the second call to FILE-2, and so on."),
        role_option("--code", type=click.IntRange(300, 699), metavar="N",
                    help="reject, redirect, ringer: status code of the final response.  [486, 302, 480]"),
        role_option("--reason", metavar="TEXT",
                    help="reject, redirect, ringer: its reason phrase.  [the standard one]"),
        role_option("--retry-after", type=click.IntRange(min=0), metavar="S",
                    help="reject: Retry-After header, in seconds."),
        role_option("--contact", multiple=True, metavar="URI",
                    help="redirect: target of the redirect; repeatable."),
        role_option("--give-up-after", type=seconds, metavar="S",
                    help="ringer: send the final response after S seconds."),
        role_option("--delay", type=seconds, metavar="S",
                    help="parrot: record S seconds, then play them back, in turn.  [echo at once]"),
        role_option("--play", metavar="FILE|SIGNAL",
                    help="player: file, or signal such as tone:440:2."),
        role_option("--loop", is_flag=True, default=None, help="player: repeat --play until the call ends."),
        role_option("--hz", type=click.IntRange(1, 3999), metavar="N",
                    help="tone: frequency in Hz.  [1004]"),
        role_option("--level", type=click.FloatRange(-90, 0), metavar="DBFS",
                    help="tone: level in dBFS.  [-3.17, which is 0 dBm0]"),
        role_option("--menu", metavar="FILE", help="ivr: menus, YAML."),
        role_option("--messages", metavar="DIR", help="machine, ivr: folder of the recorded messages."),
        role_option("--greeting", metavar="FILE|SIGNAL",
                    help="machine: greeting, a file or a signal.  [a spoken sentence]"),
        role_option("--pin", metavar="DIGITS", envvar="SRTPBOT_PIN",
                    help="machine: PIN for message retrieval (* during the greeting, PIN, #; then 1 next, "
                    "2 again, 3 delete, 9 end); other users of this machine cannot see it in SRTPBOT_PIN."),
        role_option("--silence", type=seconds, metavar="S",
                    help="machine: silence that ends a message, in seconds.  [5]"),
        role_option("--limit", type=seconds, metavar="S",
                    help="machine: maximum length of a message, in seconds.  [120]"),
        role_option("--max-messages", type=click.IntRange(min=1), metavar="N",
                    help="machine, ivr: maximum number of stored messages.  [100]"),
        role_option("--max-bytes", type=click.IntRange(min=1), metavar="N",
                    help="machine, ivr: maximum size of all stored messages, in bytes.  [200000000]"),
    ]  # fmt: skip
    return applied(command, options)


def given_to(role: str, options: dict[str, Any]) -> dict[str, Any]:
    """Move the bot options out of ``options``; raises ConfigError for an option of another bot."""
    accepted = options_of(role)
    given: dict[str, Any] = {}
    for name in options_of("auto"):
        value = options.pop(name)
        if value is None or value == ():
            continue
        if name in accepted:
            given[name] = Path(value) if name in FILES else value
        elif name != "pin":  # which may be in the environment for another bot
            raise ConfigError(f"--{name.replace('_', '-')}: {role} has no such option")
    if "play" in given:
        given_audio("--play", given["play"])
    for name, (_, default) in accepted.items():
        if default is ... and name not in given:
            raise ConfigError(f"--as {role} needs --{name}")
    return given
