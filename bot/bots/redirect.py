"""A redirecter: sends every caller elsewhere."""

from __future__ import annotations

from bot.bots.reject import checked_code
from bot.call import Call
from bot.controller import Controller
from bot.errors import ConfigError
from bot.sip import parse_uri

__all__ = ["Redirecter"]


class Redirecter(Controller):
    """Answers with 302 Moved Temporarily, or another 3xx, and the contacts in order of preference."""

    def __init__(self, contact: str | tuple[str, ...], *, code: int = 302, reason: str = "") -> None:
        contacts = [contact] if isinstance(contact, str) else list(contact)
        if not contacts:
            raise ConfigError("contact: is empty; name where calls go")
        if checked_code(code) >= 400:
            raise ConfigError(f"code: {code} does not redirect a call; expected 300 to 399")
        self._code = code
        self._reason = reason
        self._headers = {"Contact": ", ".join(map(bracketed, contacts))}

    def on_incoming_call(self, call: Call) -> None:
        call.answer(self._code, reason=self._reason, headers=self._headers)


def bracketed(text: str) -> str:
    """The URI in angle brackets, without which its parameters would be the header's."""
    try:
        uri = parse_uri(text)
    except ConfigError as error:
        raise ConfigError(f"contact: {error}") from None
    return f"<{uri}>"
