"""What the settings of an endpoint are made of: the error for one, secrets, and checks that several share."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from .errors import ConfigError
from .sip import parse_uri

__all__ = ["HIDDEN", "Secret", "SettingError", "check_text", "check_uri", "empty_is_none"]

Secret = Annotated[
    str, Meta(extra_json_schema={"format": "password", "writeOnly": True}, extra={"secret": True})
]
"""Text that no error, ``repr`` or report shows."""

HIDDEN = "***"
"""What is shown instead."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SettingError(ConfigError, ValueError):
    """The setting ``key`` is not usable; a ValueError too, so that msgspec says where in a document it is."""

    def __init__(self, key: str, what: str) -> None:
        """Say ``what`` is wrong with ``key`` and what to do."""
        super().__init__(f"{key}: {what}")
        self.key = key


def empty_is_none(settings: msgspec.Struct, *names: str) -> None:
    """An empty text means that nothing is set."""
    for name in names:
        if getattr(settings, name) == "":
            msgspec.structs.force_setattr(settings, name, None)


def check_text(key: str, text: str | None) -> None:
    """Refuse what would break a header's line."""
    if _CONTROL.search(text or ""):
        raise SettingError(key, "has a line break or a control character in it")


def check_uri(key: str, text: str) -> None:
    """Refuse what is no SIP URI that the library can use."""
    try:
        uri = parse_uri(text)
    except ConfigError as error:
        raise SettingError(key, str(error)) from None
    if uri.scheme == "tel":
        raise SettingError(key, f"expected a sip: or sips: URI, got {text!r}")
    if uri.password is not None:
        raise SettingError(key, "has a password in it; set user and password instead")
    if uri.is_ipv6:
        raise SettingError(key, f"{uri.host} is an IPv6 address, and this library build has no IPv6")
