"""The parts of a multipart body (RFC 2046 5.1, RFC 5621), found where the library finds them.

The library looks for the delimiter anywhere, and guesses a boundary that is not given. Bodies in which that
makes a difference are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.sip.intake.head import QUOTED, TOKEN, field_lines, field_of
from bot.sip.intake.refusal import BAD_REQUEST, Refusal

__all__ = ["Part", "media_type", "parts_of"]

MOST_PARTS = 64
PARAMETER = re.compile(rb"[ \t]*;[ \t]*(%s)[ \t]*(?:=[ \t]*(%s|%s))?" % (TOKEN, TOKEN, QUOTED))
BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]").fullmatch
DELIMITER_END = re.compile(rb"[ \t]*\r?\n|--")
BLANK_LINE = re.compile(rb"\A\r?\n|\r?\n\r?\n")


@dataclass(slots=True)
class Part:
    """A part of the body: its header fields by lower-case name, and the place of its content."""

    fields: dict[bytes, list[bytes]]
    start: int
    end: int


def media_type(content_type: bytes) -> bytes:
    """The type and subtype in lower case without parameters and without white space around the slash."""
    kind, _, subtype = content_type.partition(b";")[0].lower().partition(b"/")
    return kind.strip() + b"/" + subtype.strip()


def parts_of(content_type: bytes, body: bytes) -> list[Part]:
    """The parts of a body; raises Refusal for a body that is not delimited as RFC 2046 5.1.1 demands."""
    delimiter = b"--" + boundary_of(content_type)
    place = body.find(delimiter)
    parts: list[Part] = []
    while True:
        if place < 0:
            raise malformed("it has no closing delimiter")
        if place and body[place - 1 : place] != b"\n":
            raise malformed("a delimiter stands inside a line")
        ending = DELIMITER_END.match(body, place + len(delimiter))
        if ending is None:
            raise malformed("a line begins with the delimiter and has further text")
        if ending[0] == b"--":
            return parts
        if len(parts) == MOST_PARTS:
            raise malformed(f"it has more than {MOST_PARTS} parts")
        place = body.find(delimiter, ending.end())
        parts.append(part_of(body, ending.end(), max(place, ending.end())))


def part_of(body: bytes, start: int, end: int) -> Part:
    """The part between two delimiters; the line end before the second is the delimiter's."""
    text = re.sub(rb"\r?\n\Z", b"", body[start:end])
    gap = BLANK_LINE.search(text)
    head = text[: gap.start()] if gap else text
    fields: dict[bytes, list[bytes]] = {}
    for line in field_lines(head) if head else ():
        name, value = field_of(line)
        fields.setdefault(name, []).append(value)
    content = start + (gap.end() if gap else len(text))
    return Part(fields, content, start + len(text))


def boundary_of(content_type: bytes) -> bytes:
    """The boundary parameter without quotes; raises Refusal for a missing or invalid one (RFC 2046)."""
    for found in PARAMETER.finditer(content_type, content_type.find(b";")):
        if found[1].lower() == b"boundary":
            boundary = found[2] or b""
            if boundary.startswith(b'"'):
                boundary = boundary[1:-1]
            if not BOUNDARY(boundary):
                break
            return boundary
    raise malformed("its Content-Type has no boundary (RFC 2046 5.1.1)")


def malformed(why: str) -> Refusal:
    """A Refusal for a syntax error in the delimiters."""
    return Refusal("malformed-multipart", BAD_REQUEST, f"its multipart body is malformed: {why}")
