"""The record of one call of a load (a CDR): times, codes, media, verdict; one line of ``calls.csv``."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any, Literal

import msgspec

from bot.model import Direction, EndedBy, MediaState, StreamStats
from bot.scenario.expect_keys import OF_RECORDING
from bot.ua import Call, quality_of

__all__ = [
    "GAP",
    "LATE",
    "MISSING",
    "NO_BYE",
    "SILENCE",
    "TIMELY",
    "UNHEARD",
    "CallDetail",
    "CallVerdict",
    "Columns",
    "filled_in",
    "is_timely",
]

LATE, GAP, MISSING, UNHEARD, SILENCE = "audio late", "gap", "audio missing", "marker not heard", "silence"
NO_BYE = "no response to BYE"
TIMELY = frozenset({LATE, GAP, MISSING, UNHEARD, SILENCE, NO_BYE})
"""Causes that a machine without a free processor may have brought about."""
HEARD = tuple(f"expect {key}" for key in OF_RECORDING)
"""Beginnings of such causes, of the steps of a scenario: what a recording contains."""

CallVerdict = Literal["pass", "fail", "ours", "ended"]


class CallDetail(msgspec.Struct, kw_only=True):
    """One call of a load."""

    number: int
    """Number of the call in this run, from 1."""
    stage: int = 0
    """Index of the step of ``--step``, from 0."""
    started: datetime
    """Time at which the call was due."""
    at_s: float
    """Seconds from the start of the load to that time."""
    late_ms: float = 0.0
    """Time from that time to the INVITE, in ms."""
    agent: str = ""
    """Name of the endpoint that placed the call."""
    sip_call_id: str = ""
    """Value of the Call-ID header field."""
    local_uri: str = ""
    """URI of this side in From."""
    remote_uri: str = ""
    """URI of the peer in To."""
    direction: Direction = Direction.OUTGOING
    trying_ms: float | None = None
    """Time from the INVITE to the first 100 response, in ms."""
    ringing_ms: float | None = None
    """Time from the INVITE to the first 18x response, in ms."""
    setup_ms: float | None = None
    """Time from the INVITE to the 2xx response, in ms."""
    duration_s: float | None = None
    """Seconds from the answer to the end; null for a call that was not answered."""
    code: int | None = None
    """Status code that ended the call; null when no final response was received or sent."""
    reason: str = ""
    """Reason phrase, or the description of the failure."""
    ended_by: EndedBy | None = None
    codec: str | None = None
    suite: str | None = None
    """Crypto suite that the library uses; null without SRTP."""
    rx_packets: int | None = None
    """Number of received RTP packets."""
    rx_lost: int | None = None
    """Number of RTP packets that were lost on the way to this side."""
    tx_lost: int | None = None
    """Number of RTP packets that were lost on the way to the peer, as its RTCP reports it."""
    jitter_ms: float | None = None
    """Largest interarrival jitter in ms."""
    gap_ms: float | None = None
    """Longest time between two received packets, in ms."""
    rtt_ms: float | None = None
    mos: float | None = None
    """Listening quality MOS of the received audio, from the E-model (ITU-T G.107)."""
    markers_sent: str = ""
    """Identities of the markers that were sent, in order; empty when the audio was not verified."""
    markers_heard: str = ""
    """Identities of the markers that were heard."""
    delay_ms: float | None = None
    """Time from playing a marker to hearing it again, in ms: the larger of the two."""
    missing_ms: float | None = None
    """Audio of the markers that did not come back, in ms."""
    digits: str = ""
    """Digits that were sent."""
    verdict: CallVerdict = "pass"
    """``pass``; ``fail``; ``ours``: this side failed; ``ended``: an interrupt cut the call short."""
    cause: str = ""
    """Kind of the first failure; failures are grouped by it."""
    why: str = ""
    """Description of the failures."""

    def fail(self, cause: str, why: str, *, ours: bool = False) -> None:
        """Add a failure; the cause is the first one that a busy machine does not explain, else the first."""
        if self.verdict == "ended":
            return
        if self.verdict == "pass" or weight(cause) > weight(self.cause):
            self.verdict, self.cause = "ours" if ours else "fail", cause
        self.why = f"{self.why}; {why}" if self.why else why


def is_timely(cause: str) -> bool:
    """Whether a machine without a free processor may have brought about a failure with this cause."""
    return cause in TIMELY or cause.startswith(HEARD)


def weight(cause: str) -> int:
    """How much a cause says: the first of those that say most is the cause of a call."""
    if cause == SILENCE:
        return 1
    return 0 if is_timely(cause) else 2


def filled_in(detail: CallDetail, call: Call) -> None:
    """Take the facts of a call into its record."""
    facts = call.facts
    detail.agent, detail.sip_call_id = call.endpoint.name, facts.sip_call_id
    detail.local_uri, detail.remote_uri = facts.local_uri, facts.remote_uri
    detail.trying_ms = facts.response_after_ms(100, 100)
    detail.ringing_ms, detail.setup_ms = facts.ringing_after_ms, facts.answered_after_ms
    end = facts.ended
    if end is not None:
        detail.code, detail.reason, detail.ended_by = end.code or None, end.reason, facts.ended_by
    answered = next((seen for seen in facts.states if seen.state == "CONFIRMED"), None)
    if answered is not None and end is not None:
        detail.duration_s = round(end.at - answered.at, 3)
    detail.digits = "".join(digit.digit for digit in facts.sent)
    line = facts.audio()
    if line is not None:
        detail.codec, detail.suite = line.codec, line.suite
        if (stats := facts.stats(line.index)) is not None:
            _measured(detail, call, line, stats)


def _measured(detail: CallDetail, call: Call, line: MediaState, stats: StreamStats) -> None:
    detail.rx_packets, detail.rx_lost, detail.tx_lost = stats.rx.packets, stats.rx.lost, stats.tx.lost
    detail.jitter_ms, detail.gap_ms = stats.rx.jitter_ms_max, stats.rx.longest_gap_ms
    detail.rtt_ms = stats.rtt_ms
    quality = quality_of(call.facts, line, stats)
    detail.mos = round(quality.mos_lq, 2) if quality is not None else None


class Columns:
    """The lines of ``calls.csv`` (RFC 4180), with a line of names first."""

    names = CallDetail.__struct_fields__

    @classmethod
    def head(cls) -> str:
        """The line of names."""
        return _line(list(cls.names))

    @classmethod
    def line(cls, detail: CallDetail) -> str:
        """The line of one call; a number that was not measured is empty."""
        built = msgspec.to_builtins(detail)
        return _line([built[name] for name in cls.names])


FORMULA = "=+-@"


def _line(values: list[Any]) -> str:
    """The values with CSV's quotes; text that a spreadsheet would take for a formula begins with a quote."""
    texts = [f"'{one}" if isinstance(one, str) and one[:1] and one[0] in FORMULA else one for one in values]
    written = io.StringIO()
    csv.writer(written).writerow(["" if one is None else one for one in texts])
    return written.getvalue()
