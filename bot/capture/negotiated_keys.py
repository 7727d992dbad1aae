"""SRTP keys that offers and answers give to a stream (RFC 4568), in order of trust.

An a=crypto line protects the media of the side that sent it. The tag of the answer selects the line of the
offer (RFC 4568 section 5.1). A later agreement replaces the key. This module decrypts no packet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from bot.capture.calls import Route
from bot.capture.dialog import Agreement
from bot.sip import CryptoAttribute
from media.rtp.srtp import SrtpError, SrtpKey

__all__ = ["GRACE_S", "MOST_CANDIDATES", "Candidate", "Due", "Mki", "Negotiated", "Trust", "negotiated"]

GRACE_S = 5.0
"""Seconds in which packets with the previous key may still arrive: until the answer has arrived."""
MOST_CANDIDATES = 1_000
SHARED = "the same master key in both directions (RFC 3711 section 9.1)"
NO_KEY = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(16), bytes(14))


class Trust(Enum):
    """The relation of a key to a stream."""

    AGREED = "agreed"
    OFFERED = "offered"
    """A line of the sender's own offer that the answer did not choose."""
    PEER = "peer"
    """The other side's key: it must not protect the packets of this side."""
    GIVEN = "given"
    """From a key log or the user; its owner is unknown."""


class Due(Enum):
    """The protection that the descriptions demand of a stream."""

    NOTHING = "nothing"
    """Plain and protected are both correct: the answer has no a=crypto, or no description was seen."""
    SRTP = "srtp"
    DTLS = "dtls"
    """SRTP with keys outside the descriptions (DTLS-SRTP, RFC 5764)."""


class Mki(Enum):
    """Whether packets carry the negotiated MKI."""

    AGREED = "agreed"
    """The packets carry it; or no MKI was negotiated and they carry none."""
    MISSING = "missing"
    """An MKI was negotiated and the packets carry none."""
    FOREIGN = "foreign"
    """The packets carry an MKI that was not negotiated."""


class Candidate(NamedTuple):
    """A key and the time in which it is in force (seconds since 1970)."""

    key: SrtpKey
    trust: Trust
    since: float = -math.inf
    until: float = math.inf
    begun: bool = False
    """Whether the capture has the agreement of the key, and so the first packet that the key protects."""
    mki: Mki = Mki.AGREED

    def distance(self, at: float) -> float:
        """Seconds between a time and the interval in which the key is in force; 0 within it."""
        return max(self.since - at, at - self.until, 0.0)


class Negotiated(NamedTuple):
    """The protection of a stream according to its offers and answers."""

    due: Due
    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...]
    plain: bool = False
    """Whether the descriptions declare plain RTP."""
    shared_key: bool = False
    """Whether both sides have the same master key."""


def negotiated(route: Route) -> Negotiated:
    """The negotiated keys of a stream, with forks and re-negotiations."""
    problems: list[str] = []
    found: list[Candidate] = []
    due = Due.NOTHING
    agreed = shared = False
    for fork in route.hop.forks.values():
        ends = _replaced(fork.agreements, route)
        for agreement, until in zip(fork.agreements, ends, strict=True):
            sender = agreement.media(route.media_index, route.by_caller)
            other = agreement.media(route.media_index, not route.by_caller)
            if sender is None or other is None or sender.rejected or other.rejected:
                continue
            agreed = True
            due = _more(due, _due(agreement, route.media_index))
            its = list(_of(agreement, route, until, problems))
            shared = shared or _is_shared(its)
            found += its
            _note(problems, agreement.crypto[route.media_index].disagreement)
    if not agreed:
        due, found = _unanswered(route, problems)
        shared = _is_shared(found)
    if shared:
        _note(problems, SHARED)
    plain = due is Due.NOTHING and (agreed or not found)
    return Negotiated(due, _distinct(found)[:MOST_CANDIDATES], tuple(problems), plain, shared)


def _is_shared(candidates: Iterable[Candidate]) -> bool:
    """Whether a key of one side is also a key of the other side."""
    keys: dict[bool, set[bytes]] = {True: set(), False: set()}
    for candidate in candidates:
        keys[candidate.trust is Trust.PEER].add(candidate.key.master_key)
    return bool(keys[True] & keys[False])


def _due(agreement: Agreement, index: int) -> Due:
    sides = [media for caller in (True, False) if (media := agreement.media(index, caller))]
    if any("TLS/" in media.profile.upper() for media in sides):
        return Due.DTLS
    keyed = agreement.crypto[index].keyed
    return Due.SRTP if keyed or any(media.secure for media in sides) else Due.NOTHING


def _more(one: Due, other: Due) -> Due:
    return one if other is Due.NOTHING else other


def _of(agreement: Agreement, route: Route, until: float, problems: list[str]) -> Iterator[Candidate]:
    """The keys of one agreement: the sender's chosen line, its other lines, the other side's lines."""
    sender = agreement.media(route.media_index, route.by_caller)
    other = agreement.media(route.media_index, not route.by_caller)
    tag = agreement.crypto[route.media_index].tag
    offered = agreement.by_caller == route.by_caller
    begun = route.hop.call.from_the_beginning
    for place, attribute in enumerate(sender.crypto if sender else ()):
        # An answer without a crypto line refuses no line: plain and protected are both correct.
        chosen = tag is None or (attribute.tag == tag if offered else place == 0)
        trust = Trust.AGREED if chosen else Trust.OFFERED
        began = Candidate(NO_KEY, trust, agreement.at, until if chosen else math.inf, begun)
        yield from _candidates(attribute, began, problems)
    for attribute in other.crypto if other else ():
        began = Candidate(NO_KEY, Trust.PEER, agreement.at, math.inf, begun)
        yield from _candidates(attribute, began, problems)


def _replaced(agreements: Sequence[Agreement], route: Route) -> list[float]:
    """For each agreement, the time at which a later agreement replaces the sender's key."""
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
    """The keys when the answer is not in the capture: the latest lines of each side."""
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
            found += _candidates(attribute, Candidate(NO_KEY, trust), problems)
    return due, found


def _candidates(attribute: CryptoAttribute, kind: Candidate, problems: list[str]) -> Iterator[Candidate]:
    """The keys of an a=crypto line; a line may have several keys, distinguished by MKI.

    Each key has variants for senders that violate the line: without the MKI, or with a tag.
    """
    for params in (attribute.key_params or "").split(";"):
        try:
            key = SrtpKey.from_inline(attribute.suite, params, attribute.session_params)
        except SrtpError as error:
            if kind.trust is Trust.AGREED:
                _note(problems, f"a=crypto:{attribute.tag} {attribute.suite[:64]}: {error}")
            continue
        if not key.tagged:
            yield kind._replace(key=replace(key, authenticated=True))
        yield kind._replace(key=key)
        if key.mki:
            yield kind._replace(key=key.with_mki(b""), mki=Mki.MISSING)


def _note(problems: list[str], problem: str | None) -> None:
    if problem and problem not in problems and len(problems) < 10:
        problems.append(problem)


def _distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each key once, with its highest trust, from its first agreement to its last one."""
    best: dict[SrtpKey, Candidate] = {}
    order, uses = list(Trust), list(Mki)

    def rank(one: Candidate) -> tuple[int, int]:
        return order.index(one.trust), uses.index(one.mki)

    for one in candidates:
        previous = best.get(one.key)
        if previous is None or rank(one) < rank(previous):
            best[one.key] = one
        elif rank(one) == rank(previous):
            since, until = min(one.since, previous.since), max(one.until, previous.until)
            best[one.key] = previous._replace(since=since, until=until)
    return tuple(sorted(best.values(), key=lambda one: (*rank(one), -one.since)))
