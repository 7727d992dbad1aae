"""Header fields that an endpoint puts on every message of a kind, as settings."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ConfigError
from .header_fields import header_list
from .message_kind import MessageKind
from .settings import SettingError

__all__ = ["StampedHeaders", "check_stamped", "stamps"]

StampedHeaders = dict[str, dict[str, str | list[str]]]
"""By kind of message: ``{"200 BYE": {"X-Charge": "1"}, "*": {"Organization": "Example"}}``."""

EVERY = "*"
LIBRARYS = {
    "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "route", "record-route",
    "content-type", "c", "content-length", "l", "rseq", "rack",
}  # fmt: skip
"""What transactions and dialogs live by."""


def stamps(settings: StampedHeaders) -> Iterator[tuple[MessageKind, str, list[str]]]:
    """Each kind of message with the name and the values of a header field; ConfigError for what is none."""
    for kind, headers in settings.items():
        meant = MessageKind(None if kind == EVERY else kind)
        for name in headers:
            fields = header_list({name: headers[name]})
            if name.lower() in LIBRARYS:
                raise ConfigError(f"{name} is the library's own, since calls live by it")
            yield meant, name.strip(), [value for _, value in fields]


def check_stamped(key: str, settings: StampedHeaders) -> None:
    """Refuse what is no header field, or the library's."""
    try:
        list(stamps(settings))
    except ConfigError as error:
        raise SettingError(key, str(error)) from None
