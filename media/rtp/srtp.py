"""SRTP cryptographic context (RFC 3711 section 3.2) for captured packets.

It estimates the index of each packet from its sequence number and the rollover counter (section 3.3.1) and
keeps a replay list (section 3.3.2). The transform does the cryptography.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from media.rtp.packet import RtpPacket, is_rtcp, parse_rtp
from media.rtp.srtp_key import SUITES, AuthenticationFailed, SrtpError, SrtpKey, Suite
from media.rtp.srtp_replay import ReplayWindow, Standing
from media.rtp.srtp_transform import transform

__all__ = [
    "SUITES",
    "AuthenticationFailed",
    "SrtpContext",
    "SrtpError",
    "SrtpKey",
    "Standing",
    "Suite",
    "Unprotected",
]

CYCLE = 1 << 16  # sequence numbers per rollover
LAST_ROLLOVER = (1 << 32) - 1
LAST_RTCP_INDEX = (1 << 31) - 1

FIRST_ROLLOVERS = range(1, 256)
"""Rollover counters tried for a stream whose beginning was not captured; 255 are days of speech."""
ROLLOVERS_AHEAD = 16
"""Maximum number of rollovers in a gap of the capture."""
SHORTEST_PTIME_S = 0.0025
"""Minimum duration of a packet in seconds: a gap is never shorter than its packets."""
SEARCHES_AT_ONCE = 8
MOST_STRANGERS = 256
"""Maximum number of never-authentic streams whose failures are counted; it bounds the memory."""
MOST_REPORTERS = 256
"""Maximum number of SSRCs whose SRTCP indices are stored."""

_ACCEPTED = Standing.ACCEPTED  # looked up once; access to a member of an enumeration is slow


@dataclass(slots=True)
class Unprotected:
    """A decrypted packet."""

    packet: bytes
    """The RTP packet before protection."""
    index: int
    """The packet index. SRTP: 48 bits, rollover counter and sequence number. SRTCP: 31 bits."""
    standing: Standing = _ACCEPTED
    due: int | None = None
    """The index that a receiver must estimate, if it differs."""


@dataclass(slots=True)
class _Stream:
    """The state of an SSRC that sent an authentic packet."""

    window: ReplayWindow
    last_at: float | None
    """Time of the last accepted packet, in seconds since 1970."""
    failures: int = 0
    """Number of consecutive packets that were not authentic."""


class SrtpContext:
    """All packets that one sender protects with one master key; any number of SSRCs, RTP and RTCP."""

    def __init__(self, key: SrtpKey, *, from_the_beginning: bool = False) -> None:
        """``from_the_beginning``: the first packet with this key was captured (rollover counter 0)."""
        self._window = key.window
        self._from_the_beginning = from_the_beginning
        self._transform = transform(key)
        self._streams: dict[int, _Stream] = {}
        self._strangers: dict[int, int] = {}  # failures by SSRC
        self._astray: dict[int, int] = {}  # by SSRC, the highest index with an unexpected rollover counter
        self._reports: dict[int, ReplayWindow] = {}  # SRTCP by SSRC
        self._sent: dict[int, int] = {}  # highest index by SSRC
        self._sent_rtcp: dict[int, int] = {}

    def unprotect(
        self,
        packet: bytes,
        *,
        at: float | None = None,
        near: Collection[int] = (),
        parsed: RtpPacket | None = None,
    ) -> Unprotected:
        """Authenticate and decrypt an SRTP packet; the result states whether a receiver accepts it.

        ``at``: capture time, in seconds since 1970. ``near``: indices of its SSRC under another key or at
        other addresses, which its own index may continue (RFC 3711 section 3.3.1). ``parsed``: the result
        of parse_rtp, if available.

        Raises AuthenticationFailed, and SrtpError when the datagram is not RTP. A stream whose beginning
        was not captured is tried with the rollover counters 1 to 255. A stream that continues after a long
        gap is tried with the next 16. Other counters are searched too, to diagnose the fault: such a packet
        is astray. To bound the cost, the search runs only at the first 8 consecutive failures, then at the
        16th, 32nd, 64th ...
        """
        rtp = parsed or parse_rtp(packet)
        if rtp is None:
            raise SrtpError("this is no RTP packet")
        stream = self._streams.get(rtp.ssrc)
        index = rtp.sequence if stream is None else _estimate(stream.window.highest, rtp.sequence)
        near_indices = [_estimate(each, rtp.sequence) for each in near] if stream is None else []
        for each in dict.fromkeys((index, *near_indices)):
            plain = self._transform.unprotect(packet, rtp.header_length, rtp.ssrc, each)
            if plain is not None:
                return Unprotected(plain, each, self._remember(rtp.ssrc, stream, each, at))
        return self._search(packet, rtp, stream, index, at)

    def protect(self, packet: bytes) -> bytes:
        """Encrypt and authenticate an RTP packet; an SSRC starts with rollover counter 0.

        Raises SrtpError when the packet is not RTP.
        """
        rtp = parse_rtp(packet)
        if rtp is None:
            raise SrtpError("this is no RTP packet")
        highest = self._sent.get(rtp.ssrc, rtp.sequence)
        index = _estimate(highest, rtp.sequence)
        self._sent[rtp.ssrc] = max(highest, index)
        return self._transform.protect(packet, rtp.header_length, rtp.ssrc, index)

    def unprotect_rtcp(self, packet: bytes) -> Unprotected:
        """Authenticate an SRTCP packet and decrypt it if its E bit is set (RFC 3711 section 3.4).

        Raises AuthenticationFailed, and SrtpError when the packet is not RTCP.
        """
        _require_rtcp(packet)
        plain = self._transform.unprotect_rtcp(packet)
        ssrc = _rtcp_ssrc(packet)
        if plain is None:
            raise AuthenticationFailed(f"an SRTCP packet of SSRC 0x{ssrc:08X} is not authentic")
        index = self._transform.rtcp_index(packet)
        window = self._reports.get(ssrc)
        if window is not None:
            return Unprotected(plain, index, window.take(index))
        if len(self._reports) < MOST_REPORTERS:
            self._reports[ssrc] = ReplayWindow(index, self._window)
        return Unprotected(plain, index)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt and authenticate a compound RTCP packet; indices count from 0 (RFC 3711 section 3.2.1).

        Raises SrtpError when the packet is not RTCP.
        """
        _require_rtcp(packet)
        ssrc = _rtcp_ssrc(packet)
        index = self._sent_rtcp.get(ssrc, 0)
        self._sent_rtcp[ssrc] = index + 1 & LAST_RTCP_INDEX
        return self._transform.protect_rtcp(packet, index)

    def _search(
        self, packet: bytes, rtp: RtpPacket, stream: _Stream | None, due: int, at: float | None
    ) -> Unprotected:
        """Try rollover counters that a receiver would not try.

        They apply when the beginning or a long part of the stream was not captured, and diagnose a sender
        with a wrong counter.
        """

        def opened(index: int) -> bytes | None:
            return self._transform.unprotect(packet, rtp.header_length, rtp.ssrc, index)

        if rtp.ssrc in self._astray:
            index = _estimate(self._astray[rtp.ssrc], rtp.sequence)
            plain = opened(index)
            if plain is not None:
                return self._is_astray(rtp.ssrc, plain, index, due)
        if self._is_search_due(rtp.ssrc, stream):
            for rollovers in FIRST_ROLLOVERS if stream is None else _nearby(due >> 16):
                index = rollovers << 16 | rtp.sequence
                plain = opened(index)
                if plain is None:
                    continue
                if self._may_be_missed(stream, index, at):
                    self._begin(rtp.ssrc, index, at)
                    return Unprotected(plain, index)
                return self._is_astray(rtp.ssrc, plain, index, due)
        raise AuthenticationFailed(f"packet {rtp.sequence} of SSRC 0x{rtp.ssrc:08X} is not authentic")

    def _is_astray(self, ssrc: int, plain: bytes, index: int, due: int) -> Unprotected:
        if ssrc in self._astray or len(self._astray) < MOST_STRANGERS:
            self._astray[ssrc] = max(index, self._astray.get(ssrc, 0))
        return Unprotected(plain, index, Standing.ASTRAY, due)

    def _may_be_missed(self, stream: _Stream | None, index: int, at: float | None) -> bool:
        """Whether the packets before an index may have been sent but not captured."""
        if stream is None:
            return not self._from_the_beginning
        ahead = index - stream.window.highest
        if ahead <= 0 or at is None or stream.last_at is None:
            return ahead > 0 and not self._from_the_beginning
        return at - stream.last_at >= ahead * SHORTEST_PTIME_S

    def _is_search_due(self, ssrc: int, stream: _Stream | None) -> bool:
        """Count a failure; returns whether it is one of the first in a row, or the 16th, 32nd, 64th ..."""
        if stream is not None:
            stream.failures = failures = stream.failures + 1
        elif ssrc in self._strangers or len(self._strangers) < MOST_STRANGERS:
            self._strangers[ssrc] = failures = self._strangers.get(ssrc, 0) + 1
        else:
            return False
        return failures <= SEARCHES_AT_ONCE or failures & (failures - 1) == 0

    def _remember(self, ssrc: int, stream: _Stream | None, index: int, at: float | None) -> Standing:
        if stream is None:
            self._begin(ssrc, index, at)
            return _ACCEPTED
        standing = stream.window.take(index)
        if standing is _ACCEPTED:
            stream.failures, stream.last_at = 0, at
        return standing

    def _begin(self, ssrc: int, index: int, at: float | None) -> None:
        self._streams[ssrc] = _Stream(ReplayWindow(index, self._window), at)
        self._strangers.pop(ssrc, None)


def _estimate(highest: int, sequence: int) -> int:
    """The index nearest to the highest one so far (RFC 3711 section 3.3.1, appendix A)."""
    rollovers, last = highest >> 16, highest % CYCLE
    if last < CYCLE // 2:
        if sequence - last > CYCLE // 2 and rollovers > 0:
            rollovers -= 1
    elif last - CYCLE // 2 > sequence and rollovers < LAST_ROLLOVER:
        rollovers += 1
    return rollovers << 16 | sequence


def _nearby(rollovers: int) -> Iterable[int]:
    """Candidate indices after a gap in the capture, for an old packet, or after a sender restart."""
    near = [*range(rollovers + 1, rollovers + 1 + ROLLOVERS_AHEAD), rollovers - 1, rollovers - 2, 0, 1]
    return [candidate for candidate in near if 0 <= candidate <= LAST_ROLLOVER]


def _require_rtcp(packet: bytes) -> None:
    if not is_rtcp(packet):
        raise SrtpError("this is no RTCP packet")


def _rtcp_ssrc(packet: bytes) -> int:
    return int.from_bytes(packet[4:8], "big")
