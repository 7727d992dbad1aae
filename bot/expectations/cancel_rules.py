"""Rules for CANCEL (RFC 3261 9): whether a cancelled INVITE ended, and whether its messages are correct.

The module reads the messages of a call; its callers do the waiting.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.sip import Message, tags
from bot.ua import TracedMessage

__all__ = ["incomplete", "wrong_with"]
SAME = ("Call-ID", "From", "To")
"""Header fields that a CANCEL copies from its INVITE, with the tag in To or its absence (RFC 3261 9.1)."""


def incomplete(messages: Sequence[TracedMessage]) -> str | None:
    """The missing part of a CANCEL exchange; None when the exchange is complete."""
    cancel = last(messages, "CANCEL")
    if cancel is None:
        return "no CANCEL"
    invite = cancelled(messages, cancel)
    if invite is None:
        return "no INVITE that the CANCEL belongs to"
    if final(messages, cancel) is None:
        return "no response to the CANCEL"
    end = final(messages, invite)
    if end is None:
        return "no final response to the INVITE"
    if acknowledgement(messages, invite) is None:
        return f"no ACK of the {end.status}"
    return None


def wrong_with(messages: Sequence[TracedMessage]) -> list[str]:
    """The illegal differences between a CANCEL and its INVITE, and other violations of RFC 3261 9.1."""
    cancel = last(messages, "CANCEL")
    invite = cancelled(messages, cancel) if cancel is not None else None
    if cancel is None or invite is None:
        return []
    cancelling, asked = cancel.message, invite.message
    pairs = [
        ("Request-URI", cancelling.uri, asked.uri),
        *((name, cancelling.header(name), asked.header(name)) for name in SAME),
        ("CSeq number", number(cancelling), number(asked)),
        ("top Via", top_via(cancelling), top_via(asked)),
        ("Route", cancelling.headers("Route"), asked.headers("Route")),
    ]
    faults = [f"{name} is {mine!r}, the INVITE's is {its!r}" for name, mine, its in pairs if mine != its]
    if tags(cancelling, "Require") or tags(cancelling, "Proxy-Require"):
        faults.append("it has Require or Proxy-Require")
    if cancel.sent and not provisional_before(messages, invite, cancel):
        faults.append("it was sent before any provisional response")
    return faults


def last(messages: Sequence[TracedMessage], method: str) -> TracedMessage | None:
    """The latest request with that method."""
    return next((traced for traced in reversed(messages) if traced.message.method == method), None)


def cancelled(messages: Sequence[TracedMessage], cancel: TracedMessage) -> TracedMessage | None:
    """The INVITE that a CANCEL cancels: with the same CSeq number, else the latest one before it."""
    before = list(messages)[: list(messages).index(cancel)]
    invites = [
        traced for traced in before if traced.sent is cancel.sent and traced.message.method == "INVITE"
    ]
    same = [invite for invite in invites if number(invite.message) == number(cancel.message)]
    candidates = same or invites
    return candidates[-1] if candidates else None


def final(messages: Sequence[TracedMessage], request: TracedMessage) -> Message | None:
    """The final response to a request."""
    for traced in messages:
        message = traced.message
        if traced.sent is not request.sent and message.is_final and message.cseq == request.message.cseq:
            return message
    return None


def acknowledgement(messages: Sequence[TracedMessage], invite: TracedMessage) -> Message | None:
    """The ACK of an INVITE's final response."""
    wanted = (number(invite.message), "ACK")
    found = (
        traced.message for traced in messages if traced.sent is invite.sent and traced.message.method == "ACK"
    )
    return next((message for message in found if message.cseq == wanted), None)


def provisional_before(
    messages: Sequence[TracedMessage], invite: TracedMessage, cancel: TracedMessage
) -> bool:
    """Whether a response to the INVITE arrived before the CANCEL was sent."""
    before = list(messages)[: list(messages).index(cancel)]
    return any(
        not traced.sent and traced.message.is_provisional and traced.message.cseq == invite.message.cseq
        for traced in before
    )


def number(message: Message) -> int:
    """The CSeq number; 0 without one."""
    return message.cseq[0] if message.cseq else 0


def top_via(message: Message) -> str:
    """The first Via, with its branch."""
    return (message.header("Via") or "").partition(",")[0].strip()
