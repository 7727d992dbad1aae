"""Bot ``redirect``: redirects every call with a 3xx response (RFC 3261 section 21.3)."""

from __future__ import annotations

from bot.bots.reject import checked_code
from bot.errors import ConfigError
from bot.sip import is_redirection, parse_uri
from bot.ua import Call, Controller

__all__ = ["Redirecter"]


class Redirecter(Controller):
    """Responds with ``code`` (302 Moved Temporarily) and the contacts in order of preference."""

    def __init__(self, contact: str | tuple[str, ...], *, code: int = 302, reason: str = "") -> None:
        contacts = [contact] if isinstance(contact, str) else list(contact)
        if not contacts:
            raise ConfigError("contact: is empty; add the URI that callers are redirected to")
        if not is_redirection(checked_code(code)):
            raise ConfigError(f"code: {code} does not redirect a call; expected 300 to 399")
        self._code = code
        self._reason = reason
        self._headers = {"Contact": ", ".join(map(bracketed, contacts))}

    def on_incoming_call(self, call: Call) -> None:
        call.answer(self._code, reason=self._reason, headers=self._headers)


def bracketed(text: str) -> str:
    """The URI in angle brackets; otherwise its parameters would be header field parameters."""
    try:
        uri = parse_uri(text)
    except ConfigError as error:
        raise ConfigError(f"contact: {error}") from None
    return f"<{uri}>"
