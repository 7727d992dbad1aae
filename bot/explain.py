"""Why an expectation failed, in words: the last states, and the SIP messages that led there."""

from __future__ import annotations

from .record import CallRecord, TracedMessage
from .sdp import Sdp, parse_sdp

__all__ = ["history"]

LAST_STATES, LAST_MESSAGES = 6, 12


def history(known: CallRecord) -> list[str]:
    """The end of a call's story, a line each, times in seconds since the call began."""
    lines = ["last states:"]
    for seen in known.states[-LAST_STATES:]:
        code = f" {seen.code} {seen.reason}" if seen.code else ""
        lines.append(f"  {seen.at - known.started_at:8.3f}  {seen.state}{code}")
    if not known.states:
        lines.append("  none")
    lines.append("SIP messages:")
    for traced in known.messages[-LAST_MESSAGES:]:
        lines.append(f"  {traced.at - known.started_at:8.3f}  {one_line(traced)}")
    if not known.messages:
        lines.append("  none")
    return lines


def one_line(traced: TracedMessage) -> str:
    """A message as an arrow, its start line and what its SDP says."""
    arrow = "-->" if traced.sent else "<--"
    body = traced.message.sdp
    return f"{arrow} {traced.message.summary}{sdp_line(parse_sdp(body)) if body else ''}"


def sdp_line(sdp: Sdp) -> str:
    """The m= lines in a few words: ``[audio RTP/SAVP PCMA, AES_CM_128_HMAC_SHA1_80]``."""
    parts = []
    for line in sdp.media:
        codecs = [line.rtpmaps.get(one, one).split("/")[0] for one in line.formats]
        shown = " ".join(name for name in dict.fromkeys(codecs) if name != "telephone-event")
        suites = " ".join(dict.fromkeys(crypto.suite for crypto in line.crypto))
        parts.append(f"{line.type} {line.profile} {shown}, {suites or 'no crypto'}, {line.direction}")
    return f"  [{'; '.join(parts)}]" if parts else ""
