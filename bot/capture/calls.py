"""SIP calls of a capture: offers and answers with their times, and the owner of each media address.

A call (RFC 3261 section 12) is seen at each hop that its messages pass. A proxy or a media relay may
rewrite the SDP between two hops. So offers and answers (RFC 3264) are paired per hop, and per callee when a
fork reached several callees. This module handles SIP messages, not RTP.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from bot.capture import LINGER_S
from bot.capture.dialog import Agreement, Dialog
from bot.capture.media_addresses import media_addresses
from bot.capture.sip_messages import JournalMessage
from bot.sip import Message, Sdp, parse_sdp
from media.capture.reader import Address

__all__ = ["Calls", "CapturedCall", "Hop", "Route"]

MOST_CALLS = 10_000
MOST_DESCRIPTIONS = 1_000
"""Maximum number of agreements per hop; a hostile peer may renegotiate without end."""
MOST_CLAIMS = 500_000
_MOST_BRANCHES = 64
_MOST_HOPS = 16
_MOST_FORKS = 32
_MOST_UNDIRECTED = 64
_METHODS = frozenset({"INVITE", "ACK", "PRACK", "UPDATE", "BYE", "CANCEL"})


class CapturedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as its SIP messages describe it; times in seconds since 1970, None for unseen events."""

    call_id: str
    caller: str
    callee: str
    started: float
    answered: float | None = None
    ended: float | None = None
    status: int | None = None
    """The last final status code of the INVITE."""
    problems: tuple[str, ...] = ()
    """How the packets of the call violate the negotiated protection."""


@dataclass(eq=False)
class Hop:
    """One hop of a call: the messages between two neighbouring addresses."""

    call: _Call
    caller_tag: str | None
    forks: dict[str, Dialog] = field(default_factory=dict)
    descriptions: list[tuple[float, bool, Sdp]] = field(default_factory=list)
    """Each session description: its time and its sender, accepted or not."""
    hosts: dict[bool, str] = field(default_factory=dict)
    """The source address of the first message of the caller (key True) and of the callee (key False)."""
    _undirected: list[tuple[float, bool, Message]] = field(default_factory=list)
    """Messages without a To tag, such as the first INVITE; the dialog of each fork begins with them."""

    @property
    def call_id(self) -> str:
        """The Call-ID of the call."""
        return self.call.call_id

    def is_by_caller(self, message: Message) -> bool:
        """Whether the caller sent the message."""
        return (message.from_tag == self.caller_tag) == message.is_request

    def feed(self, at: float, message: Message, sdp: Sdp | None) -> None:
        """Process the next message and its SDP."""
        by_caller = self.is_by_caller(message)
        if len(self.descriptions) >= MOST_DESCRIPTIONS:
            return
        if sdp is not None:
            self.descriptions.append((at, by_caller, sdp))
        callee = message.to_tag if message.from_tag == self.caller_tag else message.from_tag
        if callee is None:
            if (sdp is not None or message.is_failure) and len(self._undirected) < _MOST_UNDIRECTED:
                self._undirected.append((at, by_caller, message))
                for fork in self.forks.values():
                    fork.feed(at, by_caller, message)
            return
        self._fork(callee).feed(at, by_caller, message)

    def _fork(self, tag: str) -> Dialog:
        if tag not in self.forks:
            if len(self.forks) >= _MOST_FORKS:
                return next(reversed(self.forks.values()))
            dialog = self.forks[tag] = Dialog()
            for earlier in self._undirected:
                dialog.feed(*earlier)
        return self.forks[tag]

    def agreements(self) -> Iterator[Agreement]:
        """The agreements of all forks."""
        for fork in self.forks.values():
            yield from fork.agreements

    def accepts(self, index: int) -> bool:
        """Whether the m= line is in use: False only if the answer refused it."""
        lines = [
            (agreement.media(index, True), agreement.media(index, False)) for agreement in self.agreements()
        ]
        return not lines or any(a and b and not a.rejected and not b.rejected for a, b in lines)

    def last_offer(self, by_caller: bool) -> Sdp | None:
        """The latest session description of one side."""
        return next((sdp for _, caller, sdp in reversed(self.descriptions) if caller == by_caller), None)


class Route(NamedTuple):
    """The position of a stream: an m= line (index from 0) of a call at one hop, and the sending side."""

    hop: Hop
    media_index: int
    by_caller: bool


class _Claim(NamedTuple):
    """Ownership of a transport address by one side of a call, from a given time on.

    The side receives at this address. Most endpoints also send from it (symmetric RTP, RFC 4961).
    """

    at: float
    order: int
    route: Route


@dataclass(eq=False)
class _Call:
    call_id: str
    caller: str
    callee: str
    started: float
    answered: float | None = None
    ended: float | None = None
    status: int | None = None
    from_the_beginning: bool = False
    """Whether the first message is the INVITE that created the call."""
    hops: dict[frozenset[Address], Hop] = field(default_factory=dict)
    branches: OrderedDict[tuple[str, str], Hop] = field(default_factory=OrderedDict)

    def follow(self, at: float, message: Message) -> None:
        """Update the state of the call."""
        if message.is_request:
            if message.method == "BYE":
                self.ended = at
            elif message.method == "INVITE" and message.to_tag is None and self.answered is None:
                self.ended = None  # again, with credentials
        elif message.cseq_method == "INVITE" and message.is_success:
            self.status = message.status
            if self.answered is None:
                self.answered, self.ended = at, None
        elif message.cseq_method == "INVITE" and message.is_failure and self.answered is None:
            self.status, self.ended = message.status, at

    def summary(self) -> CapturedCall:
        return CapturedCall(
            call_id=self.call_id,
            caller=self.caller,
            callee=self.callee,
            started=self.started,
            answered=self.answered,
            ended=self.ended,
            status=self.status,
        )


class Calls:
    """All calls of a capture; assigns an RTP packet to a call once all SIP messages are processed."""

    def __init__(self) -> None:
        """Create a set without calls."""
        self._calls: dict[str, _Call] = {}
        self._claims: dict[Address, list[_Claim]] = {}
        self._likely: dict[Address, list[_Claim]] = {}
        self._claims_of: dict[tuple[Address, _Call], list[_Claim]] = {}
        self._sessions: dict[tuple[Address, str], _Claim] = {}
        self._claimed = 0
        self._missed: set[str] = set()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes about messages that were left out, one sentence each."""
        return tuple(sorted(self._missed))

    def summaries(self) -> tuple[CapturedCall, ...]:
        """The summary of each call, in the order in which the calls began."""
        return tuple(call.summary() for call in sorted(self._calls.values(), key=lambda call: call.started))

    def feed(self, source_message: JournalMessage) -> None:
        """Process the next message."""
        try:
            message = Message.parse(source_message.text)
        except ValueError:
            return
        method = message.method if message.is_request else message.cseq_method
        if method not in _METHODS or not message.call_id:
            return
        sdp_text = message.sdp
        sdp = parse_sdp(sdp_text, keys=True) if sdp_text else None
        call = self._call(source_message, message, sdp)
        if call is None:
            return
        call.follow(source_message.at, message)
        hops = [_hop(call, source_message, message)]
        if method in {"ACK", "PRACK"} and not hops[0].forks:
            # An answer that bypasses the proxies completes the offers that went through them.
            hops = [hop for hop in call.hops.values() if hop.forks] or hops
        for hop in hops:
            if sdp is not None:
                self._claim(source_message.at, hop, message, sdp, source_message.source.host)
            hop.hosts.setdefault(hop.is_by_caller(message), source_message.source.host)
            hop.feed(source_message.at, message, sdp)

    def _call(self, source_message: JournalMessage, message: Message, sdp: Sdp | None) -> _Call | None:
        if message.call_id is None:
            return None
        call = self._calls.get(message.call_id)
        if call is not None:
            return call
        if sdp is None and message.method != "INVITE":
            return None
        if len(self._calls) >= MOST_CALLS:
            self._missed.add(f"only the first {MOST_CALLS} calls were looked at")
            return None
        caller, callee = (_bare(message.header(name) or "") for name in ("From", "To"))
        begins = message.is_request and message.method == "INVITE" and message.to_tag is None
        call = _Call(message.call_id, caller, callee, source_message.at, from_the_beginning=begins)
        self._calls[message.call_id] = call
        return call

    def _claim(self, at: float, hop: Hop, message: Message, sdp: Sdp, sender: str) -> None:
        if self._claimed + 4 * len(sdp.media) > MOST_CLAIMS or len(hop.descriptions) >= MOST_DESCRIPTIONS:
            self._missed.add("some SDP was left out: more of it than any call needs")
            return
        by_caller = hop.is_by_caller(message)
        session = " ".join((sdp.origin or "").split()[:2])
        for index, media in enumerate(sdp.media):
            for address in media_addresses(media):
                self._claimed += 1
                claims = self._claims.setdefault(address, [])
                claim = _Claim(at, self._claimed, Route(hop, index, by_caller))
                insort(self._claims_of.setdefault((address, hop.call), []), claim)
                # SDP that a proxy passed on unchanged names the same address again; the first hop keeps it.
                first = self._sessions.get((address, session))
                if first is None or first.route.hop.call.ended is not None or not session:
                    self._sessions[address, session] = claim
                elif first.route.hop is not hop:
                    claim = claim._replace(route=first.route)
                insort(claims, claim)
            for address in media_addresses(media, sender):
                self._claimed += 1
                insort(
                    self._likely.setdefault(address, []),
                    _Claim(at, self._claimed, Route(hop, index, by_caller)),
                )

    def route(self, source: Address, target: Address, at: float) -> tuple[Route | None, float]:
        """The route of a packet, and the time (seconds since 1970) until which the route stays valid.

        The receiver's SDP decides. The sender's SDP decides when the receiver's SDP does not name the
        address, as behind a NAT, or names it for several calls, as when a peer receives all calls at one
        port. When no SDP names the address, the same port at the source address of the SDP is used.
        """
        received, until = self._owner(self._claims, target, at)
        sent, later = self._owner(self._claims, source, at)
        until = min(until, later)
        if received is None and sent is None:
            received, later = self._owner(self._likely, target, at)
            sent, latest = self._owner(self._likely, source, at)
            until = min(until, later, latest)
        if received is None:
            return sent, until
        if sent is not None and sent.hop.call is not received.hop.call:
            received = self._owned_by(sent.hop.call, target, at) or received
        return received._replace(by_caller=not received.by_caller), until

    def _owned_by(self, call: _Call, address: Address, at: float) -> Route | None:
        """The call's latest claim on an address that another call claimed later; None after the call."""
        claims = self._claims_of.get((address, call), [])
        place = bisect_right(claims, at, key=lambda claim: claim.at)
        is_over = call.ended is not None and at > call.ended + LINGER_S
        return claims[place - 1].route if place and not is_over else None

    def _owner(
        self, claimed: dict[Address, list[_Claim]], address: Address, at: float
    ) -> tuple[Route | None, float]:
        """The owner of an address at a time: the call that claimed the address last."""
        claims = claimed.get(address)
        if not claims:
            return None, math.inf
        place = bisect_right(claims, at, key=lambda claim: claim.at)
        until = claims[place].at if place < len(claims) else math.inf
        # Packets before the first claim are media that overtook its SDP.
        return _accepted(claims, max(0, place - 1)), until

    def lonely(self, at: float, met: Container[object]) -> Hop | None:
        """A hop of the only call at that time without a known media address; None for several calls."""
        found = [
            call
            for call in self._calls.values()
            if call not in met
            and call.started <= at <= (math.inf if call.ended is None else call.ended + LINGER_S)
        ]
        if len(found) != 1:
            return None
        return next((hop for hop in found[0].hops.values() if any(hop.agreements())), None)

    def hops(self) -> Iterator[Hop]:
        """The hops of all calls."""
        for call in self._calls.values():
            yield from call.hops.values()


def _accepted(claims: list[_Claim], place: int) -> Route:
    """The first m= line that the answer accepted, among the m= lines that name the same port."""
    last = claims[place]
    lines = [last.route]
    for claim in reversed(claims[:place]):
        if claim.at != last.at or claim.route.hop is not last.route.hop:
            break
        lines.append(claim.route)
    return next((line for line in reversed(lines) if line.hop.accepts(line.media_index)), last.route)


def _hop(call: _Call, source_message: JournalMessage, message: Message) -> Hop:
    """The hop of a message; a response belongs to the hop of its request, whatever the ports."""
    branch = (message.header("Via") or "").partition("branch=")[2].partition(";")[0].strip()
    transaction = branch, message.cseq_method
    if not message.is_request and branch and transaction in call.branches:
        return call.branches[transaction]
    ends = frozenset((source_message.source, source_message.target))
    hop = call.hops.get(ends)
    if hop is None:
        if len(call.hops) >= _MOST_HOPS:
            return next(reversed(call.hops.values()))
        hop = call.hops[ends] = Hop(call, _caller_tag(call, message))
    if message.is_request and branch:
        call.branches[transaction] = hop
        if len(call.branches) > _MOST_BRANCHES:
            call.branches.popitem(last=False)
    return hop


def _caller_tag(call: _Call, message: Message) -> str | None:
    """The caller's tag: known from another hop, else the From tag of the sender of the first request."""
    known = {hop.caller_tag for hop in call.hops.values()}
    return message.to_tag if message.to_tag in known and message.from_tag not in known else message.from_tag


def _bare(field_value: str) -> str:
    """The bare URI of a From or To header field."""
    inner = field_value.partition("<")[2].partition(">")[0] or field_value.partition(";")[0]
    return inner.strip()
