"""Where a request goes: a URI that an endpoint's transports can reach, and how long its name may take."""

from __future__ import annotations

from dataclasses import dataclass

from bot.config import AccountConfig, EndpointConfig
from bot.errors import ConfigError
from bot.model import Transport
from bot.sip import Uri, name_addr, parse_uri, redact

__all__ = ["RequestTarget", "dialled", "target"]

RESOLVE_S = 30.0


@dataclass(frozen=True)
class RequestTarget:
    """A URI as the library takes it."""

    uri: str
    resolve_s: float
    """Longest time to resolve the host name, in seconds; 0 without a host name."""


def target(config: EndpointConfig, uri: str, identity: AccountConfig | None = None) -> RequestTarget:
    """The URI with its transport; raises ConfigError for an invalid URI and for an unavailable transport."""
    target = parse_uri(uri)
    if target.scheme == "tel":
        uri = dialled(target, identity or config)
        target = parse_uri(uri)
    problem = None if (identity or config).proxy else config.unreachable(target)
    if problem is not None:
        raise ConfigError(f"{redact(uri)}: {problem}")
    first = config.transports[0]
    asked = target.transport
    if asked in set(Transport) - set(config.transports):
        have = ", ".join(config.transports)
        wanted = f"asks for {asked}, the endpoint has {have}"
        raise ConfigError(f"{redact(uri)}: {wanted}; add it to them (--transport {asked})")
    if asked and asked not in set(Transport) and not (identity or config).proxy:
        transports = ", ".join(Transport)
        raise ConfigError(f"{redact(uri)}: unknown transport {asked!r}; expected one of {transports}")
    if not target.param("transport") and first is not Transport.UDP and target.scheme != "tel":
        uri = with_transport(uri, first)
    return RequestTarget(name_addr(uri), RESOLVE_S if target.ip_version is None else 0.0)


def with_transport(uri: str, transport: Transport) -> str:
    """The URI with a transport parameter, before its headers and inside its brackets."""
    name, opened, spec = uri.rpartition("<")
    spec, closed, _ = spec.partition(">")
    user, at, address = spec.rpartition("@")
    address, query, headers = address.partition("?")
    return f"{name}{opened}{user}{at}{address};transport={transport}{query}{headers}{closed}"


FIRST = ("isub", "postd")

"""The parameters that stand before the others."""


def dialled(uri: Uri, identity: AccountConfig) -> str:
    """The Request-URI for a tel: URI.

    An outbound proxy gets the tel: URI unchanged. Without a proxy, the number becomes the user of a SIP URI
    in the domain of the registrar (RFC 3261 19.1.6). Raises ConfigError without both.
    """
    if identity.proxy:
        return str(uri)
    if not identity.registrar:
        reason = "a tel: URI has no host; set proxy or registrar to route it"
        raise ConfigError(f"{uri}: {reason}, or call sip:{uri.user}@HOST;user=phone")
    registrar = parse_uri(identity.registrar)
    domain = parse_uri(identity.id) if identity.id else registrar
    port = "" if domain.port is None else f":{domain.port}"
    return f"{registrar.scheme}:{subscriber(uri)}@{domain.host}{port};user=phone"


def subscriber(uri: Uri) -> str:
    """The number with its parameters, in the order and the case that make equal ones look so."""

    def rank(name: str) -> tuple[int, str]:
        return (FIRST.index(name) if name in FIRST else len(FIRST), name)

    params = sorted(((name.lower(), value) for name, value in uri.params), key=lambda pair: rank(pair[0]))
    written = "".join(f";{name}" if value is None else f";{name}={value.lower()}" for name, value in params)
    return f"{(uri.user or '').lower()}{written}"
