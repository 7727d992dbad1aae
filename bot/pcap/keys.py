"""The keys that may protect a stream, in the order in which they are believed, and trying them on packets.

Each side's a=crypto line protects what that side sends, and the answer's tag picks the line of the offer
(RFC 4568 section 5.1); a later agreement replaces the key. It knows keys and packets, not statistics.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from bot.pcap.calls import Agreement, Route
from bot.sdp import CryptoAttribute
from media.rtp import parse_rtp
from media.srtp import SrtpContext, SrtpError, SrtpKey
from media.srtp_transform import transform

__all__ = ["Candidate", "Due", "GivenKeys", "KeyRing", "Negotiated", "Opened", "Trust", "negotiated"]

GRACE_S = 5.0
"""How long packets may still come that were protected with the key before: until the answer has arrived."""
PATIENCE = 32
"""After so many failures in a row only every sixteenth packet is tried with keys that are not in force."""
MOST_TRIED = 24
"""Keys that are tried on a packet: those that are in force next to its time."""
MOST_CONTEXTS = 32
MOST_CANDIDATES = 1_000
FEW_KEYS = 64
UNENCRYPTED = "UNENCRYPTED_SRTP"


class Trust(Enum):
    """What a key is to a stream."""

    AGREED = "agreed"
    OFFERED = "offered"
    """A line of the sender's own offer that the answer did not choose."""
    PEER = "peer"
    """The other side's: what that side protects, and this one must not."""
    GIVEN = "given"
    """From a key log or the user; whose it is is not known."""


class Due(Enum):
    """What the descriptions demand of a stream."""

    NOTHING = "nothing"
    """Plain or protected, both are right: no crypto was answered, or no description was seen."""
    SRTP = "srtp"
    DTLS = "dtls"
    """SRTP with keys that are in no description (RFC 5764)."""


class Candidate(NamedTuple):
    """A key and from when to when (seconds since 1970) it is in force."""

    key: SrtpKey
    trust: Trust
    since: float = -math.inf
    until: float = math.inf
    clear: bool = False
    """UNENCRYPTED_SRTP: authenticated, and not encrypted."""

    def distance(self, at: float) -> float:
        """How far a time is from that in which the key is in force, in seconds; 0 within it."""
        return max(self.since - at, at - self.until, 0.0)


class Negotiated(NamedTuple):
    """What offers and answers say about the protection of a stream."""

    due: Due
    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...]


class Opened(NamedTuple):
    """A packet that a key authenticated."""

    plain: bytes
    packet_index: int
    """48 bits: rollover counter and sequence number."""
    key: SrtpKey
    trust: Trust
    in_force: bool


def negotiated(route: Route) -> Negotiated:
    """The keys of a stream as the two sides agreed on them, forks and changes included."""
    problems: list[str] = []
    found: list[Candidate] = []
    due = Due.NOTHING
    agreed = False
    for fork in route.hop.forks.values():
        ends = _replaced(fork.agreements, route)
        for agreement, until in zip(fork.agreements, ends, strict=True):
            sender = agreement.media(route.media_index, route.by_caller)
            other = agreement.media(route.media_index, not route.by_caller)
            if sender is None or other is None or sender.rejected or other.rejected:
                continue
            agreed = True
            due = _more(due, _due(agreement, route.media_index))
            found += _of(agreement, route, until, problems)
            _note(problems, agreement.crypto[route.media_index].disagreement)
    if not agreed:
        due, found = _unanswered(route, problems)
    return Negotiated(due, _distinct(found)[:MOST_CANDIDATES], tuple(problems))


def _due(agreement: Agreement, index: int) -> Due:
    sides = [media for caller in (True, False) if (media := agreement.media(index, caller))]
    if any("TLS/" in media.profile.upper() for media in sides):
        return Due.DTLS
    keyed = agreement.crypto[index].keyed
    return Due.SRTP if keyed or any(media.secure for media in sides) else Due.NOTHING


def _more(one: Due, other: Due) -> Due:
    return one if other is Due.NOTHING else other


def _of(agreement: Agreement, route: Route, until: float, problems: list[str]) -> Iterator[Candidate]:
    """The keys of one agreement: the chosen line of the sender, its other lines, the other side's."""
    sender = agreement.media(route.media_index, route.by_caller)
    other = agreement.media(route.media_index, not route.by_caller)
    tag = agreement.crypto[route.media_index].tag
    offered = agreement.by_caller == route.by_caller
    for place, attribute in enumerate(sender.crypto if sender else ()):
        # Without a crypto line in the answer, no line was refused: plain and protected are both right.
        chosen = tag is None or (attribute.tag == tag if offered else place == 0)
        trust = Trust.AGREED if chosen else Trust.OFFERED
        yield from _candidates(attribute, trust, agreement.at, until if chosen else math.inf, problems)
    for attribute in other.crypto if other else ():
        yield from _candidates(attribute, Trust.PEER, agreement.at, math.inf, problems)


def _replaced(agreements: Sequence[Agreement], route: Route) -> list[float]:
    """For each agreement, when its key of the sender is replaced by another."""
    ends: list[float] = []
    following: str | None = None
    changed, until = math.inf, math.inf
    for agreement in reversed(agreements):
        line = _chosen_line(agreement, route)
        if line != following and following is not None:
            until = changed + GRACE_S
        ends.append(until)
        if line is not None:
            following, changed = line, agreement.at
    return ends[::-1]


def _chosen_line(agreement: Agreement, route: Route) -> str | None:
    sender = agreement.media(route.media_index, route.by_caller)
    crypto = agreement.crypto[route.media_index] if route.media_index < len(agreement.crypto) else None
    if sender is None or crypto is None or crypto.tag is None:
        return None
    return next((each.key_params for each in sender.crypto if each.tag == crypto.tag), None)


def _unanswered(route: Route, problems: list[str]) -> tuple[Due, list[Candidate]]:
    """What there is when the answer is not in the capture: the lines that each side described last."""
    own, peer = route.hop.last_offer(route.by_caller), route.hop.last_offer(not route.by_caller)
    found: list[Candidate] = []
    due = Due.NOTHING
    for sdp, trust in ((own, Trust.AGREED), (peer, Trust.PEER)):
        if sdp is None or route.media_index >= len(sdp.media):
            continue
        media = sdp.media[route.media_index]
        if media.secure:
            due = Due.DTLS if "TLS/" in media.profile.upper() else Due.SRTP
        for attribute in media.crypto:
            found += _candidates(attribute, trust, -math.inf, math.inf, problems)
    return due, found


def _candidates(
    attribute: CryptoAttribute, trust: Trust, since: float, until: float, problems: list[str]
) -> Iterator[Candidate]:
    """The keys of an a=crypto line; it may have several, told apart by their MKI."""
    clear = UNENCRYPTED in map(str.upper, attribute.session_params)
    for params in (attribute.key_params or "").split(";"):
        try:
            yield Candidate(SrtpKey.from_inline(attribute.suite, params), trust, since, until, clear)
        except SrtpError as error:
            if trust is Trust.AGREED:
                _note(problems, f"a=crypto:{attribute.tag} {attribute.suite[:64]}: {error}")


def _note(problems: list[str], problem: str | None) -> None:
    if problem and problem not in problems and len(problems) < 10:
        problems.append(problem)


def _distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each key once, as the best that it is, from its first agreement to its last."""
    best: dict[SrtpKey, Candidate] = {}
    order = list(Trust)
    for one in candidates:
        known = best.get(one.key)
        if known is None or order.index(one.trust) < order.index(known.trust):
            best[one.key] = one
        elif one.trust is known.trust:
            since, until = min(one.since, known.since), max(one.until, known.until)
            best[one.key] = known._replace(since=since, until=until)
    return tuple(sorted(best.values(), key=lambda one: (order.index(one.trust), -one.since)))


class GivenKeys:
    """Keys of which it is not known what they protect, shared by all streams."""

    def __init__(self, keys: Iterable[SrtpKey] = ()) -> None:
        self._keys = {key: transform(key) for key in dict.fromkeys(keys)}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._keys)

    def find(self, packet: bytes, known: Container[SrtpKey]) -> SrtpKey | None:
        """The key, not one of the ``known`` ones, that authenticates a packet.

        Most streams begin without rollovers; others are looked for when the keys are few.
        """
        rtp = parse_rtp(packet)
        if rtp is None:
            return None
        for key, each in self._keys.items():
            if (
                key not in known
                and each.unprotect(packet, rtp.header_length, rtp.ssrc, rtp.sequence) is not None
            ):
                return key
        if len(self._keys) > FEW_KEYS:
            return None
        return next((key for key in self._keys if key not in known and _authenticates(key, packet)), None)

    def find_of_rtcp(self, packet: bytes, known: Container[SrtpKey]) -> SrtpKey | None:
        """The same for an SRTCP packet, which says its index itself."""
        opens = (key for key, each in self._keys.items() if each.unprotect_rtcp(packet) is not None)
        return next((key for key in opens if key not in known), None)


def _authenticates(key: SrtpKey, packet: bytes) -> bool:
    try:
        SrtpContext(key).unprotect(packet)
    except SrtpError:
        return False
    return True


class KeyRing:
    """Opens the packets of one stream with the first key that authenticates them."""

    def __init__(self, candidates: Sequence[Candidate], given: GivenKeys) -> None:
        """``given`` are tried last; those that the candidates have already are theirs."""
        self._candidates = list(candidates)
        self._known = {one.key for one in candidates}
        self._given = given
        self._last: tuple[Candidate, SrtpContext] | None = None
        self._contexts: OrderedDict[Candidate, SrtpContext] = OrderedDict()
        self._failures = 0

    def __len__(self) -> int:
        """How many keys there are to try."""
        return len(self._candidates) + len(self._given)

    def unprotect(self, packet: bytes, at: float) -> Opened | None:
        """The packet in the clear; None when no key authenticates it."""
        for candidate, context in self._worth_trying(at):
            try:
                unprotected = context.unprotect(packet)
            except SrtpError:
                continue
            self._last = candidate, context
            self._failures = 0
            plain = unprotected.packet
            if candidate.clear:
                plain = packet[: len(plain)]
            in_force = candidate.until > at
            return Opened(plain, unprotected.index, candidate.key, candidate.trust, in_force)
        self._failures += 1
        if self._failures & (self._failures - 1) == 0 and self._adopt(self._given.find(packet, self._known)):
            return self.unprotect(packet, at)
        return None

    def unprotect_rtcp(self, packet: bytes, at: float) -> bytes | None:
        """An SRTCP packet in the clear; None when no key authenticates it, or only the other side's."""
        for candidate, context in self._worth_trying(at):
            if candidate.trust is not Trust.PEER:
                try:
                    return context.unprotect_rtcp(packet)
                except SrtpError:
                    continue
        if self._adopt(self._given.find_of_rtcp(packet, self._known)):
            return self.unprotect_rtcp(packet, at)
        return None

    def _adopt(self, key: SrtpKey | None) -> bool:
        """Have a key of the given ones as a candidate from now on."""
        if key is None or len(self._candidates) >= MOST_CANDIDATES:
            return False
        self._known.add(key)
        self._candidates.append(Candidate(key, Trust.GIVEN))
        return True

    def _worth_trying(self, at: float) -> Iterator[tuple[Candidate, SrtpContext]]:
        """The key of the packet before, then those in force; the others unless they fail again and again."""
        last = self._last
        if last is not None:
            yield last
        candidates = self._candidates
        if len(candidates) > MOST_TRIED:
            candidates = heapq.nsmallest(MOST_TRIED, candidates, key=lambda one: one.distance(at))
        everything = self._failures < PATIENCE or self._failures % 16 == 0
        for one in candidates:
            current = one.trust is Trust.GIVEN or (one.trust is Trust.AGREED and not one.distance(at))
            if (last is None or one is not last[0]) and (everything or current):
                yield one, self._context(one)

    def _context(self, candidate: Candidate) -> SrtpContext:
        """Kept also when it failed: a context bounds its own search for rollovers."""
        context = self._contexts.get(candidate)
        if context is None:
            context = self._contexts[candidate] = SrtpContext(candidate.key)
            if len(self._contexts) > MOST_CONTEXTS:
                self._contexts.popitem(last=False)
        return context
