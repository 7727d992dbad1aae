"""Enumerations and data types of SIP, SDP, RTP and SRTP that the other modules share.

The names come from RFC 3261 (calls), RFC 3264 (media directions), RFC 3550 (RTP counters), RFC 4568 and
RFC 6188 (crypto suites) and RFC 4733 (telephone-events). The docstrings of fields are the descriptions in
the JSON Schemas.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

__all__ = [
    "HIDDEN",
    "NOT_AUTHENTIC",
    "AudioLevels",
    "CallState",
    "CandidatePair",
    "Codec",
    "CryptoSuite",
    "Direction",
    "DtmfMethod",
    "EndedBy",
    "Keying",
    "MediaAddress",
    "MediaDirection",
    "MediaState",
    "OnCrash",
    "ReliableProvisional",
    "ResolvePeers",
    "RtpCounters",
    "SecureSignalling",
    "SessionTimer",
    "SrtpMode",
    "StreamChange",
    "StreamStats",
    "Transport",
]


class CallState(StrEnum):
    """State of an INVITE session, with the names that PJSIP uses."""

    NULL = "NULL"
    CALLING = "CALLING"
    INCOMING = "INCOMING"
    EARLY = "EARLY"
    CONNECTING = "CONNECTING"
    CONFIRMED = "CONFIRMED"
    DISCONNECTED = "DISCONNECTED"


class Direction(StrEnum):
    """Direction of a call, seen from this endpoint."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class EndedBy(StrEnum):
    """Side that ended the call: ``local``, ``remote``, or ``error`` (timeout, connection, crash).

    An end by the library of this side is ``local``, with the reason.
    """

    LOCAL = "local"
    REMOTE = "remote"
    ERROR = "error"


class MediaDirection(StrEnum):
    """Direction of a media stream, seen from this endpoint (RFC 3264)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class AnswerDeviation(StrEnum):
    """Deviation from RFC 3264 or RFC 4568 in a peer's SDP answer, accepted when the setting names it.

    AVP_SAVP is an RTP/SAVP answer to an RTP/AVP offer with a=crypto (optional SRTP of [MS-SDPEXT]).
    """

    AVP_SAVP = "avp-savp"


class SrtpMode(StrEnum):
    """Use of SDES-SRTP (RFC 4568): not offered, offered in RTP/AVP, or required in RTP/SAVP."""

    OFF = "off"
    OPTIONAL = "optional"
    MANDATORY = "mandatory"


class ReliableProvisional(StrEnum):
    """Use of reliable provisional responses (100rel, RFC 3262).

    OFF refuses an INVITE that requires 100rel. SUPPORTED sends reliable responses when the INVITE requires
    100rel, PREFERRED also when it supports 100rel. REQUIRED puts 100rel into Require and refuses calls
    without it.
    """

    OFF = "off"
    SUPPORTED = "supported"
    PREFERRED = "preferred"
    REQUIRED = "required"


class MediaAddress(StrEnum):
    """Where media of an incoming call goes before its address has proved itself.

    VERIFIED sends nothing before the ACK, a PRACK, or a packet from the address that the offer names: it may
    be somebody else's. SDP sends there at once (RFC 3264 6.1).
    """

    VERIFIED = "verified"
    SDP = "sdp"


class OnCrash(StrEnum):
    """Action after a crash or a hang of an agent.

    RESTART starts another agent on the same ports, which registers again; FAIL fails the endpoint. The
    agent's calls are lost in both cases.
    """

    RESTART = "restart"
    FAIL = "fail"


class ResolvePeers(StrEnum):
    """DNS lookup of host names in messages of peers.

    NEVER accepts IP addresses only. ASYNC holds a message with host names until they are resolved, for at
    most 2 s; other messages and the media go on. Host names in settings and call targets are always resolved.
    """

    NEVER = "never"
    ASYNC = "async"


class SessionTimer(StrEnum):
    """Use of session timers (RFC 4028).

    OFF refuses an INVITE that requires a session timer. SUPPORTED requests a session timer. REQUIRED refuses
    calls without a session timer. ALWAYS runs a session timer even when the peer does not support it.
    """

    OFF = "off"
    SUPPORTED = "supported"
    REQUIRED = "required"
    ALWAYS = "always"


class SecureSignalling(StrEnum):
    """Signalling that SRTP requires, because the SDP contains the SDES keys (RFC 4568 section 9.1)."""

    NONE = "none"
    TLS = "tls"
    SIPS = "sips"


class CryptoSuite(StrEnum):
    """SRTP crypto suite (RFC 4568, RFC 6188, RFC 7714), in order of preference; a build may have some only.

    The suites with an authentication tag of 8 bytes, ``_8``, are those of an earlier draft of RFC 7714.
    """

    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"
    AES_256_CM_HMAC_SHA1_80 = "AES_256_CM_HMAC_SHA1_80"
    AES_256_CM_HMAC_SHA1_32 = "AES_256_CM_HMAC_SHA1_32"
    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AEAD_AES_128_GCM_8 = "AEAD_AES_128_GCM_8"
    AEAD_AES_256_GCM_8 = "AEAD_AES_256_GCM_8"

    @property
    def is_aead(self) -> bool:
        """Whether it is AES-GCM (RFC 7714), not AES-CM with HMAC-SHA1."""
        return self.startswith("AEAD_")


class Keying(StrEnum):
    """Key exchange of SRTP: in SDP (SDES, RFC 4568), or by a handshake on the media path (DTLS, RFC 5763)."""

    SDES = "sdes"
    DTLS = "dtls"


class Transport(StrEnum):
    """SIP transport (RFC 3261 section 18)."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


HIDDEN = "x"
"""Placeholder for a secret DTMF digit; ``x`` is not a DTMF digit."""


class DtmfMethod(StrEnum):
    """DTMF method: telephone-event (``rfc4733``), SIP INFO (``info``) or tones in the audio (``inband``)."""

    RFC4733 = "rfc4733"
    INFO = "info"
    INBAND = "inband"


class Codec(msgspec.Struct, frozen=True):
    """Codec of the library build, for instance ``speex/16000/1``."""

    name: str
    """Name of the encoding (RFC 3551), for instance ``PCMA``."""
    clock_rate: int
    """Clock rate in Hz."""
    channels: int = 1
    """Number of audio channels."""

    def __str__(self) -> str:
        return f"{self.name}/{self.clock_rate}"

    @property
    def carries_mono(self) -> bool:
        """Whether its audio can have one channel, as in the bridge; Opus always says two (RFC 7587 7)."""
        return self.channels == 1 or self.name.casefold() == "opus"

    def answers_to(self, wanted: str) -> bool:
        """Whether ``wanted`` (``PCMA``, ``PCMA/8000`` or ``PCMA/8000/1``, any case) names this codec."""
        name, *parameters = wanted.split("/")
        own_parameters = [str(self.clock_rate), str(self.channels)]
        return name.casefold() == self.name.casefold() and own_parameters[: len(parameters)] == parameters


class CandidatePair(msgspec.Struct, frozen=True, kw_only=True):
    """Candidate pair that ICE selected for RTP (RFC 8445 section 8)."""

    role: str
    """ICE role of this endpoint: ``controlling`` or ``controlled``."""
    local: str
    """Address of the local candidate, ``host:port``."""
    local_type: str
    """Type of the local candidate: ``host``, ``srflx``, ``prflx`` or ``relay``."""
    remote: str
    """Address of the remote candidate, ``host:port``."""
    remote_type: str
    """Type of the remote candidate: ``host``, ``srflx``, ``prflx`` or ``relay``."""


class MediaState(msgspec.Struct, frozen=True, kw_only=True):
    """Current state of one m= line of a call, as the library reports it."""

    index: int
    """Index of the m= line in the SDP, from 0."""
    type: str
    """Media type, for instance ``audio``."""
    active: bool
    """Whether RTP may flow; false for a rejected m= line and for hold in both directions."""
    direction: MediaDirection
    """Direction of the stream, seen from this endpoint."""
    on_hold: str | None = None
    """Side that put the stream on hold: ``local`` or ``remote``; None without hold."""
    codec: str | None = None
    """Name of the codec, without its clock rate."""
    clock_rate: int | None = None
    """Clock rate of the codec in Hz."""
    channels: int | None = None
    """Number of audio channels."""
    payload_type: int | None = None
    """Payload type of sent packets, from the peer's SDP (RFC 3264 section 5.1)."""
    telephone_event: int | None = None
    """Payload type of sent telephone-events (RFC 4733), from the peer's SDP; None: not accepted."""
    ptime_ms: int | None = None
    """Duration of the audio in one sent packet, in ms."""
    rtcp_mux: bool | None = None
    """Whether RTP and RTCP share a port (RFC 5761)."""
    local: str | None = None
    """Local RTP address, ``host:port``."""
    remote: str | None = None
    """Remote RTP address, ``host:port``."""
    suite: CryptoSuite | None = None
    """Crypto suite that the library reports as active; None for a stream without SRTP."""
    handshake: Literal["running", "done", "failed"] | None = None
    """State of the DTLS handshake (RFC 5764); None for a stream that DTLS does not key."""
    handshake_problem: str | None = None
    """Reason of a failed DTLS handshake."""
    ice: CandidatePair | None = None
    """Selected candidate pair; None without ICE and before ICE has completed."""


NOT_AUTHENTIC = "not authentic"
"""First words of the reason when libsrtp rejects the authentication tag of a packet."""


class StreamChange(msgspec.Struct, frozen=True, kw_only=True):
    """Discontinuity in a received RTP stream: neither loss nor jitter."""

    packet: int
    """Number of the first packet after the change, from 1."""
    kind: str
    """Changed header field: ``ssrc``, ``timestamps`` or ``sequence``."""
    what: str
    """Description of the change."""

    def __str__(self) -> str:
        return f"{KINDS_OF_CHANGE[self.kind]} at packet {self.packet} ({self.what})"


KINDS_OF_CHANGE = {
    "ssrc": "the SSRC changed",
    "timestamps": "the timestamps restarted",
    "sequence": "the sequence numbers restarted",
}


class ForeignPackets(msgspec.Struct, frozen=True, kw_only=True):
    """Dropped RTP and RTCP packets from sources other than the peer (RFC 3550 section 14)."""

    packets: int
    """Number of dropped packets."""
    sources: list[str]
    """Addresses of the last sources, ``host:port``, at most 16."""

    def __str__(self) -> str:
        sources = "1 source" if len(self.sources) == 1 else f"{len(self.sources)} sources"
        return f"{self.packets} dropped from {sources} other than the peer ({', '.join(self.sources[:2])})"


class RtpCounters(msgspec.Struct, frozen=True, kw_only=True):
    """RTP counters of one direction of a stream; None for a counter that was not measured.

    The fields from ``loss_events`` on exist for received streams only, and not on every platform.
    """

    packets: int
    """Number of RTP packets."""
    bytes: int
    """Sum of the RTP payload sizes in bytes."""
    lost: int | None = None
    """Number of lost packets (RFC 3550 section 6.4.1); for sent packets as the peer's RTCP reports it."""
    discarded: int | None = None
    """Number of received packets that the library discarded."""
    reordered: int | None = None
    """Number of packets that arrived out of order."""
    duplicate: int | None = None
    """Number of packets that arrived more than once."""
    jitter_ms_mean: float | None = None
    """Mean interarrival jitter in ms (RFC 3550 section 6.4.1)."""
    jitter_ms_max: float | None = None
    """Largest interarrival jitter in ms (RFC 3550 section 6.4.1)."""
    loss_events: int | None = None
    """Number of loss bursts; ``lost`` divided by this number is their mean length in packets."""
    refused: dict[str, int] | None = None
    """Number of packets that arrived and were rejected, by reason; ``packets`` does not count these."""
    foreign: ForeignPackets | None = None
    """Packets from sources other than the peer; ``packets`` and ``refused`` do not count these."""
    changes: list[StreamChange] | None = None
    """First changes of SSRC, timestamps and sequence numbers."""
    more_changes: int | None = None
    """Number of changes that ``changes`` does not list."""
    packet_ms: float | None = None
    """Duration of the audio in one packet in ms, computed from the timestamps."""
    longest_gap_ms: float | None = None
    """Longest time between two consecutive packets, in ms."""
    paused_ms: float | None = None
    """Total silence suppression by the peer in ms, from its timestamps or comfort noise packets."""
    silent: bool | None = None
    """Whether all received audio was silence."""
    unoffered_digits: dict[str, str] | None = None
    """Digits of telephone-events whose payload type was not negotiated, by payload type."""

    @property
    def refusals(self) -> int:
        """Number of packets that arrived and were rejected."""
        return sum((self.refused or {}).values())

    @property
    def unauthentic(self) -> int:
        """Number of packets with a wrong authentication tag."""
        return sum(count for why, count in (self.refused or {}).items() if why.startswith(NOT_AUTHENTIC))


class AudioLevels(msgspec.Struct, frozen=True, kw_only=True):
    """Mean magnitudes of the samples of a frame, in dB relative to full scale; None for digital silence."""

    received_dbfs: float | None
    sent_dbfs: float | None


class StreamStats(msgspec.Struct, frozen=True, kw_only=True):
    """RTP and RTCP statistics of one stream (RFC 3550), received and sent."""

    rx: RtpCounters
    """Counters of the received packets."""
    tx: RtpCounters
    """Counters of the sent packets."""
    rtt_ms: float | None = None
    """Round-trip time in ms, from RTCP (RFC 3550 section 6.4.1)."""
    jitter_buffer_ms: float | None = None
    """Mean fill level of the jitter buffer in ms when a packet leaves it; None when no packet left it.

    The leaving packet counts in full, so the real delay is shorter by up to the duration of one packet.
    """
