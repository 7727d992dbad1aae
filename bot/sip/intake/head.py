"""Bounded parser for the start line and header fields of a message in bytes (RFC 3261 7 and 25.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from bot.sip.intake.refusal import BAD_REQUEST, SILENCE, Refusal

__all__ = ["RESPONSE_START", "Head", "field_lines", "field_of", "read_head"]

MOST_FIELDS = 256
LONGEST_FIELD = 8192
TOKEN = rb"[A-Za-z0-9.!%*_+`'~-]++"
QUOTED = rb'"(?:[^"\\]|\\.)*+"'
QUOTED_STRING = re.compile(QUOTED, re.DOTALL)
FOLD = re.compile(rb"\r?\n[ \t]+")
END = re.compile(rb"\r?\n\r?\n")
LINE_END = re.compile(rb"\r?\n")
REQUEST_LINE = re.compile(rb"(%s) ([^ \t\r\n]+) SIP/2\.0" % TOKEN, re.IGNORECASE)
STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: [^\r\n]*)?", re.IGNORECASE)
FIELD_NAME = re.compile(TOKEN).fullmatch
BARE_CR = re.compile(rb"\r(?!\n)")
OTHER_VERSION = re.compile(rb"%s [^ \t\r\n]+ SIP/[0-9]+\.[0-9]+" % TOKEN, re.IGNORECASE)
RESPONSE_START = re.compile(rb"SIP/", re.IGNORECASE)
VERSION_NOT_SUPPORTED = 505
COMPACT = {
    b"c": b"content-type",
    b"e": b"content-encoding",
    b"f": b"from",
    b"i": b"call-id",
    b"k": b"supported",
    b"l": b"content-length",
    b"m": b"contact",
    b"o": b"event",
    b"r": b"refer-to",
    b"b": b"referred-by",
    b"s": b"subject",
    b"t": b"to",
    b"u": b"allow-events",
    b"v": b"via",
    b"x": b"session-expires",
}


@dataclass(slots=True)
class Head:
    """The start line and the header fields of a message."""

    method: bytes
    """Empty in a response."""
    uri: bytes
    status: int
    """0 in a request."""
    fields: dict[bytes, list[bytes]]
    """The unfolded values in order, by long header name in lower case."""
    lines: list[bytes]
    """The header fields as received, one entry per field; folded fields keep their line ends."""
    body: bytes

    def first(self, name: bytes) -> bytes | None:
        """The value of the first field of that name."""
        values = self.fields.get(name)
        return values[0] if values else None


@lru_cache(maxsize=1)  # the message at hand is read once, whoever asks
def read_head(data: bytes) -> Head:
    """Parse a whole message; raises Refusal."""
    data = data.lstrip(b"\r\n")
    gap = END.search(data)
    head, body = (data[: gap.start()], data[gap.end() :]) if gap else (data, b"")
    if b"\0" in head and b"\0" in QUOTED_STRING.sub(b"", head):
        raise Refusal("nul", SILENCE, "a NUL stands in its header outside of quoted strings")
    start, *lines = field_lines(head)
    if len(lines) > MOST_FIELDS:
        raise Refusal("header-count", BAD_REQUEST, f"more than {MOST_FIELDS} header fields")
    found = Head(b"", b"", 0, {}, lines, body)
    fields = found.fields
    for line in lines:
        if line:  # the header section may have no end
            name, value = field_of(line)
            fields.setdefault(name, []).append(value)
    if request := REQUEST_LINE.fullmatch(start):
        found.method, found.uri = request[1], request[2]
    elif response := STATUS_LINE.fullmatch(start):
        found.status = int(response[1])
    else:
        raise bad_start(start)
    return found


def field_lines(head: bytes) -> list[bytes]:
    """The lines of a header section, unfolded; raises Refusal for a CR alone, a line end to the library."""
    if BARE_CR.search(head):
        raise Refusal("line-end", BAD_REQUEST, "a CR without LF stands in its header")
    return unfolded(head) if b"\n " in head or b"\n\t" in head else LINE_END.split(head)


def field_of(line: bytes) -> tuple[bytes, bytes]:
    """The long name in lower case and the value of a header field; raises Refusal."""
    name, colon, value = line.partition(b":")
    name = name.rstrip(b" \t").lower()
    if not colon or not FIELD_NAME(name):
        raise Refusal("header-line", BAD_REQUEST, "a line of the header is not a header field")
    if len(line) > LONGEST_FIELD:
        raise Refusal("header-size", BAD_REQUEST, f"a header field of more than {LONGEST_FIELD} bytes")
    if b"\n" in value:
        value = FOLD.sub(b" ", value)
    return COMPACT.get(name, name), value.strip(b" \t")


def bad_start(line: bytes) -> Refusal:
    """The Refusal for a malformed start line: 505 for another SIP version (RFC 3261 21.5.6), else 400.

    A malformed response is dropped silently.
    """
    version = OTHER_VERSION.fullmatch(line)
    if version:
        return Refusal("sip-version", VERSION_NOT_SUPPORTED, "it is not of SIP/2.0")
    code = SILENCE if RESPONSE_START.match(line) else BAD_REQUEST
    return Refusal("start-line", code, "its start line is neither a request's nor a response's")


def unfolded(head: bytes) -> list[bytes]:
    """The unfolded lines: a continuation line is joined to the line before it."""
    lines: list[list[bytes]] = []
    for line in LINE_END.split(head):
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1].append(line)
        else:
            lines.append([line])
    return [b"\r\n".join(parts) for parts in lines]
