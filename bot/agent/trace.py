"""The library's log as events: SIP messages whole, errors and warnings, keys redacted.

Other lines go to standard error, up to the level of the settings.

Only the log has every message, including ACK, so the level of the log is at least 4.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.addresses import Addresses
from bot.agent.header_lines import CALL_ID
from bot.agent.log import write_line
from bot.agent.native.message_bytes import Packets
from bot.agent.shared_keys import SharedKeys
from bot.ipc import KeyNegotiated, NativeLogged, SipReceived, SipSent, Wired
from bot.sip import REDACTED, redact

__all__ = ["Trace"]

SIP_LINE = re.compile(r"(TX|RX) (\d+) bytes .* (?:to|from) (\w+) (\S+):\n")
END_OF_MESSAGE = "\n--end msg--"
INLINE_KEY = re.compile(
    r"^a=crypto:(\d+)[ \t]+(\S+)[ \t]+inline:([A-Za-z0-9+/=]+)", re.MULTILINE | re.IGNORECASE
)
DIGIT = re.compile(r"((?:Received DTMF digit|Sending DTMF digit id|(?:sending|dialing) DTMF) )[^\s,]+")
"""Digits in the log may be secret; events report the other digits."""
KEYING_FAILED = re.compile(r"Call (\d+): Media \d+: SRTP negotiation completes: (?!Success)(.+)")
"""The only report of a failed DTLS handshake: the library writes the state into a copy of the media."""
SHOWS_MESSAGES = 4
"""The least level at which the library logs SIP messages."""
WARNING = 2
MESSAGE = b" bytes "
SLOW_HANDSHAKE, NEGOTIATED = "SSL timeout after", "SRTP negotiation"
"""Lines of any level that are looked at."""


class Trace(pj.LogWriter):
    """Sorts the library's lines; messages come on the pumping thread."""

    def __init__(
        self,
        emit: Callable[[Wired], None],
        soon: Callable[[Callable[[], None]], None],
        log_level: int,
        keep_keys: bool,
        complain: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__()
        self._emit = emit
        self._soon = soon
        self._written_level = log_level
        self._used = max(log_level, WARNING)
        """Other lines, of which each call has some hundred, are not even redacted."""
        self.level = max(log_level, SHOWS_MESSAGES)
        """The log level of the library."""
        self.wanted = self._used, (MESSAGE, SLOW_HANDSHAKE.encode(), NEGOTIATED.encode())
        """The level up to which lines are used, and words of which other used lines have one."""
        self.on_keying_failed: Callable[[int, str], None] = lambda call, reason: None
        """Called on the pumping thread with the library's number of a call whose DTLS handshake failed."""
        self._keep_keys = keep_keys
        self._complain = complain
        self._addresses = Addresses()
        self._shared_keys = SharedKeys()
        self.packets: Packets | None = None
        """Where whole messages are, once the library runs."""
        self.last_received = ""
        """The SIP message that the library is dealing with, unredacted."""
        self.last_sent = ""
        """The last SIP message that left."""
        self.on_sent: Callable[[str], None] = lambda text: None
        """Called with each message that leaves."""
        self.on_slow_handshake: Callable[[], None] = lambda: None
        """Called when a TLS handshake has taken too long and ends."""

    def write(self, entry: pj.LogEntry) -> None:
        """Take one line, or one message; an error here would be swallowed, so it goes to the log."""
        try:
            self._sort(entry.level, entry.msg)
        except Exception as error:
            write_line(f"trace failed: {type(error).__name__}: {error}")

    def _sort(self, level: int, text: str) -> None:
        start = SIP_LINE.search(text) if "bytes" in text else None
        if start is not None:
            self._message(start, text[start.end() :].removesuffix("\n").removesuffix(END_OF_MESSAGE))
            return
        if level > self._used and SLOW_HANDSHAKE not in text and NEGOTIATED not in text:
            return
        line = DIGIT.sub(rf"\g<1>{REDACTED}", redact(printable(text.rstrip("\n"))))
        if NEGOTIATED in line and (failed := KEYING_FAILED.search(line)):
            call, reason = int(failed[1]), failed[2]
            self._soon(lambda: self.on_keying_failed(call, reason))
        if level <= self._written_level:
            write_line(line)
        if SLOW_HANDSHAKE in line:
            self._soon(self.on_slow_handshake)
            return
        if level <= WARNING:
            self._complain(line)
        if 0 < level <= WARNING:  # some come on threads of the library's own
            logged = NativeLogged(at=time.monotonic(), level=level, text=line)
            self._soon(lambda: self._emit(logged))

    def _message(self, start: re.Match[str], text: str) -> None:
        way, length, transport, peer = start.groups()
        text = printable(self._whole(text, int(length), sent=way == "TX"))
        now = time.monotonic()
        sent = way == "TX"
        our_key = self._shared_keys.is_ours(text, sent=sent)
        if self._keep_keys:
            self._keys(now, sent, text)
        transport = transport.lower()
        local = self._addresses.local(transport, peer)
        shown = redact(text)
        if sent:
            self.last_sent = text
            self.on_sent(text)
            self._emit(SipSent(at=now, transport=transport, peer=peer, local=local, text=shown))
        else:
            self.last_received = text
            self._emit(
                SipReceived(at=now, transport=transport, peer=peer, local=local, text=shown, our_key=our_key)
            )

    def resume(self, text: str) -> None:
        """The library continues with a message that was traced before."""
        self.last_received = text

    def refused(self, transport: str, peer: str, text: str) -> None:
        """Show a request that is refused before the library has read it."""
        self.last_received = text = printable(text)
        local = self._addresses.local(transport, peer)
        self._emit(
            SipReceived(at=time.monotonic(), transport=transport, peer=peer, local=local, text=redact(text))
        )

    def _whole(self, text: str, length: int, *, sent: bool) -> str:
        """The message, which the library's log cuts at a NUL."""
        shown = text.encode("utf-8", "surrogateescape")
        if self.packets is None or len(shown) >= length:
            return text
        return self.packets.whole(shown, length, sent=sent).decode("utf-8", "surrogateescape")

    def _keys(self, now: float, sent: bool, text: str) -> None:
        call_id = CALL_ID.search(text)
        if call_id is None:
            return
        for tag, suite, key in INLINE_KEY.findall(text):
            self._emit(
                KeyNegotiated(at=now, sip_call_id=call_id[1], sent=sent, tag=int(tag), suite=suite, key=key)
            )


def printable(text: str) -> str:
    """The text with backslash escapes for the bytes of a peer that are not UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
