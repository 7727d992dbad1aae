"""The m= lines of a call as the library describes them."""

from __future__ import annotations

import re

import pjsua2 as pj

from bot.model import (
    CandidatePair,
    CryptoSuite,
    MediaDirection,
    MediaState,
)

__all__ = ["ACTIVE_SUITE", "DIRECTIONS", "HEARING", "SPEAKING", "holder", "line_state"]

DIRECTIONS = {
    pj.PJMEDIA_DIR_NONE: MediaDirection.INACTIVE,
    pj.PJMEDIA_DIR_ENCODING: MediaDirection.SENDONLY,
    pj.PJMEDIA_DIR_DECODING: MediaDirection.RECVONLY,
    pj.PJMEDIA_DIR_ENCODING_DECODING: MediaDirection.SENDRECV,
}
RUNNING = {
    pj.PJSUA_CALL_MEDIA_ACTIVE,
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD,
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
}
SPEAKING = {MediaDirection.SENDRECV, MediaDirection.SENDONLY}
HEARING = {MediaDirection.SENDRECV, MediaDirection.RECVONLY}
ACTIVE_SUITE = re.compile(r"#(\d+) audio[^\n]*\n\s+SRTP status: Active Crypto-suite: (\S+)")


def holder(wanted: MediaDirection, direction: MediaDirection) -> str | None:
    """The side that holds: its direction excludes a direction of the other side (RFC 3264 8.4)."""
    if wanted not in HEARING and direction not in HEARING:
        return "local"
    return "remote" if wanted in SPEAKING and direction not in SPEAKING else None


def line_state(
    native: pj.Call,
    line: pj.CallMediaInfo,
    wanted: MediaDirection,
    suite: str | None,
    pair: CandidatePair | None,
    *,
    dtls: bool = False,
    problem: str | None = None,
) -> MediaState:
    """The state of an m= line of a call; ``wanted`` is the direction that this side asked for.

    ``dtls`` is whether this side described a fingerprint, ``problem`` why the DTLS handshake failed.
    """
    is_audio = line.type == pj.PJMEDIA_TYPE_AUDIO
    active = is_audio and line.status in RUNNING and line.audioConfSlot != pj.PJSUA_INVALID_ID
    state = MediaState(
        index=line.index,
        type="audio" if is_audio else "other",
        active=active and line.dir != pj.PJMEDIA_DIR_NONE,
        direction=DIRECTIONS[line.dir],
        on_hold=holder(wanted, DIRECTIONS[line.dir]) if line.status in RUNNING else None,
        handshake="failed" if dtls and problem else None,
        handshake_problem=problem,
    )
    if not active:
        return state
    handshake = state.handshake or (("done" if suite else "running") if dtls else None)
    stream, transport = native.getStreamInfo(line.index), native.getMedTransportInfo(line.index)
    parameters = stream.audCodecParam
    return MediaState(
        index=state.index,
        type=state.type,
        active=state.active and handshake != "running",  # without keys no RTP flows
        direction=state.direction,
        on_hold=state.on_hold,
        codec=stream.codecName,
        clock_rate=stream.codecClockRate,
        channels=parameters.info.channelCnt,
        payload_type=stream.txPt,
        telephone_event=stream.audTxEventPt if min(stream.audTxEventPt, stream.audRxEventPt) > 0 else None,
        ptime_ms=parameters.info.frameLen * parameters.setting.frmPerPkt,
        rtcp_mux=transport.localRtcpName == transport.localRtpName,
        local=transport.localRtpName,
        remote=stream.remoteRtpAddress,
        suite=CryptoSuite(suite) if suite else None,
        handshake=handshake,
        handshake_problem=problem,
        ice=pair,
    )
