"""The bindings in a registrar's 200 to our REGISTER (RFC 3261 10.2.4): ours has to be among them.

A registrar behind a NAT may list the address that our request came from in place of the one in its Contact.
"""

from __future__ import annotations

import re
from collections import OrderedDict

from bot.errors import ConfigError
from bot.sip import Message, parse_uri, redact

__all__ = ["Bindings"]

KEPT = 64
"""REGISTERs that are remembered."""
URI = re.compile(r"\bsips?:[^>,;\s]+", re.IGNORECASE)
VIA_PARAMETER = re.compile(r";\s*(received|rport)\s*=\s*([^;,\s]+)", re.IGNORECASE)
DEFAULT_PORT = {"sip": 5060, "sips": 5061}

Address = tuple[str, str, int]
"""User, host and port."""


class Bindings:
    """Remembers the REGISTERs that leave."""

    def __init__(self) -> None:
        self._sent: OrderedDict[tuple[str | None, tuple[int, str] | None], Message] = OrderedDict()

    def sent(self, text: str) -> None:
        """A message has left."""
        if text.startswith("REGISTER "):
            request = Message.parse(text)
            self._sent[request.call_id, request.cseq] = request
            if len(self._sent) > KEPT:
                self._sent.popitem(last=False)

    def missing(self, response: Message) -> str:
        """Why the registration is not ours, if a 200 lists other Contacts only; else empty."""
        request = self._sent.get((response.call_id, response.cseq))
        listed = response.headers("Contact")
        if request is None or not listed or request.header("Expires") == "0":
            return ""
        ours, theirs = addresses(request.headers("Contact")), addresses(listed)
        seen = {name.lower(): value for name, value in VIA_PARAMETER.findall(response.header("Via") or "")}
        if seen.get("rport", "").isdecimal():
            ours |= {(user, seen.get("received", host).lower(), int(seen["rport"])) for user, host, _ in ours}
        if not ours or not theirs or ours & theirs:
            return ""
        who = redact(", ".join(request.headers("Contact")))
        return f"the registrar lists only other Contacts: {redact(', '.join(listed))}; not ours: {who}"


def addresses(contacts: tuple[str, ...] | list[str]) -> set[Address]:
    """The addresses of these Contact header fields, without those that are not valid URIs."""
    found = set()
    for text in URI.findall(",".join(contacts)):
        try:
            uri = parse_uri(text)
        except ConfigError:
            continue
        found.add((uri.user or "", uri.host.lower(), uri.port or DEFAULT_PORT[uri.scheme]))
    return found
