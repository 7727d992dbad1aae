"""Whom a caller asked for: the user part of the INVITE's Request-URI."""

from __future__ import annotations

from bot.call import Call
from bot.errors import ConfigError
from bot.sip import parse_uri

__all__ = ["called_user"]


def called_user(call: Call) -> str:
    """As it was sent, at most 64 characters of it; empty when there is none or the INVITE was not traced."""
    invite = next((one.message for one in call.known.messages if one.message.method == "INVITE"), None)
    try:
        user = parse_uri(invite.uri if invite is not None else call.known.local_uri).user
    except ConfigError:
        return ""
    return (user or "")[:64]
