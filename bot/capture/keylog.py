"""The SDES key log: one line for each inline key (RFC 4568 section 6.1) that an endpoint sent or received.

A line is ``CALL-ID sent|received TAG SUITE inline:KEY``. This module reads and writes the format and
handles no calls.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import ConfigError
from bot.files import create, refuse_link
from bot.harmless import harmless

__all__ = ["TLS", "Log", "LoggedKey", "is_tls", "line", "read"]

LONGEST = 1024
MOST = 100_000
EXPECTED = "CALL-ID sent|received TAG SUITE inline:KEY"
_TLS_LINE = re.compile(r"[A-Z][A-Z0-9_]{2,63} [0-9a-fA-F]{16,} [0-9a-fA-F]{32,}\s*")
TLS = (
    "is a TLS key log (NSS format, SSLKEYLOGFILE): it decrypts signalling and has no SRTP keys; show the SDP "
    "with: tshark -r CAPTURE -o tls.keylog_file:FILE -O sdp -Y sdp, and give the values of its a=crypto "
    "lines with --key-file"
)


@dataclass(frozen=True, slots=True)
class LoggedKey:
    """A key, its crypto suite, and the direction of its a=crypto line."""

    call_id: str
    sent: bool
    tag: int
    suite: str
    key_params: str = field(repr=False)
    """``inline:KEY``, perhaps with ``|lifetime|MKI:length``."""
    line: int = field(default=0, compare=False)
    """The line number in the key log; 0 when the key is not from a file."""


class Log:
    """A key log that is being written, readable for its owner only.

    A new log replaces the content of the file; ``append`` continues an existing file. A failed write is
    stored in ``problem``. It ends the log, not the calls. Raises OSError when the file cannot be created,
    NativeError when its name is a link.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.problem: str | None = None
        self._path = path
        if append:
            refuse_link(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        else:
            self._file = create(path)

    def write(self, key: LoggedKey) -> None:
        """Add a key."""
        left = b"" if self.problem else line(key).encode()
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            self.problem = f"{self._path}: the key log is incomplete: {error.strerror}"

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def line(key: LoggedKey) -> str:
    """The line of a key, with its line break."""
    way = "sent" if key.sent else "received"
    return f"{harmless(key.call_id)} {way} {key.tag} {key.suite} {key.key_params}\n"


def read(path: str | Path) -> list[LoggedKey]:
    """Read the keys of a key log; empty lines and lines that begin with # are skipped.

    Raises ConfigError for any other line. The error names the file and the line and contains no key.
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


def is_tls(text: str) -> bool:
    """Whether a line is one of a TLS key log, as NSS, OpenSSL and browsers write it (RFC 9850)."""
    return _TLS_LINE.fullmatch(text) is not None


def _parsed(text: str, path: str | Path, number: int) -> LoggedKey:
    where = f"{path}:{number}"
    if is_tls(text):
        raise ConfigError(f"{where}: {TLS}")
    words = text.rsplit(maxsplit=4)  # parsed from the right: only the Call-ID may contain any character
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
