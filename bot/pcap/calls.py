"""The calls of a capture: who offered and answered what at which time, and whose address a packet bears.

A call (RFC 3261 section 12) is seen at each hop where its messages pass, and a proxy or a media relay may
have rewritten the SDP in between; so offers and answers are paired hop by hop (RFC 3264), and for each callee
that a fork reached. It knows messages, not RTP.
"""

from __future__ import annotations

import ipaddress
import math
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from bot.pcap.messages import Told
from bot.pcap.proof import LINGER_S
from bot.sdp import CryptoNegotiation, OfferAnswer, Sdp, SdpMedia, parse_sdp
from bot.sip import Message
from media.capture import Address

__all__ = ["Agreement", "Calls", "CapturedCall", "Dialog", "Hop", "Route"]

MOST_CALLS = 10_000
MOST_DESCRIPTIONS = 1_000
"""Of one hop of a call: a hostile peer may re-negotiate for ever."""
MOST_CLAIMS = 500_000
_MOST_BRANCHES = 64
_MOST_HOPS = 16
_MOST_FORKS = 32
_MOST_UNDIRECTED = 64
_METHODS = frozenset({"INVITE", "ACK", "PRACK", "UPDATE", "BYE", "CANCEL"})
_ANYWHERE = frozenset({"0.0.0.0", "::"})


class CapturedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as its messages tell it; times in seconds since 1970, None for what was not seen."""

    call_id: str
    caller: str
    callee: str
    started: float
    answered: float | None = None
    ended: float | None = None
    status: int | None = None
    """The last final status of its INVITE."""


class Agreement(NamedTuple):
    """An offer and its answer, in force from ``at`` on."""

    at: float
    offer: Sdp
    answer: Sdp
    by_caller: bool
    """Whether it was the caller who offered."""
    crypto: tuple[CryptoNegotiation, ...]
    """What was said about keys, for each m= line of the offer."""

    def media(self, index: int, of_caller: bool) -> SdpMedia | None:
        """The m= line of one side."""
        sdp = self.offer if of_caller == self.by_caller else self.answer
        return sdp.media[index] if index < len(sdp.media) else None


class Dialog:
    """What the caller and one callee said to each other on one hop."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.agreements: list[Agreement] = []
        self._exchanges = OfferAnswer(keys=True)

    @property
    def last_offer(self) -> Sdp | None:
        """The latest offer, answered or not."""
        return self._exchanges.last_offer

    def feed(self, at: float, by_caller: bool, message: Message) -> None:
        """Take the next message in."""
        self._exchanges.feed(by_caller, message)
        now = self._exchanges.current
        last = self.agreements[-1] if self.agreements else None
        if now is None or (last and (now.offer, now.answer) == (last.offer, last.answer)):
            return
        crypto = tuple(self._exchanges.negotiated_crypto(index) for index in range(len(now.offer.media)))
        self.agreements.append(Agreement(at, now.offer, now.answer, now.offered_by_us, crypto))


@dataclass(eq=False)
class Hop:
    """A call between two neighbours: the messages that pass between two addresses."""

    call: _Call
    caller_tag: str | None
    forks: dict[str, Dialog] = field(default_factory=dict)
    descriptions: list[tuple[float, bool, Sdp]] = field(default_factory=list)
    """When who described what, whether or not it was accepted."""
    _undirected: list[tuple[float, bool, Message]] = field(default_factory=list)
    """Messages that went to no callee in particular, such as the first INVITE; each fork begins with them."""

    @property
    def call_id(self) -> str:
        """Of its call."""
        return self.call.call_id

    def is_by_caller(self, message: Message) -> bool:
        """Whether the caller sent it."""
        return (message.from_tag == self.caller_tag) == message.is_request

    def feed(self, at: float, message: Message, sdp: Sdp | None) -> None:
        """Take the next message in, with the SDP that it carries."""
        by_caller = self.is_by_caller(message)
        if len(self.descriptions) >= MOST_DESCRIPTIONS:
            return
        if sdp is not None:
            self.descriptions.append((at, by_caller, sdp))
        callee = message.to_tag if message.from_tag == self.caller_tag else message.from_tag
        if callee is None:
            if (sdp is not None or message.status >= 300) and len(self._undirected) < _MOST_UNDIRECTED:
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
        """Those of all forks."""
        for fork in self.forks.values():
            yield from fork.agreements

    def last_offer(self, by_caller: bool) -> Sdp | None:
        """What one side described last."""
        return next((sdp for _, caller, sdp in reversed(self.descriptions) if caller == by_caller), None)


class Route(NamedTuple):
    """Where a stream belongs: an m= line (from 0) of a call at one hop, and which side sends it."""

    hop: Hop
    media_index: int
    by_caller: bool


class _Claim(NamedTuple):
    """From a time on an address is where one side of a call receives, and sends from as most do."""

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
    hops: dict[frozenset[Address], Hop] = field(default_factory=dict)
    branches: OrderedDict[tuple[str, str], Hop] = field(default_factory=OrderedDict)

    def follow(self, at: float, message: Message) -> None:
        """Note how the call stands."""
        if message.is_request:
            if message.method == "BYE":
                self.ended = at
            elif message.method == "INVITE" and message.to_tag is None and self.answered is None:
                self.ended = None  # again, with credentials
        elif message.cseq_method == "INVITE" and 200 <= message.status < 300:
            self.status = message.status
            if self.answered is None:
                self.answered, self.ended = at, None
        elif message.cseq_method == "INVITE" and message.status >= 300 and self.answered is None:
            self.status, self.ended = message.status, at

    def told(self) -> CapturedCall:
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
    """All calls of a capture, fed with its messages in order, then asked to whom an RTP packet belongs."""

    def __init__(self) -> None:
        """Begin with none."""
        self._calls: dict[str, _Call] = {}
        self._claims: dict[Address, list[_Claim]] = {}
        self._claims_of: dict[tuple[Address, _Call], list[_Claim]] = {}
        self._sessions: dict[tuple[Address, str], _Claim] = {}
        self._claimed = 0
        self._missed: set[str] = set()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, one sentence each."""
        return tuple(sorted(self._missed))

    def told(self) -> tuple[CapturedCall, ...]:
        """What is known of each call, in the order in which they began."""
        return tuple(call.told() for call in sorted(self._calls.values(), key=lambda call: call.started))

    def feed(self, told: Told) -> None:
        """Take the next message in."""
        try:
            message = Message.parse(told.text)
        except ValueError:
            return
        method = message.method if message.is_request else message.cseq_method
        if method not in _METHODS or not message.call_id:
            return
        sdp_text = message.sdp
        sdp = parse_sdp(sdp_text, keys=True) if sdp_text else None
        call = self._call(told, message, sdp)
        if call is None:
            return
        call.follow(told.at, message)
        hops = [_hop(call, told, message)]
        if method in {"ACK", "PRACK"} and not hops[0].forks:
            # An answer that takes the direct way completes the offers that went through the proxies.
            hops = [hop for hop in call.hops.values() if hop.forks] or hops
        for hop in hops:
            if sdp is not None:
                self._claim(told.at, hop, message, sdp)
            hop.feed(told.at, message, sdp)

    def _call(self, told: Told, message: Message, sdp: Sdp | None) -> _Call | None:
        assert message.call_id is not None
        call = self._calls.get(message.call_id)
        if call is not None:
            return call
        if sdp is None and message.method != "INVITE":
            return None
        if len(self._calls) >= MOST_CALLS:
            self._missed.add(f"only the first {MOST_CALLS} calls were looked at")
            return None
        caller, callee = (_bare(message.header(name) or "") for name in ("From", "To"))
        call = _Call(message.call_id, caller, callee, told.at)
        self._calls[message.call_id] = call
        return call

    def _claim(self, at: float, hop: Hop, message: Message, sdp: Sdp) -> None:
        if self._claimed + 2 * len(sdp.media) > MOST_CLAIMS or len(hop.descriptions) >= MOST_DESCRIPTIONS:
            self._missed.add("some SDP was left out: more of it than any call needs")
            return
        by_caller = hop.is_by_caller(message)
        session = " ".join((sdp.origin or "").split()[:2])
        for index, media in enumerate(sdp.media):
            for address in _addresses(media):
                self._claimed += 1
                claims = self._claims.setdefault(address, [])
                claim = _Claim(at, self._claimed, Route(hop, index, by_caller))
                insort(self._claims_of.setdefault((address, hop.call), []), claim)
                # SDP that a proxy passed on as it is names the same address again: the first hop keeps it.
                first = self._sessions.get((address, session))
                if first is None or first.route.hop.call.ended is not None or not session:
                    self._sessions[address, session] = claim
                elif first.route.hop is not hop:
                    claim = claim._replace(route=first.route)
                insort(claims, claim)

    def route(self, source: Address, target: Address, at: float) -> tuple[Route | None, float]:
        """To what a packet belongs, and until when (seconds since 1970) this will not change.

        The receiver's SDP decides; the sender's where that does not name the address, as behind a NAT, or
        names it for several calls, as when a peer receives all of them at one port.
        """
        received, until = self._owner(target, at)
        sent, later = self._owner(source, at)
        until = min(until, later)
        if received is None:
            return sent, until
        if sent is not None and sent.hop.call is not received.hop.call:
            received = self._owned_by(sent.hop.call, target, at) or received
        return received._replace(by_caller=not received.by_caller), until

    def _owned_by(self, call: _Call, address: Address, at: float) -> Route | None:
        """The call's latest claim on an address that another has claimed since; none once it is over."""
        claims = self._claims_of.get((address, call), [])
        place = bisect_right(claims, at, key=lambda claim: claim.at)
        is_over = call.ended is not None and at > call.ended + LINGER_S
        return claims[place - 1].route if place and not is_over else None

    def _owner(self, address: Address, at: float) -> tuple[Route | None, float]:
        """Whose address it is at that time: that of who claimed it last."""
        claims = self._claims.get(address)
        if not claims:
            return None, math.inf
        place = bisect_right(claims, at, key=lambda claim: claim.at)
        until = claims[place].at if place < len(claims) else math.inf
        # What comes before any claim is media that overtakes its SDP.
        return claims[max(0, place - 1)].route, until


def _hop(call: _Call, told: Told, message: Message) -> Hop:
    """Where the message passes: a response goes where its request came from, whatever the ports."""
    branch = (message.header("Via") or "").partition("branch=")[2].partition(";")[0].strip()
    transaction = branch, message.cseq_method
    if not message.is_request and branch and transaction in call.branches:
        return call.branches[transaction]
    ends = frozenset((told.source, told.target))
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
    """Whose tag is the caller's: known from another hop, or that of who sends the first request."""
    known = {hop.caller_tag for hop in call.hops.values()}
    return message.to_tag if message.to_tag in known and message.from_tag not in known else message.from_tag


def _addresses(media: SdpMedia) -> Iterator[Address]:
    """Where RTP and RTCP are received (RFC 3605); nowhere when the stream is refused or on hold."""
    if media.rejected or not media.connection or media.connection in _ANYWHERE or media.port > 65535:
        return
    host = _canonical(media.connection)
    yield Address(host, media.port)
    if not any(name == "rtcp-mux" for name, _ in media.attributes):
        port = media.rtcp_port or media.port + 1
        if port <= 65535:
            yield Address(host, port)


def _canonical(host: str) -> str:
    """An IPv6 address has many spellings; packets have the shortest."""
    try:
        return str(ipaddress.ip_address(host)) if ":" in host else host
    except ValueError:
        return host


def _bare(field_value: str) -> str:
    """The URI of a From or To."""
    inner = field_value.partition("<")[2].partition(">")[0] or field_value.partition(";")[0]
    return inner.strip()
