"""DTMF digits in SIP INFO requests (RFC 6086) of a capture; it handles no streams.

No standard defines them. application/dtmf-relay comes from Cisco; application/dtmf holds the digit alone.
Peers also send the body of one type with the name of the other. Numbers from 10 on are event codes of RFC
4733.
"""

from __future__ import annotations

import re
from collections import Counter

from bot.capture.digits import Heard
from bot.capture.sip_messages import JournalMessage
from bot.sip import Message, is_challenge

__all__ = ["InfoDigits", "digit_of"]

MOST = 100_000
EVENT_CODES = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D", "16": "flash", "!": "flash"}
WORDS = {"STAR": "*", "POUND": "#", "HASH": "#", "FLASH": "flash", "HF": "flash", "HOOKFLASH": "flash"}
_DIGITS = frozenset("0123456789*#ABCD")
_KINDS = {"application/dtmf-relay", "application/dtmf", "audio/telephone-event"}
NORTEL, FLASH = "application/vnd.nortelnetworks.digits", "application/hook-flash"
_SIGNAL = re.compile(r"^[ \t]*Signal[ \t]*[=:][ \t]*(\S*)", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(r"^[ \t]*Duration[ \t]*[=:][ \t]*([0-9]{1,6})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_NORTEL = re.compile(r"^[ \t]*d[ \t]*=[ \t]*(?:Digits[ \t]*=[ \t]*)?(\S+)", re.IGNORECASE | re.MULTILINE)
_PART = re.compile(
    r"^Content-Type[ \t]*:[ \t]*([^\s;]+)[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)(?=^--|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)

Request = tuple[str, str | None, int]
"""Call-ID, From tag and CSeq number: identical wherever a request is seen again."""


class InfoDigits:
    """Collects the digits from the messages of a capture, in order."""

    def __init__(self) -> None:
        self._heard: dict[Request, Heard] = {}
        self._refused: Counter[int] = Counter()

    @property
    def digits(self) -> list[Heard]:
        """The digits that were not refused; a retransmitted or proxied INFO counts once."""
        return list(self._heard.values())

    @property
    def notes(self) -> list[str]:
        """A note about the number of refused digits."""
        return [
            f"{count} digit{'s' * (count != 1)} by SIP INFO refused with {status}"
            for status, count in sorted(self._refused.items())
        ]

    def feed(self, told: JournalMessage) -> None:
        """Process the next message."""
        is_request = told.text.startswith("INFO ")
        if not is_request and not (told.text.startswith("SIP/2.0 ") and " INFO" in told.text):
            return
        try:
            message = Message.parse(told.text)
        except ValueError:
            return
        if message.cseq is None or message.call_id is None:
            return
        request = message.call_id, message.from_tag, message.cseq[0]
        if is_request:
            self._request(request, told, message)
        elif message.is_failure and message.cseq_method == "INFO":
            refused = self._heard.pop(request, None)
            if refused and not is_challenge(message.status):  # after those it comes again with credentials
                self._refused[message.status] += 1

    def _request(self, request: Request, told: JournalMessage, message: Message) -> None:
        found = digit_of(message)
        if found is None or request in self._heard or len(self._heard) >= MOST:
            return
        digit, duration_ms = found
        self._heard[request] = Heard(
            digit=digit,
            method="info",
            at=told.at,
            duration_ms=duration_ms,
            call_id=message.call_id,
            ssrc=None,
            source=str(told.source),
            target=str(told.target),
        )


def digit_of(message: Message) -> tuple[str, float | None] | None:
    """The digit in the body of an INFO, and its duration in ms if the body states one."""
    kind, body = message.content_type or "", message.body
    if kind.startswith("multipart/"):
        parts = [(one[1].lower(), one[2]) for one in _PART.finditer(body)]
        kind, body = next((part for part in parts if part[0] in _KINDS), ("", ""))
    if kind == FLASH:
        return "flash", None
    if kind == NORTEL:
        found = _NORTEL.search(body)
        text = found[1] if found else ""
    elif kind in _KINDS:
        found = _SIGNAL.search(body)
        text = found[1] if found else body.strip()
    else:
        return None
    duration = _DURATION.search(body)
    digit = named(text)
    return (digit, float(duration[1]) if duration else None) if digit else None


def named(text: str) -> str | None:
    """The digit that a text stands for."""
    upper = text.upper()
    digit = EVENT_CODES.get(upper) or WORDS.get(upper) or upper
    return digit if digit in _DIGITS or digit == "flash" else None
