"""SRTP keys of one stream: tries keys on its packets until one authenticates (RFC 3711 section 3.3).

It counts no statistics.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from bot.capture.negotiated_keys import MOST_CANDIDATES, Candidate, Mki, Trust
from bot.capture.rollovers import Rollovers
from media.rtp.packet import RtpPacket, parse_rtp
from media.rtp.srtp import SrtpContext, SrtpError, SrtpKey, Standing, Unprotected
from media.rtp.srtp_mki import carried_mki
from media.rtp.srtp_transform import transform

__all__ = ["GivenKeys", "KeyRing", "Opened"]

PATIENCE = 32
"""After this many consecutive failures, keys that are not in force are tried on every 16th packet only."""
MOST_TRIED = 24
"""Maximum number of keys that are tried on a packet; keys in force nearest to its time come first."""
MOST_CONTEXTS = 32
FEW_KEYS = 64
NOTED_EVERY = 1024
"""Packets of a stream between two records of its packet index."""
LOOKS_FOR_AN_MKI = 3
"""Maximum number of packets without a matching key that are searched for an MKI outside the agreement."""
KEYS_WITH_AN_MKI = 8
_ACCEPTED, _ASTRAY = Standing.ACCEPTED, Standing.ASTRAY
"""Looked up once; access to a member of an enumeration is slow."""


class Opened(NamedTuple):
    """A packet that a key authenticated, or decrypted where no authentication was negotiated."""

    plain: bytes
    packet_index: int
    """The 48-bit packet index: rollover counter and sequence number (RFC 3711 section 3.3.1)."""
    candidate: Candidate
    in_force: bool
    standing: Standing
    due: int | None
    """The index that a receiver must estimate, if it differs from the sender's index."""

    @property
    def key(self) -> SrtpKey:
        """The key that opened the packet."""
        return self.candidate.key

    @property
    def trust(self) -> Trust:
        """The relation of the key to the stream."""
        return self.candidate.trust


class GivenKeys:
    """Keys without a known stream, shared by all streams."""

    def __init__(self, keys: Iterable[SrtpKey] = ()) -> None:
        # A key without an authentication tag opens every packet and proves nothing.
        self._keys = {key: transform(key) for key in dict.fromkeys(keys) if key.tagged}

    def __len__(self) -> int:
        """The number of keys."""
        return len(self._keys)

    def find(self, packet: bytes, known: Container[SrtpKey]) -> SrtpKey | None:
        """The key that authenticates a packet, except the ``known`` keys.

        Most streams begin with rollover counter 0. Other counters are tried when there are few keys.
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
        """The key that authenticates an SRTCP packet; the packet carries its index (RFC 3711 3.4)."""
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

    def __init__(
        self, candidates: Sequence[Candidate], given: GivenKeys, rollovers: Rollovers | None = None
    ) -> None:
        """``given`` keys are tried last; a given key that is also a candidate counts as a candidate."""
        self._candidates = list(candidates)
        self._known = {candidate.key for candidate in candidates}
        self._given = given
        self._rollovers = Rollovers() if rollovers is None else rollovers
        self._highest = -1
        self._last: tuple[Candidate, SrtpContext] | None = None
        self._contexts: OrderedDict[Candidate, SrtpContext] = OrderedDict()
        self._failures = 0
        self._looked_for_an_mki = 0

    def __len__(self) -> int:
        """The number of keys to try."""
        given = sum(one.trust is Trust.GIVEN for one in self._candidates)
        agreed = {(candidate.key.suite, candidate.key.master_key) for candidate in self._candidates}
        return len(agreed) - given + len(self._given)

    def __bool__(self) -> bool:
        """Whether there are keys."""
        return bool(self._candidates) or len(self._given) > 0

    def unprotect(self, packet: bytes, at: float, parsed: RtpPacket | None = None) -> Opened | None:
        """The decrypted packet; None when no key authenticates it."""
        rtp = parsed or parse_rtp(packet)
        if rtp is None:
            return None
        last = self._last
        astray: Opened | None = None
        if last is not None and last[0].key.tagged:
            astray = self._tried(*last, packet, rtp, at)
            if astray is not None and astray.standing is not _ASTRAY:  # as most are
                return astray
        for candidate, context in self._others(at):
            if not candidate.key.tagged:
                continue
            opened = self._tried(candidate, context, packet, rtp, at)
            if opened is not None and opened.standing is not _ASTRAY:
                return opened
            astray = astray or opened
        if astray is not None:
            return astray
        self._failures += 1
        due = self._failures & (self._failures - 1) == 0
        if due and self._adopt(self._given.find(packet, self._known)):
            return self.unprotect(packet, at, rtp)
        if self._looked_for_an_mki < LOOKS_FOR_AN_MKI:
            self._looked_for_an_mki += 1
            if self._find_mki(packet, rtp, at):
                return self.unprotect(packet, at, rtp)
        return self._without_a_tag(packet, rtp, at)

    def _tried(
        self, candidate: Candidate, context: SrtpContext, packet: bytes, rtp: RtpPacket, at: float
    ) -> Opened | None:
        begins = self._last is None or context is not self._last[1]
        near = self._rollovers.near(candidate.key, rtp.ssrc, self._highest) if begins else ()
        try:
            found = context.unprotect(packet, at=at, near=near, parsed=rtp)
        except SrtpError:
            return None
        if begins:
            self._last = candidate, context
        self._failures = 0
        index, standing = found.index, found.standing
        if standing is _ACCEPTED and (begins or index > self._highest + NOTED_EVERY):
            self._highest = max(index, self._highest)
            self._rollovers.note(candidate.key, rtp.ssrc, index)
        return Opened(found.packet, index, candidate, candidate.until > at, standing, found.due)

    def _without_a_tag(self, packet: bytes, rtp: RtpPacket, at: float) -> Opened | None:
        """Decrypt with the negotiated key if UNAUTHENTICATED_SRTP was negotiated (RFC 4568 6.3.3)."""
        for candidate in self._candidates:
            if not candidate.key.tagged and candidate.trust is Trust.AGREED and not candidate.distance(at):
                return self._tried(candidate, self._context(candidate), packet, rtp, at)
        return None

    def _find_mki(self, packet: bytes, rtp: RtpPacket, at: float) -> bool:
        """Add the keys with the MKI that the packet carries to the candidates."""
        keys = [
            candidate
            for candidate in self._candidates
            if candidate.trust is Trust.AGREED and candidate.key.tagged
        ]
        for one in heapq.nsmallest(KEYS_WITH_AN_MKI, keys, key=lambda one: one.distance(at)):
            mki = carried_mki(one.key, packet, rtp, self._rollovers.near(one.key, rtp.ssrc, self._highest))
            if mki is not None:
                key = one.key.with_mki(mki)
                self._known.add(key)
                self._candidates.append(one._replace(key=key, mki=Mki.FOREIGN))
                return True
        return False

    def unprotect_rtcp(self, packet: bytes, at: float) -> Unprotected | None:
        """The decrypted SRTCP packet; None when no key, or only the other side's key, authenticates it."""
        for candidate, context in chain(filter(None, [self._last]), self._others(at)):
            if candidate.trust is not Trust.PEER:
                try:
                    return context.unprotect_rtcp(packet)
                except SrtpError:
                    continue
        if self._adopt(self._given.find_of_rtcp(packet, self._known)):
            return self.unprotect_rtcp(packet, at)
        return None

    def _adopt(self, key: SrtpKey | None) -> bool:
        """Make a given key a candidate from now on."""
        if key is None or len(self._candidates) >= MOST_CANDIDATES:
            return False
        self._known.add(key)
        self._candidates.append(Candidate(key, Trust.GIVEN))
        return True

    def _others(self, at: float) -> Iterator[tuple[Candidate, SrtpContext]]:
        """The other keys to try; after repeated failures usually only those in force."""
        last = self._last
        candidates = self._candidates
        if len(candidates) > MOST_TRIED:
            candidates = heapq.nsmallest(MOST_TRIED, candidates, key=lambda one: one.distance(at))
        everything = self._failures < PATIENCE or self._failures % 16 == 0
        for candidate in candidates:
            current = candidate.trust is Trust.GIVEN or (
                candidate.trust is Trust.AGREED and not candidate.distance(at)
            )
            if (last is None or candidate is not last[0]) and (everything or current):
                yield candidate, self._context(candidate)

    def _context(self, candidate: Candidate) -> SrtpContext:
        """The SRTP context of a key; kept after a failure, because it bounds its own rollover search."""
        context = self._contexts.get(candidate)
        if context is None:
            context = SrtpContext(candidate.key, from_the_beginning=candidate.begun)
            self._contexts[candidate] = context
            if len(self._contexts) > MOST_CONTEXTS:
                self._contexts.popitem(last=False)
        return context
