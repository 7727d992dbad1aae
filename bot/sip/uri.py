"""SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966) and display names (RFC 3261 25.1)."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from bot.errors import ConfigError
from bot.sip.redaction import REDACTED

__all__ = ["Uri", "name_addr", "parse_uri", "quoted", "unquoted"]


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
    def ip_version(self) -> int | None:
        """4 or 6 for an IP address; None for a host name, or without a host."""
        if self.is_ipv6:
            return 6
        return 4 if _is_address(self.host, ipaddress.IPv4Address) else None

    @property
    def transport(self) -> str:
        """TLS for a sips URI (RFC 3261 26.2.2), else the transport parameter; empty without one."""
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
    """Parse a URI, bare or as ``"Name" <sip:...>``; raises ConfigError for a malformed URI."""
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
        raise _bad_uri(text, "no user before the @")
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
    """A possibly malformed URI for an error message; a part that may be the password is hidden."""
    before, at, host = uri.rpartition("@")
    scheme = re.match(r"[^:]*?\bsips?:", before, re.IGNORECASE)
    start = scheme.end() if scheme else 0
    user, colon, _ = before[start:].partition(":")
    return before[:start] + user + (f":{REDACTED}" if colon else "") + at + host


def _bad_uri(text: str, what: str, expected: str = _EXPECTED) -> ConfigError:
    return ConfigError(f"not a SIP URI: {_shown(text)!r}: {what} ({expected})")


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')

_TOKENS = re.compile(r"[A-Za-z0-9!%*_+`'~. -]*")


def quoted(name: str) -> str:
    """``name`` as a quoted string."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquoted(text: str) -> str | None:
    """The display name before a URI, quoted or not; None when its quotes do not match."""
    if not text.startswith('"'):
        return text
    found = _QUOTED.fullmatch(text)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else None


def name_addr(text: str) -> str:
    """A name-addr (RFC 3261 25.1); the display name is quoted if necessary."""
    name, bracket, rest = text.rpartition("<")
    name = name.strip()
    if not bracket or name.startswith('"') or _TOKENS.fullmatch(name):
        return text
    return f"{quoted(name)} <{rest}"
