"""Settings of the subscriptions of an account (RFC 6665)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bot.config.validation import SettingError, check_uri
from bot.sip import parse_uri

__all__ = ["MOST", "Subscription", "check_subscriptions"]

MOST = 32
PRESENCE = "presence"
REFUSED = {
    "dialog": "the library has no API for dialog subscriptions (RFC 4235)",
    "message-summary": "set mwi of the account instead",
    "reg": "the library has no registration subscriptions (RFC 3680)",
}


class Subscription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Subscription to an event package of a resource (RFC 6665)."""

    uri: str
    """SIP URI of the resource."""
    package: str = PRESENCE
    """Event package: ``presence`` (RFC 3856)."""

    def __post_init__(self) -> None:
        """Validate the settings; raises SettingError."""
        check_uri("uri", self.uri)
        if self.package != PRESENCE:
            why = REFUSED.get(self.package, "the library does not support this event package")
            raise SettingError("package", f"expected {PRESENCE}, got {self.package!r}: {why}")


def check_subscriptions(subscriptions: Sequence[Subscription]) -> None:
    """Raise SettingError for a resource with two subscriptions, and for too many subscriptions."""
    if len(subscriptions) > MOST:
        raise SettingError("subscriptions", f"expected at most {MOST}, got {len(subscriptions)}")
    uris: set[str] = set()
    for index, subscription in enumerate(subscriptions):
        uri = str(parse_uri(subscription.uri))
        if uri in uris:
            raise SettingError(f"subscriptions[{index}].uri", f"duplicate URI {uri}")
        uris.add(uri)
