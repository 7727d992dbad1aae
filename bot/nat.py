"""The settings for peers and servers beyond a NAT: STUN, TURN, ICE, what is told of oneself, keep-alives.

It knows what is asked for and nothing of how it is done.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .settings import HIDDEN, Secret, SettingError, check_text, empty_is_none

__all__ = ["NatConfig", "TurnConfig", "check_server", "ipv4_address"]

KEEP_ALIVE_MIN_S, KEEP_ALIVE_MAX_S = 2, 3600
"""At 1 s the library takes four fifths of it in whole seconds, and sends without a pause."""
_SERVER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::([0-9]{1,5}))?")

KeepAlive = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": KEEP_ALIVE_MAX_S})]


class TurnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TURN relay for the media (RFC 8656)."""

    server: str
    """``host`` or ``host:port``; the port is 3478 when it is not given."""
    user: str | None = None
    password: Secret | None = None
    """The password of the long-term credential."""
    transport: Literal["udp", "tcp"] = "udp"
    """How the relay itself is reached; what it passes on goes by UDP."""
    only: bool = False
    """Offer the relay's candidates and no others, so that all media passes it (RFC 8828 5.2)."""

    def __post_init__(self) -> None:
        """Refuse half a credential."""
        empty_is_none(self, "user", "password")
        check_server("server", self.server)
        for key in ("user", "password"):
            check_text(key, getattr(self, key))
        if self.user and self.password is None:
            raise SettingError("user", "is set without its password; set password too")
        if self.password is not None and not self.user:
            raise SettingError("password", "is set without its user; set user too")

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The settings for rich, without the password."""
        shown = {"password": self.password and HIDDEN}
        return [(name, shown.get(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        """The settings without the password."""
        return f"TurnConfig({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class NatConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an endpoint makes itself reachable from beyond a NAT."""

    stun: str | None = None
    """A STUN server (RFC 8489), ``host`` or ``host:port``: SIP over UDP, and media, say what it sees."""
    turn: TurnConfig | None = None
    """A relay for the media; it is used by ICE, which it switches on."""
    ice: bool = False
    """Find the way of the media with ICE (RFC 8445)."""
    public_address: str | None = None
    """The address that is told to peers in Contact, Via and SDP, when it is known without asking."""
    rewrite_contact: bool = True
    """Register the address that the registrar saw, when it is another than ours."""
    keep_alive_s: KeepAlive | None = None
    """Seconds between keep-alives (CRLF, RFC 5626 4.4.1); 0 sends none, None is the library's 15 or 90.

    Over UDP to the registrar while registered, up to a fifth sooner; over TCP and TLS on every connection.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        empty_is_none(self, "stun", "public_address")
        if self.stun:
            check_server("stun", self.stun)
        if self.public_address:
            address = ipv4_address("public_address", self.public_address)
            msgspec.structs.force_setattr(self, "public_address", address)
        if self.public_address and self.stun:
            raise SettingError("public_address", "contradicts stun, which finds the address out; leave one")
        if self.keep_alive_s and not KEEP_ALIVE_MIN_S <= self.keep_alive_s <= KEEP_ALIVE_MAX_S:
            some = f"{KEEP_ALIVE_MIN_S} to {KEEP_ALIVE_MAX_S} s"
            what = f"expected 0 (none) or {some}, got {self.keep_alive_s}"
            raise SettingError("keep_alive_s", what)

    @property
    def uses_ice(self) -> bool:
        """Whether ICE is asked for, or needed by what is."""
        return self.ice or self.turn is not None

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values for a report, without the relay's password."""
        settings: dict[str, Any] = msgspec.to_builtins(self)
        if self.turn is not None:
            settings["turn"]["password"] = self.turn.password and HIDDEN
        return settings


def check_server(key: str, text: str) -> None:
    """Raise SettingError unless ``text`` is a host or ``host:port``."""
    found = _SERVER.fullmatch(text)
    if not found or not 1 <= int(found[1] or 1) <= 65535:
        raise SettingError(key, f"expected a host or host:port such as stun.example.org:3478, got {text!r}")


def ipv4_address(key: str, text: str) -> str:
    """``text`` as the IPv4 address of one host; raises SettingError when it is none."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise SettingError(key, f"expected an IPv4 address such as 203.0.113.7, got {text!r}") from None
    if address.is_multicast or address.is_unspecified:
        raise SettingError(key, f"{text} is the address of no host")
    return str(address)
