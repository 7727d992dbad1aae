"""Reading a SIP message, URI or header as text (RFC 3261 sections 7 and 19.1), and hiding the secrets in it.

It knows neither calls nor the library, and of SDP only where a message carries it and where the keys are.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import msgspec

from .display_name import unquoted
from .errors import ConfigError

__all__ = ["REDACTED", "Message", "Uri", "parse_header", "parse_uri", "redact"]

REDACTED = "[redacted]"

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

        The body is what follows the empty line, whatever Content-Length says: redaction changes lengths.
        """
        text = text.lstrip("\r\n")
        gap = re.search(r"\r?\n\r?\n", text)
        head, body = (text[: gap.start()], text[gap.end() :]) if gap else (text, "")
        start, *lines = re.split(r"\r?\n", head)
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

    def header(self, name: str) -> str | None:
        """The value of the first header field called ``name``: any case, long or compact form."""
        return next(iter(self.headers(name)), None)

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
        """The method of CSeq, which tells what a response answers; empty when there is none."""
        return self.cseq[1] if self.cseq else ""

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


class Uri(msgspec.Struct, frozen=True, kw_only=True):
    """A SIP, SIPS or tel URI (RFC 3261 section 19.1, RFC 3966); a tel URI has its number in ``user``."""

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: tuple[tuple[str, str | None], ...] = ()
    headers: str | None = None
    display_name: str | None = None

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 reference such as ``[::1]``."""
        return self.host.startswith("[")

    @property
    def transport(self) -> str:
        """What it asks for: TLS with sips (RFC 3261 26.2.2), else its parameter; empty when it is open."""
        return "tls" if self.scheme == "sips" else (self.param("transport") or "").lower()

    def param(self, name: str) -> str | None:
        """The value of a URI parameter; empty for one without a value, None when it is absent."""
        return next((value or "" for key, value in self.params if key.lower() == name.lower()), None)

    def __str__(self) -> str:
        """The URI in the form that is sent, without display name, password and headers."""
        user = self.user or ""
        port = "" if self.port is None else f":{self.port}"
        params = "".join(f";{key}" if value is None else f";{key}={value}" for key, value in self.params)
        return f"{self.scheme}:{user}{'@' if user and self.host else ''}{self.host}{port}{params}"

    def __repr__(self) -> str:
        """The URI without its password."""
        return f"Uri({str(self)!r})"


_SCHEMES = ("sip", "sips", "tel")
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#().-]+")
_EXPECTED = "expected one like sip:user@host:port"


def parse_uri(text: str) -> Uri:
    """Read a URI, bare or as ``"Name" <sip:...>``; ConfigError says what is wrong with it."""
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise _bad_uri(text, "it has a control character or a line break in it")
    spec, name = text.strip(), None
    if "<" in spec or ">" in spec:
        name, opened, rest = spec.rpartition("<")
        spec, closed, after = rest.partition(">")
        if not (opened and closed):
            raise _bad_uri(text, "its < and > do not match")
        if after:
            raise _bad_uri(text, "nothing may follow the > of <sip:...>")
        shown = unquoted(name.strip())
        if shown is None:
            raise _bad_uri(text, 'the quotes of its display name do not match; inside them write \\"')
        name = shown or None
    if not spec:
        raise _bad_uri(text, "it is empty")
    if " " in spec:
        raise _bad_uri(text, "it has a space in it; write %20")
    scheme, colon, rest = spec.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in _SCHEMES:
        if rest.startswith("//"):
            raise _bad_uri(text, f"{scheme}: is not sip:, sips: or tel:")
        raise _bad_uri(text, f"it has no scheme; did you mean {_shown('sip:' + spec)}?")
    if scheme == "tel":
        number, *params = rest.split(";")
        if not _NUMBER.fullmatch(number):
            raise _bad_uri(text, "its number is not digits", "expected one like tel:+4930123456")
        return Uri(scheme=scheme, user=number, params=_params(params), display_name=name)
    if rest.startswith("//"):
        raise _bad_uri(text, f"a SIP URI has no //; did you mean {_shown(f'{scheme}:{rest[2:]}')}?")
    userinfo, at, rest = rest.rpartition("@")
    user, secret, password = userinfo.partition(":")
    if at and not user:
        raise _bad_uri(text, "there is no user before the @")
    address, query, headers = rest.partition("?")
    hostport, *params = address.split(";")
    host, port = _host_port(text, hostport)
    return Uri(
        scheme=scheme,
        user=user or None,
        password=password if secret else None,
        host=host,
        port=port,
        params=_params(params),
        headers=headers if query else None,
        display_name=name,
    )


def _host_port(text: str, hostport: str) -> tuple[str, int | None]:
    if hostport.startswith("["):
        host, bracket, rest = hostport.partition("]")
        host += bracket
        colon, port = rest[:1], rest[1:]
        if not _is_address(host[1:-1], ipaddress.IPv6Address) or not bracket or colon not in ("", ":"):
            raise _bad_uri(text, f"{hostport} is not an IPv6 address in brackets")
    else:
        host, colon, port = hostport.partition(":")
        if ":" in port:
            raise _bad_uri(text, "its host has several colons; an IPv6 address stands in brackets: [::1]")
        if not host:
            raise _bad_uri(text, "it has no host")
        dotted = re.fullmatch(r"[0-9.]+", host)
        if not _HOST_NAME.fullmatch(host) or (dotted and not _is_address(host, ipaddress.IPv4Address)):
            raise _bad_uri(text, f"{host} is not a host name or an IPv4 address")
    if not colon:
        return host, None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise _bad_uri(text, f"its port is {port!r} and not a number from 1 to 65535")
    return host, int(port)


def _is_address(text: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _params(parts: list[str]) -> tuple[tuple[str, str | None], ...]:
    pairs = (part.partition("=") for part in parts if part)
    return tuple((key, value if equals else None) for key, equals, value in pairs)


def _shown(uri: str) -> str:
    """A URI that may be malformed, for an error message: whatever may be its password is hidden."""
    before, at, host = uri.rpartition("@")
    scheme = re.match(r"[^:]*?\bsips?:", before, re.IGNORECASE)
    start = scheme.end() if scheme else 0
    user, colon, _ = before[start:].partition(":")
    return before[:start] + user + (f":{REDACTED}" if colon else "") + at + host


def _bad_uri(text: str, what: str, expected: str = _EXPECTED) -> ConfigError:
    return ConfigError(f"not a SIP URI: {_shown(text)!r}: {what} ({expected})")


def parse_header(text: str) -> tuple[str, str]:
    """Read the ``Name: value`` of an option; line breaks are refused, they would inject other headers."""
    shown, expected = repr(redact(text)), "expected 'Name: value'"
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise ConfigError(f"not a header: {shown}: line breaks and control characters are refused")
    name, colon, value = text.partition(":")
    if not colon:
        raise ConfigError(f"not a header: {shown}: there is no colon; {expected}")
    if not _TOKEN.fullmatch(name.strip()):
        raise ConfigError(f"not a header: {shown}: what stands before the colon is not a name; {expected}")
    return name.strip(), value.strip()


# What may stay of the words of an a=crypto line; any other word is a key or may be one.
_CRYPTO_LINE = re.compile(r"(a[ \t]*=[ \t]*crypto[ \t]*:?)([^\r\n]*)", re.IGNORECASE)
_CRYPTO_WORD = re.compile(
    r"[0-9]{1,9}"  # the tag
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+){2,}"  # the crypto suite
    r"|-?[A-Z]{1,16}(?:_[A-Z]{1,16})+(?:=[A-Z0-9_,]{1,16})?"  # a session parameter
    r"|-?[A-Z]{1,16}=[A-Z0-9_,]{1,16}"
    r"|inline|:",
    re.IGNORECASE,
)
_INLINE_WORD = re.compile(r"((?:FEC_KEY=)?inline:)(.*)", re.IGNORECASE | re.DOTALL)
_INLINE = re.compile(r"(inline[ \t]*:[ \t]*)([^\s;]+)", re.IGNORECASE)
_LIFETIME_OR_MKI = re.compile(r"|(?:2\^)?[0-9]{1,15}|[0-9]{1,15}:[0-9]{1,3}")
_WORD_OF_URI = re.compile(r"[^\s<>\"]++")
_PASSWORD = re.compile(r"(sips?:[^:@]*):.*", re.IGNORECASE | re.DOTALL)

# Each is a group that stays and then the secret.
_SECRETS = (
    # a piece of a message that begins inside an inline key, which its lifetime or MKI betrays
    re.compile(r"((?<![A-Za-z0-9+/]))[A-Za-z0-9+/]{16,}+={0,2}(?=\|(?:2\^)?[0-9])"),
    # what the library logs when SRTP starts: "TX: AES_CM_128_HMAC_SHA1_80 key=0123ABCD..."
    re.compile(r"((?:key|salt)[ \t]*[=:][ \t]*\"?)[A-Z0-9+/=]{16,}+", re.IGNORECASE),
    re.compile(r"(key-mgmt[ \t]*:(?:[ \t]*mikey(?![^ \t]))?[ \t]*)[^\s][^\r\n]*", re.IGNORECASE),
    re.compile(
        r"((?:^|(?<=[\r\n]))[ \t]*k[ \t]*=[ \t]*(?:(?:clear|base64|uri)[ \t]*:)?)(?!prompt\b)[^\r\n]+",
        re.IGNORECASE,
    ),
    re.compile(r"((?<!\w)k[ \t]*=[ \t]*(?:clear|base64|uri)[ \t]*:[ \t]*)\S+", re.IGNORECASE),
    re.compile(r"(ice-pwd[ \t]*:[ \t]*)[^\s]+", re.IGNORECASE),
    re.compile(r"((?<!\w)(?:response|rspauth)\s*=\s*\\?\")[^\"\r\n]*", re.IGNORECASE),
    re.compile(r"((?<!\w)(?:response|rspauth)\s*=\s*)[^\s,;\"\\]+", re.IGNORECASE),
    re.compile(r"(Authorization[ \t]*:\s*(?:Basic|Bearer)\s+)\S+", re.IGNORECASE),
)


def redact(text: str) -> str:
    """``text`` (a message, a piece of one, a log line) with its keys, passwords and digest responses hidden.

    What identifies stays: tags, suites, lifetimes, MKIs, session parameters, user names, realms and nonces.
    """
    text = _CRYPTO_LINE.sub(lambda line: line[1] + re.sub(r"[^\s;]+", _redact_crypto_word, line[2]), text)
    text = _INLINE.sub(lambda found: found[1] + _redact_inline(found[2]), text)
    for secret in _SECRETS:
        text = secret.sub(rf"\1{REDACTED}", text)
    return _WORD_OF_URI.sub(_redact_password, text)


def _redact_crypto_word(word: re.Match[str]) -> str:
    if _CRYPTO_WORD.fullmatch(word[0]):
        return word[0]
    inline = _INLINE_WORD.fullmatch(word[0])
    return inline[1] + _redact_inline(inline[2]) if inline else REDACTED


def _redact_inline(key: str) -> str:
    secret, *params = key.split("|")
    shown = (param if _LIFETIME_OR_MKI.fullmatch(param) else REDACTED for param in params)
    return "|".join([REDACTED if secret else "", *shown])


def _redact_password(word: re.Match[str]) -> str:
    before, at, host = word[0].rpartition("@")
    return _PASSWORD.sub(rf"\1:{REDACTED}", before, count=1) + at + host if at else word[0]
