"""The setting ``headers``: header fields that an endpoint adds to its SIP messages."""

from __future__ import annotations

from collections.abc import Iterator

from bot.config.validation import SettingError
from bot.errors import ConfigError
from bot.sip import MessageFilter, header_list

__all__ = ["StampedHeaders", "check_stamped", "stamps"]

StampedHeaders = dict[str, dict[str, str | list[str]]]
"""Header fields by message: ``{"200 BYE": {"X-Charge": "1"}, "*": {"Organization": "Example"}}``."""

EVERY = "*"
LIBRARYS = {
    "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "route", "record-route",
    "content-type", "c", "content-length", "l", "rseq", "rack",
}  # fmt: skip
"""Header fields of transactions and dialogs (RFC 3261 sections 8, 12 and 17), which the library sets."""


def stamps(settings: StampedHeaders) -> Iterator[tuple[MessageFilter, str, list[str]]]:
    """The message filter, the name and the values of each header field; raises ConfigError."""
    for kind, headers in settings.items():
        message_filter = MessageFilter(None if kind == EVERY else kind)
        for name in headers:
            fields = header_list({name: headers[name]})
            if name.lower() in LIBRARYS:
                raise ConfigError(f"{name} is set by the library and cannot be changed")
            yield message_filter, name.strip(), [value for _, value in fields]


def check_stamped(key: str, settings: StampedHeaders) -> None:
    """Raise SettingError for an invalid header field, and for a header field that the library sets."""
    try:
        list(stamps(settings))
    except ConfigError as error:
        raise SettingError(key, str(error)) from None
