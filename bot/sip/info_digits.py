"""The DTMF digit in the body of an INFO request (RFC 2976, legacy usage of RFC 6086 section 4.2.2).

No standard defines these bodies. application/dtmf-relay comes from Cisco; application/dtmf holds the digit
alone. Peers also send the body of one type with the name of the other. Numbers from 10 on are event codes of
RFC 4733.
"""

from __future__ import annotations

import re

from bot.sip.message import Message

__all__ = ["carries_digit", "digit_of"]

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


def carries_digit(kind: str) -> bool:
    """Whether a body of this media type is a digit and nothing else."""
    return kind in _KINDS or kind in {NORTEL, FLASH}


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
