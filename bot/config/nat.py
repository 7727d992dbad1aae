"""Settings for NAT traversal: STUN, TURN, ICE, public address, keep-alives (RFC 8489, 8656, 8445, 5626)."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bot.config.validation import Secret, SettingError, check_text, empty_is_none, hidden

__all__ = ["NatConfig", "TurnConfig", "check_server", "ipv4_address"]

KEEP_ALIVE_MIN_S, KEEP_ALIVE_MAX_S = 2, 3600
"""The library sends after 4/5 of the interval, in whole seconds: with 1 s it would send without a pause."""
_SERVER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::([0-9]{1,5}))?")

KeepAlive = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": KEEP_ALIVE_MAX_S})]


class TurnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TURN server that relays the media (RFC 8656)."""

    server: str
    """Address of the TURN server: ``host`` or ``host:port``; default port: 3478."""
    user: str | None = None
    """User name of the long-term credential (RFC 8489 section 9.2)."""
    password: Secret | None = None
    """Password of the long-term credential."""
    transport: Literal["udp", "tcp"] = "udp"
    """Transport from the endpoint to the TURN server; the relayed media always use UDP."""
    only: bool = False
    """Whether ICE offers relay candidates only, so that all media pass the relay (RFC 8828 section 5.2)."""

    def __post_init__(self) -> None:
        """Validate the settings; raises SettingError."""
        empty_is_none(self, "user")
        check_server("server", self.server)
        for key in ("user", "password"):
            check_text(key, getattr(self, key))
        if self.user and self.password is None:
            raise SettingError("user", "needs a password; set password too")
        if self.password is not None and not self.user:
            raise SettingError("password", "needs a user name; set user too")

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The settings for rich, without the password."""
        redacted = {"password": hidden(self.password)}
        return [(name, redacted.get(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        """The settings without the password."""
        return f"TurnConfig({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class NatConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings for NAT traversal."""

    stun: str | None = None
    """STUN server (RFC 8489), ``host`` or ``host:port``; SIP over UDP and SDP have its mapped address."""
    turn: TurnConfig | None = None
    """TURN server for the media; it enables ICE."""
    ice: bool = False
    """Whether ICE (RFC 8445) selects the media path."""
    ice_rtcp: bool = True
    """Whether ICE has a component for RTCP; without it, the peer must have one component too."""
    public_address: str | None = None
    """Public IPv4 address of the NAT, for Contact, Via and SDP."""
    rewrite_contact: bool = True
    """Whether REGISTER is repeated with the source address that the registrar reports in Via (RFC 3581)."""
    keep_alive_s: KeepAlive | None = None
    """Interval of CRLF keep-alives (RFC 5626 4.4.1) in s; 0: none; default: 15 (UDP) or 90 (TCP, TLS).

    Over UDP, registered accounts send keep-alives to the registrar, after 4/5 of the interval or more; over
    TCP and TLS, every connection carries keep-alives.
    """

    def __post_init__(self) -> None:
        """Validate the settings; raises SettingError."""
        empty_is_none(self, "stun", "public_address")
        if self.stun:
            check_server("stun", self.stun)
        if self.public_address:
            address = ipv4_address("public_address", self.public_address)
            msgspec.structs.force_setattr(self, "public_address", address)
        if not self.ice_rtcp and not self.uses_ice:
            raise SettingError("ice_rtcp", "needs ICE; set ice or turn too")
        if self.public_address and self.stun:
            raise SettingError(
                "public_address", "contradicts stun, which finds the address; remove one of them"
            )
        if self.keep_alive_s and not KEEP_ALIVE_MIN_S <= self.keep_alive_s <= KEEP_ALIVE_MAX_S:
            limits = f"{KEEP_ALIVE_MIN_S} to {KEEP_ALIVE_MAX_S} s"
            raise SettingError("keep_alive_s", f"expected 0 (none) or {limits}, got {self.keep_alive_s}")

    @property
    def uses_ice(self) -> bool:
        """Whether the settings enable ICE."""
        return self.ice or self.turn is not None

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values for a report, without the TURN password."""
        settings: dict[str, Any] = msgspec.to_builtins(self)
        if self.turn is not None:
            settings["turn"]["password"] = hidden(self.turn.password)
        return settings


def check_server(key: str, text: str) -> None:
    """Raise SettingError unless ``text`` is a host or ``host:port``."""
    found = _SERVER.fullmatch(text)
    if not found or not 1 <= int(found[1] or 1) <= 65535:
        raise SettingError(key, f"expected a host or host:port such as stun.example.org:3478, got {text!r}")


def ipv4_address(key: str, text: str) -> str:
    """``text`` as the IPv4 address of a host; raises SettingError for other text."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise SettingError(key, f"expected an IPv4 address such as 203.0.113.7, got {text!r}") from None
    if address.is_multicast or address.is_unspecified:
        raise SettingError(key, f"expected the IPv4 address of a host, got {text}")
    return str(address)
