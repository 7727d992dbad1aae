"""Check of where our requests in a dialog would go: its IP version has to be one of ours.

That is the first Record-Route of the request, or without one its Contact (RFC 3261 12.1.1, 12.2.1.1). The
library answers 500 to an address that it has no transport for.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from bot.sip.intake.head import Head
from bot.sip.intake.refusal import BAD_REQUEST, Refusal

__all__ = ["check_next_hop"]

SETS_TARGET = {b"INVITE", b"UPDATE", b"SUBSCRIBE", b"NOTIFY", b"REFER"}
"""Methods that make a dialog or refresh its target (RFC 3261 12.1, 12.2, RFC 3311, RFC 6665, RFC 3515)."""
ADDRESS = re.compile(
    rb"sips?:(?:[^@<>\s]*+@)?(?:(\[[0-9A-Fa-f:.]++\])|[0-9.]++(?=[:;>?,\s]|$))", re.IGNORECASE
)


def check_next_hop(head: Head, versions: Collection[int]) -> None:
    """Raise Refusal for a first hop of an IP version that the endpoint does not have."""
    if head.method not in SETS_TARGET:
        return
    name = "Record-Route" if b"record-route" in head.fields else "Contact"
    found = ADDRESS.search((head.first(name.lower().encode()) or b"").partition(b",")[0])
    if found is None:
        return
    version = 6 if found[1] else 4
    if version not in versions:
        why = f"its {name} is an IPv{version} address, and this endpoint has IPv{min(versions)} only"
        raise Refusal(f"ipv{version}-{name.lower()}", BAD_REQUEST, why)
