"""Parser for SIP messages and header fields (RFC 3261 section 7).

It handles no calls and does not use the library. It looks into SDP only to find the body and the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from bot.errors import ConfigError
from bot.sip.redaction import redact
from bot.sip.status import is_early, is_failure, is_final, is_provisional, is_success

__all__ = ["Message", "parse_header"]

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_GAP, _LINE_END = re.compile(r"\r?\n\r?\n"), re.compile(r"\r?\n")
_TOKEN = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")
_STATUS_LINE = re.compile(r"SIP/[0-9]\.[0-9] +([1-6][0-9]{2})(?: +(.*))?", re.IGNORECASE)
_SIP_VERSION = re.compile(r"SIP/[0-9]\.[0-9]", re.IGNORECASE)
_CSEQ = re.compile(r"([0-9]{1,10})\s+(\S+)")
_TAG = re.compile(r";[ \t]*tag[ \t]*=[ \t]*([^\s;,]+)", re.IGNORECASE)
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP message: a request has a ``method`` and a ``uri``, a response a ``status`` and a ``reason``."""

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    """The header fields in order, unfolded, with compact names written in full."""
    body: str = ""

    @classmethod
    def parse(cls, text: str) -> Message:
        """Read ``text``, which may be cut short or malformed; only an unusable start line raises ValueError.

        The body is the text after the empty line, regardless of Content-Length: redaction changes lengths.
        """
        text = text.lstrip("\r\n")
        gap = _GAP.search(text)
        head, body = (text[: gap.start()], text[gap.end() :]) if gap else (text, "")
        start, *lines = _LINE_END.split(head)
        fields = tuple(_fields(lines))
        if status := _STATUS_LINE.fullmatch(start.strip()):
            return cls(status=int(status[1]), reason=(status[2] or "").strip(), fields=fields, body=body)
        method, _, rest = start.strip().partition(" ")
        uri, _, version = rest.rpartition(" ")
        if not (_TOKEN.fullmatch(method) and uri.strip() and _SIP_VERSION.fullmatch(version)):
            raise ValueError(f"not the start line of a SIP message: {redact(start[:80])!r}")
        return cls(method=method, uri=uri.strip(), fields=fields, body=body)

    @property
    def is_request(self) -> bool:
        """Whether this is a request; otherwise it is a response."""
        return not self.status

    @property
    def is_provisional(self) -> bool:
        """Whether this is a 1xx response."""
        return is_provisional(self.status)

    @property
    def is_early(self) -> bool:
        """Whether this is a 101 to 199 response, which may create an early dialog (RFC 3261 12.1)."""
        return is_early(self.status)

    @property
    def is_final(self) -> bool:
        """Whether this is a final response: 2xx to 6xx."""
        return is_final(self.status)

    @property
    def is_success(self) -> bool:
        """Whether this is a 2xx response."""
        return is_success(self.status)

    @property
    def is_failure(self) -> bool:
        """Whether this is a failure response: a final response from 3xx to 6xx."""
        return is_failure(self.status)

    def header(self, name: str) -> str | None:
        """The value of the first header field called ``name``: any case, long or compact form."""
        wanted = _long_name(name)
        folded = wanted.casefold()
        for field, value in self.fields:
            if field == wanted or field.casefold() == folded:
                return value
        return None

    def headers(self, name: str) -> list[str]:
        """The values of all header fields called ``name``, one for each line; commas are not split."""
        wanted = _long_name(name).casefold()
        return [value for field, value in self.fields if field.casefold() == wanted]

    @property
    def call_id(self) -> str | None:
        """The Call-ID."""
        return self.header("Call-ID")

    @property
    def cseq(self) -> tuple[int, str] | None:
        """The sequence number and the method of CSeq."""
        found = _CSEQ.match(self.header("CSeq") or "")
        return (int(found[1]), found[2]) if found else None

    @property
    def cseq_method(self) -> str:
        """The CSeq method, which identifies the request that a response answers; empty without a CSeq."""
        cseq = self.cseq
        return cseq[1] if cseq else ""

    @property
    def from_tag(self) -> str | None:
        """The tag of From."""
        return _tag(self.header("From"))

    @property
    def to_tag(self) -> str | None:
        """The tag of To; None in a request that creates a dialog."""
        return _tag(self.header("To"))

    @property
    def content_type(self) -> str | None:
        """The media type of the body in lower case and without parameters, for instance application/sdp."""
        value = self.header("Content-Type")
        return value.partition(";")[0].strip().lower() if value else None

    @property
    def sdp(self) -> str | None:
        """The session description in the body, also when it is one part of a multipart body (RFC 5621)."""
        kind = self.content_type or ""
        if kind.startswith("multipart/"):
            return next(_sdp_parts(self.header("Content-Type") or "", self.body), None)
        untyped = not kind and self.body.lstrip().startswith("v=0")
        return self.body if self.body.strip() and (kind == "application/sdp" or untyped) else None

    @property
    def summary(self) -> str:
        """One line for a ladder: ``INVITE sip:x@127.0.0.1`` or ``200 OK (INVITE)``."""
        if self.is_request:
            return f"{self.method} {redact(self.uri)}"
        of = f" ({self.cseq_method})" if self.cseq else ""
        return f"{self.status} {redact(self.reason)}".rstrip() + of


def _long_name(name: str) -> str:
    return _COMPACT.get(name.lower(), name)


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    unfolded: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t"):
            if unfolded:
                unfolded[-1].append(line.strip())
        else:
            unfolded.append([line])
    for parts in unfolded:
        name, colon, value = " ".join(parts).partition(":")
        if colon and name.strip():
            yield _long_name(name.strip()), value.strip()


def _tag(value: str | None) -> str | None:
    found = _TAG.search((value or "").rpartition(">")[2])
    return found[1] if found else None


def _sdp_parts(content_type: str, body: str) -> Iterator[str]:
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        return
    for part in body.split("--" + (boundary[1] or boundary[2])):
        head, blank, content = part.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
        if blank and re.search(r"^(?:content-type|c)[ \t]*:[ \t]*application/sdp\b", head, re.I | re.M):
            yield content


def parse_header(text: str) -> tuple[str, str]:
    """Parse the ``Name: value`` of an option; line breaks are refused (header injection)."""
    shown, expected = repr(redact(text)), "expected 'Name: value'"
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise ConfigError(f"not a header: {shown}: line breaks and control characters are refused")
    name, colon, value = text.partition(":")
    if not colon:
        raise ConfigError(f"not a header: {shown}: no colon; {expected}")
    if not _TOKEN.fullmatch(name.strip()):
        raise ConfigError(f"not a header: {shown}: the text before the colon is not a valid name; {expected}")
    return name.strip(), value.strip()
