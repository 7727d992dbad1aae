"""Giving up an INVITE with CANCEL (RFC 3261 9): what came of it, and whether its messages are right.

It reads the messages of a call, and waits by whoever can wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .deadline import Deadline
from .errors import WaitTimeout
from .record import CallRecord, TracedMessage
from .reliability import tags
from .sip import Message

__all__ = ["Cancellation", "incomplete", "wrong_with"]

PROVISIONAL, FINAL, REFUSED = range(100, 200), 200, 300
SAME = ("Call-ID", "From", "To")
"""What a CANCEL copies from its INVITE; the tag in To, or its absence, is part of it (RFC 3261 9.1)."""


class Waiter(Protocol):
    """Who can wait until something about the call holds."""

    def wait_until(self, holds: Callable[[], bool], deadline: Deadline) -> bool:
        """Whether it held before the deadline passed."""


class Cancellation:
    """An INVITE that this side does not want answered any more."""

    def __init__(self, waiter: Waiter, known: CallRecord) -> None:
        self._waiter = waiter
        self._known = known
        invites = [one.message for one in known.messages if one.sent and one.message.method == "INVITE"]
        self._cseq = max((one.cseq[0] for one in invites if one.cseq), default=0)

    @property
    def sent(self) -> bool:
        """Whether the CANCEL has left; it is held back until the peer has said that it has the INVITE."""
        return any(
            one.sent and one.message.method == "CANCEL" and one.message.cseq == (self._cseq, "CANCEL")
            for one in self._known.messages
        )

    @property
    def code(self) -> int | None:
        """The status code of the INVITE's final response, when it has come: 487, unless it was too late."""
        codes = [
            one.message.status
            for one in self._known.messages
            if not one.sent and one.message.cseq == (self._cseq, "INVITE") and one.message.status >= FINAL
        ]
        return codes[-1] if codes else None

    def wait(self, timeout: float = 32.0) -> int:
        """Wait for the INVITE's final response and return its status code.

        Raises WaitTimeout when none has come within ``timeout`` seconds.
        """
        if not self._waiter.wait_until(lambda: self.code is not None, Deadline(timeout)):
            held = "the CANCEL was sent" if self.sent else "no provisional response let the CANCEL go"
            raise WaitTimeout(f"call {self._known.number}: the INVITE has no end after {timeout:g} s: {held}")
        assert self.code is not None
        return self.code


def incomplete(messages: Sequence[TracedMessage]) -> str | None:
    """What of a CANCEL and of what has to follow it is not there yet; None when all of it is."""
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
    """Where a CANCEL differs from its INVITE though it must not, and what else RFC 3261 9.1 forbids."""
    cancel = last(messages, "CANCEL")
    invite = cancelled(messages, cancel) if cancel is not None else None
    if cancel is None or invite is None:
        return []
    told, asked = cancel.message, invite.message
    pairs = [
        ("Request-URI", told.uri, asked.uri),
        *((name, told.header(name), asked.header(name)) for name in SAME),
        ("CSeq number", number(told), number(asked)),
        ("top Via", top_via(told), top_via(asked)),
        ("Route", told.headers("Route"), asked.headers("Route")),
    ]
    faults = [f"{name} is {mine!r}, the INVITE's is {its!r}" for name, mine, its in pairs if mine != its]
    if tags(told, "Require") or tags(told, "Proxy-Require"):
        faults.append("it has Require or Proxy-Require")
    if cancel.sent and not provisional_before(messages, invite, cancel):
        faults.append("it was sent before any provisional response")
    return faults


def last(messages: Sequence[TracedMessage], method: str) -> TracedMessage | None:
    """The latest request of that method."""
    return next((one for one in reversed(messages) if one.message.method == method), None)


def cancelled(messages: Sequence[TracedMessage], cancel: TracedMessage) -> TracedMessage | None:
    """The INVITE that a CANCEL is about: of the same CSeq number, else the latest before it."""
    before = list(messages)[: list(messages).index(cancel)]
    invites = [one for one in before if one.sent is cancel.sent and one.message.method == "INVITE"]
    same = [one for one in invites if number(one.message) == number(cancel.message)]
    candidates = same or invites
    return candidates[-1] if candidates else None


def final(messages: Sequence[TracedMessage], request: TracedMessage) -> Message | None:
    """The final response to a request."""
    for one in messages:
        message = one.message
        if one.sent is not request.sent and message.status >= FINAL and message.cseq == request.message.cseq:
            return message
    return None


def acknowledgement(messages: Sequence[TracedMessage], invite: TracedMessage) -> Message | None:
    """The ACK of an INVITE's final response."""
    wanted = (number(invite.message), "ACK")
    found = (one.message for one in messages if one.sent is invite.sent and one.message.method == "ACK")
    return next((message for message in found if message.cseq == wanted), None)


def provisional_before(
    messages: Sequence[TracedMessage], invite: TracedMessage, cancel: TracedMessage
) -> bool:
    """Whether a response to the INVITE had come when the CANCEL was sent."""
    before = list(messages)[: list(messages).index(cancel)]
    return any(
        not one.sent and one.message.status in PROVISIONAL and one.message.cseq == invite.message.cseq
        for one in before
    )


def number(message: Message) -> int:
    """The CSeq number; 0 when there is none."""
    return message.cseq[0] if message.cseq else 0


def top_via(message: Message) -> str:
    """The first Via, with its branch."""
    return (message.header("Via") or "").partition(",")[0].strip()
