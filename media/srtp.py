"""Owns SRTP as a capture shows it: the packets of one key and their indices; it must not know calls.

RFC 3711: the index of a packet is its sequence number with the rollovers before it (section 3.3.1).
libsrtp does the work where it has the suite. Where it declines (a replay, a late packet, one beyond its
buffer, a stream whose rollovers are unknown, an MKI, AES-256 in counter mode) our own transform does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pylibsrtp

from media.rtp import RtpPacket, is_rtcp, parse_rtp
from media.srtp_key import SUITES, AuthenticationFailed, SrtpError, SrtpKey, Suite
from media.srtp_transform import transform

__all__ = ["SUITES", "AuthenticationFailed", "SrtpContext", "SrtpError", "SrtpKey", "Suite", "Unprotected"]

CYCLE = 1 << 16  # sequence numbers to a rollover
LAST_ROLLOVER = (1 << 32) - 1
LAST_RTCP_INDEX = (1 << 31) - 1
LIBRARY_LONGEST = 1500  # bytes of a packet, pylibsrtp's buffer

FIRST_ROLLOVERS = range(1, 256)
"""What is tried for a stream whose beginning was not captured; 255 rollovers are days of speech."""
ROLLOVERS_AHEAD = 16
"""How many rollovers a hole in the capture may hide."""
SEARCHES_AT_ONCE = 8
MOST_STRANGERS = 256
"""Of so many streams that never were authentic the failures are counted, so that memory is bounded."""

_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


@dataclass(frozen=True, slots=True)
class Unprotected:
    """A decrypted packet."""

    packet: bytes
    """RTP as it was before protection."""
    index: int
    """48 bits: the rollover counter, then the sequence number."""


@dataclass(slots=True)
class _Stream:
    """What is known of an SSRC of which a packet was authentic."""

    highest: int
    """The highest index that was authentic."""
    in_step: bool
    """Whether libsrtp has seen every packet that moved ``highest``, so that it counts rollovers as we do."""
    failures: int = 0
    """How many packets in a row were not authentic."""


class SrtpContext:
    """Everything that one sender protects with one master key; any number of SSRCs, RTP and RTCP."""

    def __init__(self, key: SrtpKey) -> None:
        self._transform = transform(key)
        self._library = _library(key)
        self._streams: dict[int, _Stream] = {}
        self._strangers: dict[int, int] = {}  # failures by SSRC
        self._sent: dict[int, int] = {}  # highest index by SSRC
        self._sent_rtcp: dict[int, int] = {}

    def unprotect(self, packet: bytes) -> Unprotected:
        """Authenticate and decrypt an SRTP packet; replays and late packets are welcome.

        Raises AuthenticationFailed, and SrtpError when it is no RTP packet at all. A stream whose first
        packet is not authentic without rollovers is tried with 1 to 255 of them, one that went on
        after a hole with the next 16; to bound the cost only at the first 8 failures in a row, then at
        the 16th, 32nd, 64th ...
        """
        rtp = parse_rtp(packet)
        if rtp is None:
            raise SrtpError("this is no RTP packet")
        stream = self._streams.get(rtp.ssrc)
        index = rtp.sequence if stream is None else _estimate(stream.highest, rtp.sequence)
        if stream is None or stream.in_step:
            plain = self._ask_library(packet)
            if plain is not None:
                self._remember(rtp.ssrc, stream, index, in_step=True)
                return Unprotected(plain, index)
        plain = self._transform.unprotect(packet, rtp.header_length, rtp.ssrc, index)
        if plain is not None:
            self._remember(rtp.ssrc, stream, index, in_step=False)
            return Unprotected(plain, index)
        return self._search(packet, rtp, stream, index >> 16)

    def protect(self, packet: bytes) -> bytes:
        """Encrypt and tag an RTP packet; the first of an SSRC has no rollovers behind it.

        Raises SrtpError when it is no RTP packet.
        """
        rtp = parse_rtp(packet)
        if rtp is None:
            raise SrtpError("this is no RTP packet")
        highest = self._sent.get(rtp.ssrc, rtp.sequence)
        index = _estimate(highest, rtp.sequence)
        self._sent[rtp.ssrc] = max(highest, index)
        return self._transform.protect(packet, rtp.header_length, rtp.ssrc, index)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Authenticate an SRTCP packet and decrypt it when its E bit says that it is encrypted.

        Raises AuthenticationFailed, and SrtpError when it is no RTCP packet at all.
        """
        _require_rtcp(packet)
        plain = self._transform.unprotect_rtcp(packet)
        if plain is None:
            raise AuthenticationFailed(f"an SRTCP packet of SSRC 0x{_rtcp_ssrc(packet):08X} is not authentic")
        return plain

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt and tag a compound RTCP packet; indices count from 0 (RFC 3711 section 3.2.1).

        Raises SrtpError when it is no RTCP packet.
        """
        _require_rtcp(packet)
        ssrc = _rtcp_ssrc(packet)
        index = self._sent_rtcp.get(ssrc, 0)
        self._sent_rtcp[ssrc] = index + 1 & LAST_RTCP_INDEX
        return self._transform.protect_rtcp(packet, index)

    def _ask_library(self, packet: bytes) -> bytes | None:
        if self._library is None or len(packet) > LIBRARY_LONGEST:
            return None
        try:
            return self._library.unprotect(packet)
        except pylibsrtp.Error:  # its word for a replay or a forgery; our own transform decides
            return None

    def _search(self, packet: bytes, rtp: RtpPacket, stream: _Stream | None, rollovers: int) -> Unprotected:
        """Try other rollovers than the estimate, where the beginning or a long part is missing."""
        if self._is_search_due(rtp.ssrc, stream):
            for candidate in FIRST_ROLLOVERS if stream is None else _nearby(rollovers):
                index = candidate << 16 | rtp.sequence
                plain = self._transform.unprotect(packet, rtp.header_length, rtp.ssrc, index)
                if plain is not None:
                    self._streams[rtp.ssrc] = _Stream(index, in_step=False)
                    self._strangers.pop(rtp.ssrc, None)
                    return Unprotected(plain, index)
        raise AuthenticationFailed(f"packet {rtp.sequence} of SSRC 0x{rtp.ssrc:08X} is not authentic")

    def _is_search_due(self, ssrc: int, stream: _Stream | None) -> bool:
        """Count a failure; whether it is one of the first in a row, or the 16th, 32nd, 64th ..."""
        if stream is not None:
            stream.failures = failures = stream.failures + 1
        elif ssrc in self._strangers or len(self._strangers) < MOST_STRANGERS:
            self._strangers[ssrc] = failures = self._strangers.get(ssrc, 0) + 1
        else:
            return False
        return failures <= SEARCHES_AT_ONCE or failures & (failures - 1) == 0

    def _remember(self, ssrc: int, stream: _Stream | None, index: int, *, in_step: bool) -> None:
        if stream is None:
            self._streams[ssrc] = _Stream(index, in_step)
            self._strangers.pop(ssrc, None)
            return
        stream.failures = 0
        if index > stream.highest:
            stream.highest = index
            stream.in_step = in_step


def _library(key: SrtpKey) -> pylibsrtp.Session | None:
    """A libsrtp session; None where it has not the suite, or through its Python binding no MKI."""
    if key.mki or key.suite not in _PROFILES:
        return None
    policy = pylibsrtp.Policy(
        key=key.master_key + key.master_salt,
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND,
        srtp_profile=_PROFILES[key.suite],
    )
    return pylibsrtp.Session(policy)


def _estimate(highest: int, sequence: int) -> int:
    """The index that is nearest to the highest so far (RFC 3711 section 3.3.1, appendix A)."""
    rollovers, last = highest >> 16, highest % CYCLE
    if last < CYCLE // 2:
        if sequence - last > CYCLE // 2 and rollovers > 0:
            rollovers -= 1
    elif last - CYCLE // 2 > sequence and rollovers < LAST_ROLLOVER:
        rollovers += 1
    return rollovers << 16 | sequence


def _nearby(rollovers: int) -> Iterable[int]:
    """What a hole in the capture, a packet from long ago or a sender that began anew would have."""
    near = [*range(rollovers + 1, rollovers + 1 + ROLLOVERS_AHEAD), rollovers - 1, rollovers - 2, 0, 1]
    return [candidate for candidate in near if 0 <= candidate <= LAST_ROLLOVER]


def _require_rtcp(packet: bytes) -> None:
    if not is_rtcp(packet):
        raise SrtpError("this is no RTCP packet")


def _rtcp_ssrc(packet: bytes) -> int:
    return int.from_bytes(packet[4:8], "big")
