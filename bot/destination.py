"""Where a request goes: a URI that an endpoint's transports can reach, and how long its name may take."""

from __future__ import annotations

from dataclasses import dataclass

from .config import EndpointConfig
from .display_name import name_addr
from .errors import ConfigError
from .identity import Identity
from .model import Transport
from .sip import parse_uri, redact
from .telephone import dialled

__all__ = ["Destination", "destination"]

RESOLVE_S = 30.0


@dataclass(frozen=True)
class Destination:
    """A URI as the library takes it."""

    uri: str
    resolve_s: float
    """How long resolving its host name may block, in seconds; 0 when there is none."""


def destination(config: EndpointConfig, uri: str, identity: Identity | None = None) -> Destination:
    """The URI with the transport that it needs; ConfigError when it is none or cannot be reached."""
    target = parse_uri(uri)
    if target.scheme == "tel":
        uri = dialled(target, identity or config)
        target = parse_uri(uri)
    if target.is_ipv6:
        raise ConfigError(f"{redact(uri)}: this build of the library has no IPv6; use an IPv4 address")
    first = config.transports[0]
    asked = target.transport
    if asked in set(Transport) - set(config.transports):
        have = ", ".join(config.transports)
        wanted = f"asks for {asked}, the endpoint has {have}"
        raise ConfigError(f"{redact(uri)}: {wanted}; add it to them (--transport {asked})")
    if asked and asked not in set(Transport) and not (identity or config).proxy:
        known = ", ".join(Transport)
        raise ConfigError(f"{redact(uri)}: there is no transport {asked!r}; expected one of {known}")
    if not target.param("transport") and first is not Transport.UDP and target.scheme != "tel":
        uri = with_transport(uri, first)
    literal = target.host.replace(".", "").isdigit()
    return Destination(name_addr(uri), 0.0 if literal else RESOLVE_S)


def with_transport(uri: str, transport: Transport) -> str:
    """The URI with a transport parameter, before its headers and inside its brackets."""
    name, opened, spec = uri.rpartition("<")
    spec, closed, _ = spec.partition(">")
    user, at, address = spec.rpartition("@")
    address, query, headers = address.partition("?")
    return f"{name}{opened}{user}{at}{address};transport={transport}{query}{headers}{closed}"
