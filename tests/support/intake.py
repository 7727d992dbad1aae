"""SIP messages for the reader in front of the library, and its refusals."""

from __future__ import annotations

from bot.sip.intake import Refusal, judge
from tests.fuzz import seeds

__all__ = ["FACTS", "IN_DIALOG", "description", "message", "refusal"]

FACTS: dict[str, object] = {"port": 5060, "me": 5062, "branch": "1", "call_id": "2", "tag": "3", "cseq": 1}
IN_DIALOG = ";tag=9"
"""The parameter of To in a request within a dialog."""


def message(
    body: str = seeds.DESCRIPTIONS[0],
    *,
    fields: str = "",
    method: str = "INVITE",
    kind: str = seeds.SDP,
    to: str = "",
) -> bytes:
    """A request, by default an INVITE with an offer; ``kind`` is the Content-Type of the body."""
    return seeds.request((method, fields, kind, body), **FACTS, to=to)


def description(*lines: str, address: str = "c=IN IP4 192.0.2.1") -> str:
    return "\r\n".join(
        ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", *filter(None, [address]), "t=0 0", *lines, ""]
    )


def refusal(data: bytes) -> Refusal:
    verdict = judge(data)
    assert isinstance(verdict, Refusal), verdict
    return verdict
