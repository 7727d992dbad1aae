"""Settings of one account: address of record, digest credentials, registrar (RFC 3261 sections 10 and 22)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bot.config.credentials import ANY_REALM, Credential, check_realms
from bot.config.subscriptions import Subscription, check_subscriptions
from bot.config.validation import Secret, SettingError, check_text, check_uri, empty_is_none, hidden
from bot.errors import ConfigError
from bot.sip import header_list, name_addr, parse_uri, quoted

__all__ = ["AccountConfig", "address_of_record"]

_LONGEST_S = 2**31 - 1

ExpiryS = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": _LONGEST_S})]


class AccountConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SIP account: an address of record with its credentials and its registrar."""

    id: str | None = None
    """Address of record, for instance ``"Alice" <sip:alice@example.org>``."""
    display_name: str | None = None
    """Display name in From: any text, without quotes."""
    user: str | None = None
    """User name for digest authentication; default: the user of ``id``."""
    password: Secret | None = None
    """Password for digest authentication; an empty text is an empty password."""
    realm: str | None = None
    """Realm of the user name and the password; default: any realm, as with ``*``."""
    credentials: tuple[Credential, ...] = ()
    """Credentials for further realms."""
    registrar: str | None = None
    """SIP URI of the registrar; default: no registration."""
    proxy: str | None = None
    """SIP URI of the outbound proxy."""
    expires_s: ExpiryS = 300
    """Requested expiry of a registration, in seconds; the endpoint refreshes it before it expires."""
    register_at_start: bool = True
    """Whether the account registers when the endpoint starts; otherwise call ``Endpoint.register``."""
    initial_authorization: bool = False
    """Whether the first REGISTER has an Authorization without response, for IMS (3GPP TS 24.229 5.1.1.2)."""
    publish: bool = False
    """Whether presence is published with PUBLISH (RFC 3903), at ``proxy`` or the domain of ``id``."""
    subscriptions: tuple[Subscription, ...] = ()
    """Subscriptions (RFC 6665), which the endpoint refreshes while it runs."""
    register_headers: dict[str, str | list[str]] = {}
    """Header fields for every REGISTER, by name."""
    mwi: bool | Literal["unsolicited"] = False
    """Whether to subscribe to MWI (RFC 3842) after registration; ``unsolicited``: only accept NOTIFY."""

    def __post_init__(self) -> None:
        """Validate the settings; raises SettingError."""
        empty_is_none(self, "id", "display_name", "user", "realm", "registrar", "proxy")
        for key in ("credentials", "subscriptions"):
            msgspec.structs.force_setattr(self, key, tuple(getattr(self, key)))
        check_subscriptions(self.subscriptions)
        for key in ("display_name", "user", "password", "realm"):
            check_text(key, getattr(self, key))
        self.check_dependencies()
        check_realms(self.realm or ANY_REALM if self.password is not None else None, self.credentials)
        for key in ("id", "registrar", "proxy"):
            if value := getattr(self, key):
                check_uri(key, value, tel=key == "id")
        if self.display_name and self.id and parse_uri(self.id).display_name:
            raise SettingError("display_name", "id has a display name too; remove one of them")
        if not 1 <= self.expires_s <= _LONGEST_S:
            raise SettingError(
                "expires_s",
                f"expected 1 to {_LONGEST_S} seconds, got {self.expires_s}; 0 is an unregistration",
            )
        try:
            header_list(self.register_headers)
        except ConfigError as error:
            raise SettingError("register_headers", str(error)) from None

    def check_dependencies(self) -> None:
        """Raise SettingError for a setting that needs another setting."""
        if self.user and self.password is None:
            raise SettingError("user", 'needs a password; set password too, to "" for an empty password')
        if self.password is not None and not self.user and self.id and not parse_uri(self.id).user:
            raise SettingError("password", "needs a user name, and id has no user; set user too")
        if self.initial_authorization and (self.password is None or self.registrar is None):
            raise SettingError("initial_authorization", "needs a registrar, and a user with a password")
        if self.initial_authorization and self.realm in {None, ANY_REALM}:
            raise SettingError("initial_authorization", "needs a realm before the first challenge; set realm")
        if self.publish and self.id is None:
            raise SettingError("publish", "needs an address of record; set id too")
        if self.publish and self.id and parse_uri(self.id).scheme == "tel" and not self.proxy:
            raise SettingError("publish", "a tel: URI has no host; set proxy to route the PUBLISH")
        if self.mwi is True and self.registrar is None:
            raise SettingError("mwi", "needs a registrar; set registrar, or mwi: unsolicited")

    def address(self, default: str) -> str:
        """The value of From: ``id`` or the URI ``default``, with the display name."""
        uri = self.id or default
        if not self.display_name:
            return name_addr(uri)
        return f"{quoted(self.display_name)} {uri if uri.lstrip().startswith('<') else f'<{uri}>'}"

    def proofs(self, address: str) -> list[Credential]:
        """All credentials of the account; ``address`` is the URI with the default user name."""
        if self.password is None:
            return list(self.credentials)
        user = self.user or parse_uri(address).user or ""
        own = Credential(user=user, password=self.password, realm=self.realm or ANY_REALM)
        return [own, *self.credentials]

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values for a report, without the passwords."""
        settings: dict[str, Any] = msgspec.to_builtins(self)
        return settings | {
            "password": hidden(self.password),
            "credentials": [credential.redacted() for credential in self.credentials],
        }

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The settings for rich, without the passwords."""
        redacted = {"password": hidden(self.password)}
        return [(name, redacted.get(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        """The settings without the password."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"


def address_of_record(text: str) -> str:
    """The address of record of an account: its URI without display name and parameters."""
    uri = parse_uri(text)
    return str(msgspec.structs.replace(uri, params=()))
