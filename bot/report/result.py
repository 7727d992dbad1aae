"""The result of a run as data, ``srtpbot.result/1``: what users' scripts read.

Numbers that were not measured are null. The ``at_s`` of a call count from its beginning, those
of expectations from ``started``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from bot.call import Call
from bot.events import ExpectationChecked
from bot.journal import Journal
from bot.model import (
    CallState,
    CandidatePair,
    Direction,
    DtmfMethod,
    EndedBy,
    MediaDirection,
    MediaState,
    RtpCounters,
    StreamStats,
)
from bot.pcap.proof import WireResult
from bot.record import CallRecord, Digit

if TYPE_CHECKING:
    from media.emodel import Quality

__all__ = ["SCHEMA", "CallResult", "Result", "Verdict", "call_result", "run_result"]

SCHEMA = "srtpbot.result/1"
Verdict = Literal["pass", "fail", "error"]


class StateResult(msgspec.Struct, kw_only=True):
    """A state that the call reached."""

    state: CallState
    at_s: float
    code: int
    reason: str


class SetupResult(msgspec.Struct, kw_only=True):
    """From the INVITE to the first response of a kind, in ms; the post-dial delay is ``ringing_ms``."""

    trying_ms: float | None
    ringing_ms: float | None
    answered_ms: float | None


class DisconnectResult(msgspec.Struct, kw_only=True):
    """How the call ended."""

    code: int
    reason: str
    by: EndedBy | None


class SrtpResult(msgspec.Struct, kw_only=True):
    """What the stream's encryption is, by the library, and what SDP said of it (RFC 4568)."""

    active: bool
    keying: str | None
    suite: str | None
    tag: int | None
    offered: list[str]
    answered: str | None
    disagreement: str | None
    keys_in_clear: bool
    """The keys travelled over UDP or TCP, readable by anyone on the way."""


class MediaResult(msgspec.Struct, kw_only=True):
    """One m= line."""

    type: str
    codec: str | None
    clock_rate: int | None
    ptime_ms: int | None
    direction: MediaDirection
    profile: str | None
    local: str | None
    remote: str | None
    srtp: SrtpResult
    rx: RtpCounters | None
    tx: RtpCounters | None
    rtt_ms: float | None
    jitter_buffer_ms: float | None = None
    """How long received audio waits in the jitter buffer, on average."""
    mos_lq: float | None = None
    """Listening quality of what was received, by the E-model (ITU-T G.107, G.107.1)."""
    mos_cq: float | None = None
    """Conversational quality, which counts the delay too, the jitter buffer's with it."""
    mos_scale: Literal["narrowband", "wideband"] | None = None
    """Scores of one scale cannot be compared with those of the other."""
    ice: CandidatePair | None = None
    """The candidates that ICE selected; null without it."""
    wire: WireResult | None = None
    """What a capture of the packets shows; null without ``--capture``."""


class DigitResult(msgspec.Struct, kw_only=True):
    """A DTMF digit."""

    digit: str
    method: DtmfMethod
    at_s: float
    duration_ms: int | None = None


class DtmfResult(msgspec.Struct, kw_only=True):
    """The digits of a call."""

    sent: list[DigitResult]
    received: list[DigitResult]


class RecordingResult(msgspec.Struct, kw_only=True):
    """The file of what was heard."""

    path: str
    duration_s: float | None
    sample_rate: int | None


class GapResult(msgspec.Struct, kw_only=True):
    """A stretch of the reference that did not arrive; ``concealed`` when the receiver made something up."""

    start_s: float
    duration_ms: float
    concealed: bool = False


class AudioResult(msgspec.Struct, kw_only=True):
    """What was heard, compared with what should have been."""

    matched: bool
    reasons: list[str]
    delay_ms: float | None
    drift_ppm: float | None
    level_db: float | None
    snr_db: float | None
    segmental_snr_db: float | None
    correlation: float | None
    similarity: float | None
    missing_ms: float | None
    concealed_ms: float | None
    inserted_ms: float | None
    clipped: float | None
    gaps: list[GapResult]


class CallResult(msgspec.Struct, kw_only=True):
    """One call."""

    id: str
    endpoint: str
    direction: Direction
    sip_call_id: str
    local_uri: str
    remote_uri: str
    transport: str
    states: list[StateResult]
    setup: SetupResult
    disconnect: DisconnectResult | None
    media: list[MediaResult]
    dtmf: DtmfResult
    recording: RecordingResult | None
    audio: AudioResult | None


class ExpectationResult(msgspec.Struct, kw_only=True):
    """One assertion."""

    name: str
    verdict: Literal["pass", "fail"]
    expected: str
    observed: str
    at_s: float


class Result(msgspec.Struct, kw_only=True):
    """One run."""

    schema: Literal["srtpbot.result/1"] = "srtpbot.result/1"
    verdict: Verdict
    error: str | None
    started: datetime
    duration_s: float
    calls: list[CallResult]
    expectations: list[ExpectationResult]


def run_result(
    journal: Journal,
    duration_s: float,
    calls: Sequence[Call],
    checked: Sequence[ExpectationChecked],
    error: str | None,
    *,
    wire: Mapping[Call, Mapping[int, WireResult]] | None = None,
) -> Result:
    """The result of a run; with no call and no expectation there is nothing that could pass.

    ``wire`` has what was captured of calls, by the index of the m= line.
    """
    passed = bool(checked) and all(one.passed for one in checked)
    return Result(
        verdict="error" if error is not None else "pass" if passed else "fail",
        error=error,
        started=journal.started,
        duration_s=round(duration_s, 3),
        calls=[call_result(call, (wire or {}).get(call)) for call in calls],
        expectations=[
            ExpectationResult(
                name=one.name,
                verdict="pass" if one.passed else "fail",
                expected=one.expected,
                observed=one.observed,
                at_s=round(journal.since_start(one), 6),
            )
            for one in checked
        ],
    )


def call_result(call: Call, wire: Mapping[int, WireResult] | None = None) -> CallResult:
    """What is known of one call, with what was captured of each m= line."""
    known = call.known
    zero = known.started_at
    lines = known.media if known.ended is None else tuple(known.last_active.values())
    end = known.ended
    return CallResult(
        id=call.label.removeprefix("call ").replace(" call ", "-"),
        endpoint=call.host.name,
        direction=known.direction,
        sip_call_id=known.sip_call_id,
        local_uri=known.local_uri,
        remote_uri=known.remote_uri,
        transport=known.transport,
        states=[
            StateResult(state=one.state, at_s=since(zero, one.at), code=one.code, reason=one.reason)
            for one in known.states
        ],
        setup=SetupResult(
            trying_ms=known.response_after_ms(100, 100),
            ringing_ms=known.response_after_ms(180, 189),
            answered_ms=known.response_after_ms(200, 299),
        ),
        disconnect=DisconnectResult(code=end.code, reason=end.reason, by=known.ended_by) if end else None,
        media=[media_result(known, line, (wire or {}).get(line.index)) for line in lines],
        dtmf=DtmfResult(
            sent=[digit_result(zero, digit) for digit in known.sent],
            received=[digit_result(zero, digit) for digit in known.received],
        ),
        recording=recording_result(call),
        audio=audio_result(known),
    )


def since(zero: float, at: float) -> float:
    """Seconds, to the microsecond."""
    return round(at - zero, 6)


def digit_result(zero: float, digit: Digit) -> DigitResult:
    """A digit and when it was."""
    return DigitResult(
        digit=digit.digit, method=digit.method, at_s=since(zero, digit.at), duration_ms=digit.duration_ms
    )


def media_result(known: CallRecord, line: MediaState, wire: WireResult | None) -> MediaResult:
    """One m= line with its counters and its encryption."""
    stats, crypto = known.stats(line.index), known.crypto(line.index)
    quality = quality_of(line, stats) if stats else None
    return MediaResult(
        type=line.type,
        codec=line.codec,
        clock_rate=line.clock_rate,
        ptime_ms=line.ptime_ms,
        direction=line.direction,
        profile=known.profile(line.index),
        local=line.local,
        remote=line.remote,
        srtp=SrtpResult(
            active=line.suite is not None,
            keying="SDES" if line.suite else None,
            suite=line.suite,
            tag=crypto.tag,
            offered=list(crypto.offered),
            answered=crypto.answered,
            disagreement=known.suite_disagreement(line),
            keys_in_clear=line.suite is not None and known.transport in {"udp", "tcp"},
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


def quality_of(line: MediaState, stats: StreamStats) -> Quality | None:
    """The quality of what a line received; None without its counters, its codec or the codec's figures.

    A duplicate is among the discarded packets as well, but nothing is lost with it.
    """
    from media.emodel import quality

    rx = stats.rx
    if line.codec is None or line.clock_rate is None or rx.lost is None or rx.discarded is None:
        return None
    return quality(
        line.codec,
        line.clock_rate,
        expected=rx.packets + rx.lost,
        lost=rx.lost,
        discarded=max(0, rx.discarded - (rx.duplicate or 0)),
        network_ms=None if stats.rtt_ms is None else stats.rtt_ms / 2,
        ptime_ms=line.ptime_ms or 0,
        jitter_buffer_ms=stats.jitter_buffer_ms or 0,
    )


def recording_result(call: Call) -> RecordingResult | None:
    """The first recording of the call; its length is null while the file is not readable."""
    if not call.recordings:
        return None
    import soundfile

    path = call.recordings[0].path
    try:
        info = soundfile.info(str(path))
    except (OSError, RuntimeError):
        return RecordingResult(path=str(path), duration_s=None, sample_rate=None)
    return RecordingResult(path=str(path), duration_s=round(info.duration, 3), sample_rate=info.samplerate)


def audio_result(known: CallRecord) -> AudioResult | None:
    """The figures of the comparison, when one was made."""
    found = known.comparison
    if found is None:
        return None
    return AudioResult(
        matched=found.matched,
        reasons=list(found.reasons),
        delay_ms=found.delay_ms,
        drift_ppm=found.drift_ppm,
        level_db=found.level_db,
        snr_db=found.snr_db,
        segmental_snr_db=found.segmental_snr_db,
        correlation=found.correlation,
        similarity=found.similarity,
        missing_ms=found.missing_ms,
        concealed_ms=found.concealed_ms,
        inserted_ms=found.inserted_ms,
        clipped=found.clipped,
        gaps=[
            GapResult(start_s=gap.start_s, duration_ms=gap.duration_ms, concealed=gap.concealed)
            for gap in found.gaps
        ],
    )
