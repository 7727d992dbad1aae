"""One identity of an endpoint: who it is, how it proves that, where it registers (RFC 3261 10 and 22)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .display_name import name_addr, quoted
from .errors import ConfigError
from .header_fields import header_list
from .settings import HIDDEN, Secret, SettingError, check_text, check_uri, empty_is_none
from .sip import parse_uri

__all__ = ["Identity", "address_of_record"]

_LONGEST_S = 2**31 - 1

ExpiryS = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": _LONGEST_S})]


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address of record with its credentials and its registrar."""

    id: str | None = None
    """The address of record, for instance ``"Alice" <sip:alice@example.org>``."""
    display_name: str | None = None
    """The name that callees are shown: any text, without quotes."""
    user: str | None = None
    """The user name for digest authentication."""
    password: Secret | None = None
    realm: str | None = None
    """The realm that the credentials are for; None is any."""
    registrar: str | None = None
    """The URI to register at; None does not register."""
    proxy: str | None = None
    """The URI of the outbound proxy."""
    expires_s: ExpiryS = 300
    """How long a registration is asked for, in seconds; it is refreshed before it expires."""
    register_at_start: bool = True
    """Register as soon as the endpoint starts; else ``Endpoint.register`` does."""
    register_headers: dict[str, str | list[str]] = {}
    """Header fields for every REGISTER."""
    mwi: bool = False
    """Ask for the state of the mailbox (RFC 3842) once registered, and take it unasked too."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        empty_is_none(self, "id", "display_name", "user", "password", "realm", "registrar", "proxy")
        for key in ("display_name", "user", "password", "realm"):
            check_text(key, getattr(self, key))
        for key in ("id", "registrar", "proxy"):
            if value := getattr(self, key):
                check_uri(key, value)
        if self.display_name and self.id and parse_uri(self.id).display_name:
            raise SettingError("display_name", "stands in id too; leave one")
        if not 1 <= self.expires_s <= _LONGEST_S:
            raise SettingError(
                "expires_s", f"expected 1 to {_LONGEST_S} seconds, got {self.expires_s}; 0 would unregister"
            )
        try:
            header_list(self.register_headers)
        except ConfigError as error:
            raise SettingError("register_headers", str(error)) from None

    def address(self, otherwise: str) -> str:
        """What goes into From: the ``id`` or another URI, with the display name."""
        uri = self.id or otherwise
        if not self.display_name:
            return name_addr(uri)
        return f"{quoted(self.display_name)} {uri if uri.lstrip().startswith('<') else f'<{uri}>'}"

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values for a report, without the password."""
        settings: dict[str, Any] = msgspec.to_builtins(self)
        return settings | {"password": self.password and HIDDEN}

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The settings for rich, without the password."""
        shown = {"password": self.password and HIDDEN}
        return [(name, shown.get(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        """The settings without the password."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"


def address_of_record(text: str) -> str:
    """The URI of an identity without display name and parameters, by which it is known."""
    uri = parse_uri(text)
    return str(msgspec.structs.replace(uri, params=()))
