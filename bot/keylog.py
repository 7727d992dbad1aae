"""The key log: one line for each inline key (RFC 4568 section 6.1) that an endpoint sent or received.

A line is ``CALL-ID sent|received TAG SUITE inline:KEY``. This module knows the format and nothing of calls.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ConfigError

__all__ = ["Log", "LoggedKey", "line", "read"]

LONGEST = 1024
MOST = 100_000
EXPECTED = "CALL-ID sent|received TAG SUITE inline:KEY"


@dataclass(frozen=True, slots=True)
class LoggedKey:
    """A key, what it is for, and which way its a=crypto line went."""

    call_id: str
    sent: bool
    tag: int
    suite: str
    key_params: str = field(repr=False)
    """``inline:KEY``, perhaps with ``|lifetime|MKI:length``."""
    line: int = field(default=0, compare=False)
    """Where it stands in the key log that it was read from; 0 when it was not."""


class Log:
    """A key log that is being written, for its owner's eyes only. Raises OSError when it cannot be made.

    What the file had before is gone, unless ``append`` goes on with one that is there. A write that fails
    is remembered in ``problem`` and ends the writing, not the calls.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.problem: str | None = None
        self._path = path
        how = os.O_APPEND if append else os.O_CREAT | os.O_TRUNC
        self._file = os.open(path, os.O_WRONLY | how | os.O_CLOEXEC, 0o600)
        if stat.S_ISREG(os.fstat(self._file).st_mode):
            os.fchmod(self._file, 0o600)  # also when it was there before

    def write(self, key: LoggedKey) -> None:
        """Add a key."""
        left = b"" if self.problem else line(key).encode()
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            self.problem = f"{self._path}: the key log is incomplete: {error.strerror}"

    def close(self) -> None:
        """Nothing more will come."""
        os.close(self._file)


def line(key: LoggedKey) -> str:
    """The line of a key, with its line break."""
    way = "sent" if key.sent else "received"
    return f"{key.call_id} {way} {key.tag} {key.suite} {key.key_params}\n"


def read(path: str | Path) -> list[LoggedKey]:
    """The keys of a key log; empty lines and those that begin with # say nothing.

    Raises ConfigError, which names the file and the line, when a line is something else; no key is in it.
    """
    keys: list[LoggedKey] = []
    try:
        with Path(path).open(encoding="utf-8", errors="backslashreplace") as file:
            for number, text in enumerate(iter(lambda: file.readline(LONGEST), ""), start=1):
                if text.strip() and not text.startswith("#"):
                    keys.append(_parsed(text, path, number))
                if len(keys) > MOST:
                    raise ConfigError(
                        f"{path}: has more than {MOST} keys; give the lines of these calls only"
                    )
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"{str(path)!r}: no file has such a name") from None
    return keys


def _parsed(text: str, path: str | Path, number: int) -> LoggedKey:
    where = f"{path}:{number}"
    words = text.rsplit(maxsplit=4)  # from the right: nothing but the Call-ID is the peer's to choose
    if len(words) != 5:
        raise ConfigError(f"{where}: has {len(words)} words; expected {EXPECTED}")
    call_id, way, tag, suite, key_params = words
    if way not in {"sent", "received"}:
        raise ConfigError(f"{where}: its second word is neither sent nor received; expected {EXPECTED}")
    if not re.fullmatch("[0-9]{1,9}", tag):
        raise ConfigError(f"{where}: its tag is not a number; expected {EXPECTED}")
    if not key_params.startswith("inline:"):
        raise ConfigError(f"{where}: its key does not begin with inline:; expected {EXPECTED}")
    return LoggedKey(call_id, way == "sent", int(tag), suite, key_params, number)
