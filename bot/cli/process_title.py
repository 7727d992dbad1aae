"""Secrets that stay in /proc: the arguments and the environment that this process was started with (Linux).

Every user of a machine can read the arguments of a process (``ps``), and root the environment. The kernel
shows the memory where it put them, so secrets are overwritten there. Python has its own copies by then.
Between the start of the process and this moment they can be seen: ``--password-file`` and a file of
settings show them never.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["hide_secrets"]

OPTIONS = (b"--password", b"--pin", b"--key")
NAMES = re.compile(rb"(?i)passw|passphrase|secret|token|credential|pwd|(?:^|_)(?:pw|pin|keys?)$")
PASSWORD_OF_URI = re.compile(rb"(?i)(sips?:[^\s:@]*:)([^\s@]+)(?=@)")
FIRST_FIELD = 45
"""Of arg_start in /proc/self/stat after the name; arg_end, env_start and env_end follow, proc(5)."""


def hide_secrets() -> None:
    """Overwrite the secrets with ``*``; does nothing without /proc."""
    try:
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        places = [int(field) for field in fields[FIRST_FIELD : FIRST_FIELD + 4]]
    except (OSError, ValueError):
        return
    if sys.platform != "linux" or len(places) != 4:
        return
    overwrite(places[0], places[1], hidden_arguments)
    overwrite(places[2], places[3], hidden_environment)


def overwrite(start: int, end: int, hidden: Callable[[Sequence[bytes]], list[bytes]]) -> None:
    """Replace the NUL-separated words between two addresses."""
    if 0 < start < end:
        words = ctypes.string_at(start, end - start).split(b"\0")
        ctypes.memmove(start, b"\0".join(hidden(words)), end - start)


def hidden_arguments(words: Sequence[bytes]) -> list[bytes]:
    """The arguments without secrets, each with its old length."""
    hidden: list[bytes] = []
    for before, word in zip([b"", *words], words, strict=False):
        option, equals, value = word.partition(b"=")
        if before in OPTIONS:
            hidden.append(masked(word))
        elif equals and option in OPTIONS:
            hidden.append(option + equals + masked(value))
        else:
            hidden.append(PASSWORD_OF_URI.sub(lambda found: found[1] + masked(found[2]), word))
    return hidden


def hidden_environment(words: Sequence[bytes]) -> list[bytes]:
    """The variables without secrets, each with its old length."""
    parts = [word.partition(b"=") for word in words]
    return [name + equals + (masked(value) if NAMES.search(name) else value) for name, equals, value in parts]


def masked(secret: bytes) -> bytes:
    """Asterisks of the same length."""
    return b"*" * len(secret)
