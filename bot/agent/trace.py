"""The library's log as events: SIP messages whole, other lines to standard error, keys redacted.

The log is the only place where the library shows every message, the ACK included, so it is
listened to at level 4 or more.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.addresses import Addresses
from bot.events import KeyNegotiated, SipReceived, SipSent, Wired
from bot.sip import redact

__all__ = ["Trace"]

SIP_LINE = re.compile(r"(TX|RX) \d+ bytes .* (?:to|from) (\w+) (\S+):\n")
END_OF_MESSAGE = "\n--end msg--"
INLINE_KEY = re.compile(
    r"^a=crypto:(\d+)[ \t]+(\S+)[ \t]+inline:([A-Za-z0-9+/=]+)", re.MULTILINE | re.IGNORECASE
)
CALL_ID = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
LOGGED_ALWAYS = 3


class Trace(pj.LogWriter):
    """Sorts the library's lines; called on the pumping thread."""

    def __init__(self, emit: Callable[[Wired], None], log_level: int, keep_keys: bool) -> None:
        super().__init__()
        self._emit = emit
        self._written_level = log_level if log_level > 4 else LOGGED_ALWAYS
        self._keep_keys = keep_keys
        self._addresses = Addresses()
        self.last_received = ""
        """The SIP message that the library is dealing with, unredacted."""
        self.last_sent = ""
        """The last SIP message that left."""

    def write(self, entry: pj.LogEntry) -> None:
        """Take one line, or one message; an error here would be swallowed, so it goes to the log."""
        try:
            self._sort(entry.level, printable(entry.msg))
        except Exception as error:
            write_line(f"trace failed: {type(error).__name__}: {error}")

    def _sort(self, level: int, text: str) -> None:
        start = SIP_LINE.search(text) if "bytes" in text else None
        if start is not None:
            self._message(start, text[start.end() :].removesuffix("\n").removesuffix(END_OF_MESSAGE))
        elif level <= self._written_level:
            write_line(redact(text.rstrip("\n")))

    def _message(self, start: re.Match[str], text: str) -> None:
        way, transport, peer = start.groups()
        now = time.monotonic()
        event = SipSent if way == "TX" else SipReceived
        if way == "RX":
            self.last_received = text
        else:
            self.last_sent = text
        if self._keep_keys:
            self._keys(now, way == "TX", text)
        transport = transport.lower()
        local = self._addresses.local(transport, peer)
        self._emit(event(at=now, transport=transport, peer=peer, local=local, text=redact(text)))

    def _keys(self, now: float, sent: bool, text: str) -> None:
        call_id = CALL_ID.search(text)
        if call_id is None:
            return
        for tag, suite, key in INLINE_KEY.findall(text):
            self._emit(
                KeyNegotiated(at=now, sip_call_id=call_id[1], sent=sent, tag=int(tag), suite=suite, key=key)
            )


def printable(text: str) -> str:
    """What the peer sent may not be UTF-8; the library's bindings then hand over lone surrogates."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def write_line(text: str) -> None:
    """To standard error at once, since the next thing may be an abort; to nobody once the parent is dead."""
    with contextlib.suppress(OSError):
        os.write(2, (text + "\n").encode("utf-8", "replace"))
