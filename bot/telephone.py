"""tel: URIs (RFC 3966) as what they are when there is somebody to route them, else as SIP URIs."""

from __future__ import annotations

from .errors import ConfigError
from .identity import Identity
from .sip import Uri, parse_uri

__all__ = ["dialled"]

FIRST = ("isub", "postd")
"""The parameters that stand before the others."""


def dialled(uri: Uri, identity: Identity) -> str:
    """What to call for a tel: URI.

    An outbound proxy gets it as it is. Without one it goes to the domain of the registrar, or of the
    identity that has a registrar, as RFC 3261 19.1.6 writes a number in a SIP URI. ConfigError otherwise.
    """
    if identity.proxy:
        return str(uri)
    if not identity.registrar:
        reason = "a number alone says nothing of where to; set proxy or registrar"
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
