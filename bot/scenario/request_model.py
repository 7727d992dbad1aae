"""Data model of the scenario steps that send a request in or outside of a call, and of registrations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from bot.config import SettingError
from bot.scenario.types import (
    CallName,
    FinalCode,
    Headers,
    Options,
    Party,
)

__all__ = [
    "Addressed",
    "Message",
    "OptionsRequest",
    "Register",
    "Request",
    "Unregister",
]


Sender = Annotated[str, Meta(description="Name of the endpoint that sends the request.")]


class Addressed(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of steps that send a request in a call (``on``) or outside of a call (``from``, ``to``)."""

    on: CallName | None = None
    """Call that carries the request."""
    sender: Sender | None = field(name="from", default=None)
    """Name of the endpoint that sends the request outside of a call."""
    to: Party | None = None
    """Target of a request outside of a call: name of an endpoint, or a SIP URI."""
    headers: Headers = field(default_factory=dict)
    code: FinalCode | None = None
    """Expected status code of the final response, or ``any``; default: 2xx."""

    def __post_init__(self) -> None:
        """Require either a call, or a sender and a target."""
        if (self.on is not None) is (self.sender is not None or self.to is not None):
            raise SettingError("on", "expected either on (in a call), or from and to (outside of a call)")
        if (self.sender is None) is not (self.to is None):
            raise SettingError("to" if self.to is None else "from", "from and to go together")


class Message(Addressed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send MESSAGE (RFC 3428) in a call or outside of a call, and wait for the final response."""

    text: str
    """Text of the message."""


class OptionsRequest(Addressed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send OPTIONS in a call or outside of a call, and wait for the final response (RFC 3261 section 11)."""


class Request(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send a request outside of a call, for instance NOTIFY, and wait for the final response."""

    method: Annotated[str, Meta(pattern=r"^[A-Za-z0-9!%*_+`'~.-]+$")]
    """Method of the request, for instance NOTIFY or PUBLISH."""
    sender: Sender = field(name="from")
    to: Party
    """Request-URI: name of an endpoint, or a SIP URI."""
    body: str = ""
    """Message body."""
    content_type: str = ""
    """Content-Type of the body."""
    headers: Headers = field(default_factory=dict)
    code: FinalCode | None = None
    """Expected status code of the final response, or ``any``; default: 2xx."""


class Register(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Register an account or refresh its registration, and wait for the final response."""

    on: str
    """Name of the endpoint."""
    account: str | None = None
    """Address of record of the account; default: the first account."""
    code: FinalCode | None = None
    """Expected status code of the registrar's final response, or ``any``; default: 2xx."""


class Unregister(Register, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Remove the registration of an account, and wait for the final response."""
