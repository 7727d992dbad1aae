"""Result of a call as data: the objects under ``calls`` of ``srtpbot.result/1``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from bot.capture.verification import WireResult
from bot.model import (
    CallState,
    CandidatePair,
    Direction,
    DtmfMethod,
    EndedBy,
    Keying,
    MediaDirection,
    MediaState,
    RtpCounters,
)
from bot.ua import Call, CallRecord, Digit, inband_warnings, quality_of

__all__ = ["CallResult", "DigitResult", "MediaResult", "call_result"]


class StateResult(msgspec.Struct, kw_only=True):
    """State that the call reached."""

    state: CallState
    at_s: float
    """Seconds since the start of the call."""
    code: int
    """Status code of the SIP response that caused the state; 0 without a response."""
    reason: str
    """Reason phrase of the response."""


class SetupResult(msgspec.Struct, kw_only=True):
    """Call setup times."""

    trying_ms: float | None
    """Time from the INVITE to the first 100 response, in ms."""
    ringing_ms: float | None
    """Post-dial delay: time from the INVITE to the first 18x response, in ms."""
    answered_ms: float | None
    """Time from the INVITE to the first 2xx response, in ms."""


class DisconnectResult(msgspec.Struct, kw_only=True):
    """End of the call; null while the call has not ended."""

    code: int | None
    """Status code that ended the call; null when no final response was received or sent."""
    reason: str
    """Reason phrase, or the description of the failure."""
    by: EndedBy | None


class SrtpResult(msgspec.Struct, kw_only=True):
    """SRTP state of the stream in the library, and its negotiation in SDP (RFC 4568)."""

    active: bool
    """Whether the library encrypts the stream with SRTP."""
    keying: str | None
    """Key exchange: ``SDES`` (RFC 4568) or ``DTLS`` (RFC 5763); null without SRTP."""
    suite: str | None
    """Crypto suite that the library uses; null without SRTP."""
    tag: int | None
    """Tag of the selected crypto attribute (RFC 4568 section 4.1)."""
    offered: list[str]
    """Crypto suites of the SDP offer, in order."""
    answered: str | None
    """Crypto suite of the SDP answer; null when the answer has no crypto attribute."""
    disagreement: str | None
    """Contradiction between offer, answer and library; null when they agree."""
    deviation: str | None
    """Deviation of the SDP answer that the setting ``accept`` allowed; null without a deviation."""
    keys_in_clear: bool
    """Whether the keys were sent in clear text: SDES in SDP over UDP or TCP."""
    role: str | None = None
    """Role in the DTLS handshake: ``active`` (client) or ``passive`` (RFC 5763); null without DTLS."""
    fingerprint: str | None = None
    """Fingerprint of this endpoint's certificate (RFC 8122); null without DTLS."""
    peer_fingerprint: str | None = None
    """Fingerprint in the SDP of the peer, which its certificate has; null without DTLS."""


class MediaResult(msgspec.Struct, kw_only=True):
    """One m= line of the call."""

    type: str
    """Media type, for instance ``audio``."""
    codec: str | None
    """Name of the negotiated codec."""
    clock_rate: int | None
    """Clock rate of the codec in Hz."""
    ptime_ms: int | None
    """Duration of the audio in one sent packet, in ms."""
    direction: MediaDirection
    profile: str | None
    """Transport profile of the SDP answer: ``RTP/AVP`` or ``RTP/SAVP``."""
    local: str | None
    """Local RTP address, ``host:port``."""
    remote: str | None
    """Remote RTP address, ``host:port``."""
    srtp: SrtpResult
    rx: RtpCounters | None
    """Counters of the received packets."""
    tx: RtpCounters | None
    """Counters of the sent packets."""
    rtt_ms: float | None
    """Round-trip time in ms, from RTCP (RFC 3550 section 6.4.1)."""
    jitter_buffer_ms: float | None = None
    """Mean delay of received audio in the jitter buffer, in ms."""
    mos_lq: float | None = None
    """Listening quality MOS of the received audio, from the E-model (ITU-T G.107, G.107.1)."""
    mos_cq: float | None = None
    """Conversational quality MOS, which includes the network delay and the delay of the jitter buffer."""
    mos_scale: Literal["narrowband", "wideband"] | None = None
    """Scale of both MOS; values of different scales cannot be compared."""
    ice: CandidatePair | None = None
    """Candidate pair that ICE selected; null without ICE."""
    wire: WireResult | None = None
    """Verification of the captured packets; null without ``--capture``."""


class DigitResult(msgspec.Struct, kw_only=True):
    """One DTMF digit."""

    digit: str
    """The digit: 0 to 9, ``*``, ``#``, A to D; ``x`` for a secret digit."""
    method: DtmfMethod
    at_s: float
    """Seconds since the start of the call."""
    duration_ms: int | None = None
    """Duration of the digit in ms."""


class DtmfResult(msgspec.Struct, kw_only=True):
    """DTMF digits of the call."""

    sent: list[DigitResult]
    """Sent digits, in order."""
    received: list[DigitResult]
    """Received digits, in order."""


class RecordingResult(msgspec.Struct, kw_only=True):
    """Recording of the received audio."""

    path: str
    """Path of the audio file."""
    duration_s: float | None
    """Duration in seconds; null when the file cannot be read."""
    sample_rate: int | None
    """Sample rate in Hz; null when the file cannot be read."""


class GapResult(msgspec.Struct, kw_only=True):
    """Section of the reference audio that is missing in the recording."""

    start_s: float
    """Start of the gap in the reference, in seconds."""
    duration_ms: float
    """Duration of the gap in ms."""
    concealed: bool = False
    """Whether the receiver filled the gap by packet loss concealment."""


class AudioResult(msgspec.Struct, kw_only=True):
    """Comparison of the recording with the reference audio."""

    matched: bool
    """Whether the recording contains the reference."""
    reasons: list[str]
    """Reasons why the recording does not match; empty for a match."""
    delay_ms: float | None
    """Position of the reference in the recording in ms; negative when the recording lacks its beginning."""
    drift_ppm: float | None
    """Growth of the delay in parts per million; positive when the receiver's clock is slower."""
    level_db: float | None
    """Level of the recording relative to the reference, in dB."""
    level_step_db: float | None = None
    """Largest change of level between consecutive sections of 200 ms, in dB."""
    snr_db: float | None
    """Signal-to-noise ratio in dB."""
    segmental_snr_db: float | None
    """Mean signal-to-noise ratio of segments of 20 ms, without pauses, in dB."""
    correlation: float | None
    """Correlation of the waveforms, up to 1."""
    similarity: float | None
    """Correlation of the spectrograms, up to 1; for codecs that do not preserve the waveform."""
    missing_ms: float | None
    """Total duration of missing and concealed audio, in ms."""
    concealed_ms: float | None
    """Total duration of concealed audio (packet loss concealment), in ms."""
    inserted_ms: float | None
    """Total duration of inserted audio, in ms."""
    clipped: float | None
    """Fraction of the recording's samples at full scale, 0 to 1."""
    gaps: list[GapResult]
    """Gaps in the recording, in order."""


class TlsResult(msgspec.Struct):
    """The TLS connection of the INVITE."""

    version: str
    """``TLS 1.2`` or ``TLS 1.3``."""
    cipher: str
    """The cipher suite, in the words of the TLS library."""


class CallResult(msgspec.Struct, kw_only=True):
    """One call."""

    id: str
    """Number of the call in this run; ``ENDPOINT-NUMBER`` with several endpoints."""
    endpoint: str
    """Name of the endpoint."""
    direction: Direction
    sip_call_id: str
    """Value of the Call-ID header field."""
    local_uri: str
    """URI of this endpoint in From or To."""
    remote_uri: str
    """URI of the peer in To or From."""
    transport: str
    """SIP transport of the INVITE: ``udp``, ``tcp`` or ``tls``."""
    tls: TlsResult | None = None
    """What the TLS handshake agreed on; null without TLS."""
    states: list[StateResult]
    """States of the INVITE session, in order."""
    setup: SetupResult
    disconnect: DisconnectResult | None
    media: list[MediaResult]
    """Media streams, one for each m= line."""
    dtmf: DtmfResult
    recording: RecordingResult | None
    audio: AudioResult | None
    warnings: list[str] = []
    """Settings of this call that make a result unreliable, one sentence each."""


def tls_result(call: Call) -> TlsResult | None:
    """The TLS connection by which the call's first message went."""
    if call.facts.transport != "tls":
        return None
    session = call.endpoint.tls_sessions.of(call.facts.messages[0].peer)
    return TlsResult(session.version, session.cipher) if session is not None else None


def call_result(call: Call, wire: Mapping[int, WireResult] | None = None) -> CallResult:
    """The result of one call; ``wire`` has the verification of the captured packets of each m= line."""
    facts = call.facts
    start = facts.started_at
    lines = facts.media if facts.ended is None else tuple(facts.last_active.values())
    end = facts.ended
    return CallResult(
        id=call.label.removeprefix("call ").replace(" call ", "-"),
        endpoint=call.endpoint.name,
        direction=facts.direction,
        sip_call_id=facts.sip_call_id,
        local_uri=facts.local_uri,
        remote_uri=facts.remote_uri,
        transport=facts.transport,
        tls=tls_result(call),
        states=[
            StateResult(
                state=change.state, at_s=since(start, change.at), code=change.code, reason=change.reason
            )
            for change in facts.states
        ],
        setup=SetupResult(
            trying_ms=facts.response_after_ms(100, 100),
            ringing_ms=facts.ringing_after_ms,
            answered_ms=facts.answered_after_ms,
        ),
        disconnect=DisconnectResult(code=end.code or None, reason=end.reason, by=facts.ended_by)
        if end
        else None,
        media=[media_result(facts, line, (wire or {}).get(line.index)) for line in lines],
        dtmf=DtmfResult(
            sent=[digit_result(start, digit) for digit in facts.sent],
            received=[digit_result(start, digit) for digit in facts.received],
        ),
        recording=recording_result(call),
        audio=audio_result(facts),
        warnings=inband_warnings(facts),
    )


def since(start: float, at: float) -> float:
    """Seconds from ``start`` to ``at``, rounded to microseconds."""
    return round(at - start, 6)


def digit_result(start: float, digit: Digit) -> DigitResult:
    """The result of a digit; ``start`` is the start of the call."""
    return DigitResult(
        digit=digit.digit, method=digit.method, at_s=since(start, digit.at), duration_ms=digit.duration_ms
    )


def media_result(facts: CallRecord, line: MediaState, wire: WireResult | None) -> MediaResult:
    """The result of one m= line, with its counters and its SRTP state."""
    stats, crypto = facts.stats(line.index), facts.crypto(line.index)
    quality = quality_of(facts, line, stats) if stats else None
    keying, (own, peer) = facts.keying(line), facts.fingerprints(line.index)
    dtls = facts.dtls(line.index)
    return MediaResult(
        type=line.type,
        codec=line.codec,
        clock_rate=line.clock_rate,
        ptime_ms=line.ptime_ms,
        direction=line.direction,
        profile=facts.profile(line.index),
        local=line.local,
        remote=line.remote,
        srtp=SrtpResult(
            active=line.suite is not None,
            keying=keying.upper() if keying else None,
            suite=line.suite,
            tag=crypto.tag,
            offered=list(crypto.offered),
            answered=crypto.answered,
            disagreement=facts.suite_disagreement(line),
            deviation=dtls.deviation if dtls else crypto.deviation,
            keys_in_clear=keying is Keying.SDES and facts.transport in {"udp", "tcp"},
            role=facts.role(line.index),
            fingerprint=str(own) if own else None,
            peer_fingerprint=str(peer) if peer else None,
        ),
        rx=stats.rx if stats else None,
        tx=stats.tx if stats else None,
        rtt_ms=stats.rtt_ms if stats else None,
        jitter_buffer_ms=stats.jitter_buffer_ms if stats else None,
        mos_lq=round(quality.mos_lq, 2) if quality else None,
        mos_cq=round(quality.mos_cq, 2) if quality and quality.mos_cq is not None else None,
        mos_scale=quality.band.value if quality else None,
        ice=line.ice,
        wire=wire,
    )


def recording_result(call: Call) -> RecordingResult | None:
    """The first recording of the call; its duration is null when the file cannot be read."""
    if not call.recordings:
        return None
    import soundfile

    path = call.recordings[0].path
    try:
        info = soundfile.info(str(path))
    except (OSError, RuntimeError):
        return RecordingResult(path=str(path), duration_s=None, sample_rate=None)
    return RecordingResult(path=str(path), duration_s=round(info.duration, 3), sample_rate=info.samplerate)


def audio_result(facts: CallRecord) -> AudioResult | None:
    """The comparison of the recording with its reference; None without a comparison."""
    if facts.comparison is None:
        return None
    return msgspec.convert(facts.comparison, AudioResult, from_attributes=True)
