"""Response of a registrar without a location service to REGISTER (RFC 3261 10.3): the requested bindings."""

from __future__ import annotations

import re

from bot.ipc import Header
from bot.sip import Message

__all__ = ["granted"]

DEFAULT_S = "3600"
EXPIRES = re.compile(r";\s*expires\s*=\s*(\d+)", re.IGNORECASE)
BETWEEN = re.compile(r',(?=\s*(?:"[^"]*"\s*)?(?:<|\w+:))')
"""A comma between two contacts, and none within one."""


def granted(request: str) -> list[Header]:
    """The header fields of the 200: each Contact with its expiry, but for those that are taken back."""
    message = Message.parse(request)
    everyone = message.header("Expires") or DEFAULT_S
    fields: list[Header] = []
    for contact in BETWEEN.split(",".join(message.headers("Contact"))):
        own = EXPIRES.search(contact)
        expires = own[1] if own else everyone
        if contact.strip() not in {"", "*"} and int(expires):
            fields.append(("Contact", f"{EXPIRES.sub('', contact).strip()};expires={expires}"))
    return fields
