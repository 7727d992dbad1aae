"""The command as it was typed, for reports: without secrets."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence

from bot.cli.process_title import NAMES, OPTIONS
from bot.harmless import harmless
from bot.sip import REDACTED, redact

__all__ = ["command_line"]

LONGEST = 1000
SECRET_FIELD = re.compile(r"(?i)((?:proxy-)?authorization|.*(?:token|secret|passw|key|pin)[^:=]*)\s*[:=]")


def command_line(arguments: Sequence[str] | None = None) -> str:
    """The arguments of this process as a shell command, with the values of secrets replaced."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    shown = [shown_word(before, word) for before, word in zip(["", *words], words, strict=False)]
    return harmless(redact(shlex.join(["srtpbot", *shown])), LONGEST)


def shown_word(before: str, word: str) -> str:
    """A word of the command; ``before`` is the word before it."""
    options = [option.decode() for option in OPTIONS]
    option, equals, value = word.partition("=")
    if before in options:
        return REDACTED
    if equals and option in options:
        return f"{option}={REDACTED}"
    if before in {"--var", "--header", "--option"} and (found := SECRET_FIELD.match(word)):
        return f"{found[0]}{REDACTED}"
    if equals and option in {"--var", "--header", "--option"} and (found := SECRET_FIELD.match(value)):
        return f"{option}={found[0]}{REDACTED}"
    if before == "--var" and NAMES.search(option.encode()):
        return f"{option}={REDACTED}"
    return word
