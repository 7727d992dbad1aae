"""The field's words as types, shared by everyone and knowing nobody.

The names are those of RFC 3261 (calls), RFC 3264 (directions), RFC 4568 and RFC 6188 (crypto
suites) and RFC 4733 (telephone-events).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = [
    "CallState",
    "CandidatePair",
    "Codec",
    "CryptoSuite",
    "Direction",
    "DtmfMethod",
    "EndedBy",
    "MediaDirection",
    "MediaState",
    "ReliableProvisional",
    "RtpCounters",
    "SecureSignalling",
    "SessionTimer",
    "SrtpMode",
    "StreamStats",
    "Transport",
]


class CallState(StrEnum):
    """The states of an INVITE session, named as PJSIP names them."""

    NULL = "NULL"
    CALLING = "CALLING"
    INCOMING = "INCOMING"
    EARLY = "EARLY"
    CONNECTING = "CONNECTING"
    CONFIRMED = "CONFIRMED"
    DISCONNECTED = "DISCONNECTED"


class Direction(StrEnum):
    """Who placed the call, seen from this endpoint."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class EndedBy(StrEnum):
    """Who ended the call: this side, the peer, or a failure (a timeout, a transport, the library)."""

    LOCAL = "local"
    REMOTE = "remote"
    ERROR = "error"


class MediaDirection(StrEnum):
    """The direction of a stream, seen from this endpoint (RFC 3264)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class SrtpMode(StrEnum):
    """Whether SDES-SRTP (RFC 4568) is not offered, offered with RTP/AVP, or demanded with RTP/SAVP."""

    OFF = "off"
    OPTIONAL = "optional"
    MANDATORY = "mandatory"


class ReliableProvisional(StrEnum):
    """What is done with reliable provisional responses (100rel, RFC 3262).

    OFF refuses who requires them. SUPPORTED sends them to callers that require them; PREFERRED to callers
    that support them too; REQUIRED calls and answers nobody without them.
    """

    OFF = "off"
    SUPPORTED = "supported"
    PREFERRED = "preferred"
    REQUIRED = "required"


class SessionTimer(StrEnum):
    """What is done with session timers (RFC 4028).

    OFF refuses who requires them. SUPPORTED asks for one; REQUIRED calls and answers nobody without;
    ALWAYS runs one on this side alone when the peer has none.
    """

    OFF = "off"
    SUPPORTED = "supported"
    REQUIRED = "required"
    ALWAYS = "always"


class SecureSignalling(StrEnum):
    """The signalling that SRTP demands, since SDES keys travel in the SDP."""

    NONE = "none"
    TLS = "tls"
    SIPS = "sips"


class CryptoSuite(StrEnum):
    """The crypto suites of RFC 4568 and RFC 6188 that the library has, in the order of preference."""

    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"
    AES_256_CM_HMAC_SHA1_80 = "AES_256_CM_HMAC_SHA1_80"
    AES_256_CM_HMAC_SHA1_32 = "AES_256_CM_HMAC_SHA1_32"


class Transport(StrEnum):
    """The SIP transports of RFC 3261 that an endpoint can listen on."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class DtmfMethod(StrEnum):
    """How a digit travels: as a telephone-event (RFC 4733), in SIP INFO, or as audible tones."""

    RFC4733 = "rfc4733"
    INFO = "info"
    INBAND = "inband"


class Codec(msgspec.Struct, frozen=True):
    """A codec of the build, for instance ``speex/16000/1``; ``clock_rate`` is in Hz."""

    name: str
    clock_rate: int
    channels: int = 1

    def __str__(self) -> str:
        return f"{self.name}/{self.clock_rate}"

    def answers_to(self, wanted: str) -> bool:
        """Whether ``wanted`` (``PCMA``, ``PCMA/8000`` or ``PCMA/8000/1``, any case) names this codec."""
        name, *rest = wanted.split("/")
        mine = [str(self.clock_rate), str(self.channels)]
        return name.casefold() == self.name.casefold() and mine[: len(rest)] == rest


class CandidatePair(msgspec.Struct, frozen=True, kw_only=True):
    """The pair of candidates that ICE selected for RTP (RFC 8445 8); types are host, srflx, prflx, relay."""

    role: str
    """``controlling`` or ``controlled``."""
    local: str
    local_type: str
    remote: str
    remote_type: str


class MediaState(msgspec.Struct, frozen=True, kw_only=True):
    """One m= line of a call as the library has it now."""

    index: int
    type: str
    active: bool
    """RTP flows or may flow; false for a line that was refused or put on hold in both directions."""
    direction: MediaDirection
    on_hold: str | None = None
    """``local`` or ``remote`` when that side put the stream on hold."""
    codec: str | None = None
    clock_rate: int | None = None
    channels: int | None = None
    payload_type: int | None = None
    """What the peer calls the codec, so what is sent has it (RFC 3264 5.1)."""
    telephone_event: int | None = None
    """What the peer calls telephone-events (RFC 4733); None when it takes none."""
    ptime_ms: int | None = None
    """How long a packet lasts that is sent."""
    rtcp_mux: bool | None = None
    """Whether RTP and RTCP share a port (RFC 5761)."""
    local: str | None = None
    remote: str | None = None
    suite: CryptoSuite | None = None
    """The crypto suite that the library says is active; None when the stream is not encrypted."""
    ice: CandidatePair | None = None
    """None without ICE, and until it has selected a pair."""


class RtpCounters(msgspec.Struct, frozen=True, kw_only=True):
    """What one direction of a stream carried; None is "not measured"."""

    packets: int
    bytes: int
    lost: int | None = None
    discarded: int | None = None
    reordered: int | None = None
    duplicate: int | None = None
    jitter_ms_mean: float | None = None
    jitter_ms_max: float | None = None


class StreamStats(msgspec.Struct, frozen=True, kw_only=True):
    """The RTP and RTCP counters of one stream (RFC 3550), received and sent."""

    rx: RtpCounters
    tx: RtpCounters
    rtt_ms: float | None = None
    jitter_buffer_ms: float | None = None
    """What the jitter buffer held when audio left it, on average; None when nobody took any audio.

    The packet that leaves counts in full, so the audio waited for up to a packet's length less.
    """
