"""SIP messages of one call of a capture, each once, with the side that sent it.

A capture between several hops has a message several times. Of those of the played side the first one counts,
which left it; of the other side's the last one within a second, which reached it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bot.capture.sip_messages import JournalMessage, Messages
from bot.sip import Message
from media.capture.reader import Address, Capture

__all__ = ["CallOfCapture", "Said", "calls_of"]

MOST_CALLS = 10_000
MOST_MESSAGES = 2_000
"""Largest number of messages of a call; a hostile capture may have any number."""
HOPS_S = 1.0
"""Longest time that a message takes through all hops, in seconds."""


@dataclass(frozen=True)
class Said:
    """A message of the call; ``at`` in seconds since 1970."""

    at: float
    by_caller: bool
    message: Message
    source: Address
    target: Address
    text: str

    @property
    def method(self) -> str:
        """The method, also of a response."""
        return self.message.method if self.message.is_request else self.message.cseq_method

    @property
    def identity(self) -> tuple[object, ...]:
        """The key that a message has on every hop, and in a retransmission."""
        message = self.message
        status = None if message.is_request else message.status
        return self.by_caller, self.method, status, message.cseq, message.from_tag, message.to_tag


@dataclass
class CallOfCapture:
    """A call that begins with an INVITE in the capture."""

    number: int
    """1 for the first call of the capture."""
    call_id: str
    invite: Said
    copies: list[Said] = field(default_factory=list)
    """All messages, also the copies of other hops and retransmissions."""
    left_out: int = 0

    def said(self, as_caller: bool) -> list[Said]:
        """Each message once, as the caller or the callee saw it, in order of time."""
        found: dict[tuple[object, ...], Said] = {}
        for copy in self.copies:
            first = found.setdefault(copy.identity, copy)
            if first is not copy and copy.by_caller is not as_caller and copy.at - first.at < HOPS_S:
                found[copy.identity] = copy
        return sorted(found.values(), key=lambda one: one.at)


def calls_of(path: str | Path) -> list[CallOfCapture]:
    """The calls of a capture, in the order in which they began; raises CaptureError."""
    messages = Messages()
    return collected(message for packet in Capture(path) if is_text(packet.payload, packet.protocol)
                     for message in messages.feed(packet))  # fmt: skip


def is_text(payload: bytes, protocol: str) -> bool:
    """Whether a packet may have SIP: no RTP."""
    return protocol != "udp" or payload[:1] < b"\x80"


def collected(messages: Iterable[JournalMessage]) -> list[CallOfCapture]:
    """The calls to which the messages belong."""
    calls: dict[str, CallOfCapture] = {}
    for one in messages:
        try:
            message = Message.parse(one.text)
        except ValueError:
            continue
        call_id = message.call_id
        if not call_id:
            continue
        call = calls.get(call_id)
        if call is None:
            begins = message.is_request and message.method == "INVITE" and message.to_tag is None
            if not begins or len(calls) >= MOST_CALLS:
                continue
            invite = Said(one.at, True, message, one.source, one.target, one.text)
            call = calls[call_id] = CallOfCapture(len(calls) + 1, call_id, invite)
        elif len(call.copies) >= MOST_MESSAGES:
            call.left_out += 1
            continue
        by_caller = (message.from_tag == call.invite.message.from_tag) == message.is_request
        call.copies.append(Said(one.at, by_caller, message, one.source, one.target, one.text))
    return list(calls.values())
