"""Checks that several settings share, their exception ``SettingError``, and the type of secrets."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.errors import ConfigError
from bot.sip import parse_uri

__all__ = [
    "HIDDEN",
    "LEAST_S",
    "LIBRARYS_EVENTS",
    "LONGEST_MS",
    "Secret",
    "SettingError",
    "check_event_type",
    "check_intervals",
    "check_ptime",
    "check_text",
    "check_uri",
    "empty_is_none",
    "hidden",
]

Secret = Annotated[
    str, Meta(extra_json_schema={"format": "password", "writeOnly": True}, extra={"secret": True})
]
"""Text that errors, ``repr`` and reports replace by ``HIDDEN``."""

HIDDEN = "***"
"""Replacement of a secret in errors, ``repr`` and reports."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SettingError(ConfigError, ValueError):
    """The setting ``key`` is invalid; a ValueError, so that msgspec adds its path in the document."""

    def __init__(self, key: str, problem: str) -> None:
        """Make the message ``KEY: PROBLEM``; ``problem`` has the cause and the remedy."""
        super().__init__(f"{key}: {problem}")
        self.key = key


def empty_is_none(settings: msgspec.Struct, *names: str) -> None:
    """Replace the empty text by None in the named settings."""
    for name in names:
        if getattr(settings, name) == "":
            msgspec.structs.force_setattr(settings, name, None)


def hidden(secret: str | None) -> str | None:
    """``HIDDEN`` for a secret, None without a secret."""
    return None if secret is None else HIDDEN


def check_text(key: str, text: str | None) -> None:
    """Raise SettingError for text that cannot be in a SIP header field."""
    if _CONTROL.search(text or ""):
        raise SettingError(key, "contains a line break or a control character; remove it")


def check_uri(key: str, text: str, *, tel: bool = False) -> None:
    """Raise SettingError unless ``text`` is a SIP URI, or with ``tel`` a tel: URI (RFC 3966)."""
    try:
        uri = parse_uri(text)
    except ConfigError as error:
        raise SettingError(key, str(error)) from None
    if uri.scheme == "tel":
        if tel and not uri.params:
            return
        if tel:
            raise SettingError(key, f"a tel: URI with parameters cannot be written into From, got {text!r}")
        raise SettingError(key, f"expected a sip: or sips: URI, got {text!r}")
    if uri.password is not None:
        raise SettingError(key, "contains a password; set user and password instead")


LEAST_S = 90

LONGEST_S = 2**31 - 1


def check_intervals(session_expires_s: int, min_se_s: int) -> None:
    """Raise SettingError for session intervals that RFC 4028 does not allow."""
    if not LEAST_S <= min_se_s <= LONGEST_S:
        raise SettingError("min_se_s", f"expected {LEAST_S} seconds or more (RFC 4028 5), got {min_se_s}")
    if not min_se_s <= session_expires_s <= LONGEST_S:
        raise SettingError(
            "session_expires_s", f"expected min_se_s ({min_se_s} seconds) or more, got {session_expires_s}"
        )


LIBRARYS_EVENTS = 120

"""Default payload type of telephone-events in the library."""

STEP_MS, LONGEST_MS = 10, 200

DYNAMIC = range(96, 128)

"""Dynamic payload types (RFC 3551 section 6)."""


def check_ptime(key: str, ms: int | None) -> None:
    """Raise SettingError for a packet duration that the library cannot send."""
    if ms is not None and (ms % STEP_MS or not STEP_MS <= ms <= LONGEST_MS):
        raise SettingError(key, f"expected {STEP_MS} to {LONGEST_MS} ms in steps of {STEP_MS}, got {ms}")


def check_event_type(key: str, number: int) -> None:
    """Raise SettingError for a payload type that telephone-events cannot have."""
    if number and number not in DYNAMIC:
        raise SettingError(key, f"expected 0 (none) or a dynamic payload type from 96 to 127, got {number}")
