"""Digest credentials for a realm (RFC 3261 section 22, RFC 7616)."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.config.validation import HIDDEN, Secret, SettingError, check_text

__all__ = ["ANY_REALM", "MOST", "Credential", "check_realms"]

ANY_REALM = "*"
MOST = 8
"""Largest number of credentials of an account in the library (PJSUA_MAX_CREDS)."""


class Credential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """User name and password for one realm."""

    user: str
    """User name for digest authentication."""
    password: Secret
    """Password; may be empty."""
    realm: str = ANY_REALM
    """Realm of the challenge; ``*`` is any realm without other credentials."""

    def __post_init__(self) -> None:
        """Validate the settings; raises SettingError."""
        for key in ("user", "password", "realm"):
            check_text(key, getattr(self, key))
        if not self.user:
            raise SettingError("user", "is empty; set a user name")
        if not self.realm:
            raise SettingError("realm", 'is empty; for any realm leave it out or set "*"')

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The settings for rich, without the password."""
        return [("user", self.user), ("password", HIDDEN), ("realm", self.realm)]

    def __repr__(self) -> str:
        """The settings without the password."""
        return f"Credential({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values for a report, without the password."""
        return dict(self.__rich_repr__())


def check_realms(account_realm: str | None, credentials: tuple[Credential, ...]) -> None:
    """Raise SettingError for a realm with two credentials.

    ``account_realm`` is the realm of the account's ``user`` and ``password``; None without a password.
    """
    used = {} if account_realm is None else {account_realm.casefold(): "user and password of the account"}
    for index, credential in enumerate(credentials):
        realm = credential.realm.casefold()
        if realm in used:
            raise SettingError(
                f"credentials[{index}].realm", f"duplicate realm {credential.realm}, see {used[realm]}"
            )
        used[realm] = f"credentials[{index}]"
    if len(used) > MOST:
        raise SettingError("credentials", f"expected at most {MOST}, got {len(used)}")
