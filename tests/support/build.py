"""Cells, records and results as the matrix makes them, without an endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.interop.cells import Cell, Plan, Role, cells_of
from bot.interop.observation import Heard, Observation, Talk
from bot.interop.outcome import PLAIN, srtp
from bot.interop.result import CellResult, ChangesResult, InteropResult, cell_result
from bot.interop.verdict import Judgement, Whole, judged
from bot.ipc.events import CallStateChanged, Event, MediaStateChanged, SipReceived, SipSent, StreamMeasured
from bot.model import CallState, CryptoSuite, Direction, EndedBy, RtpCounters, StreamStats
from bot.report.result import ExpectationResult
from bot.ua.call_record import CallRecord
from tests.support.fakes import SUITE, audio, invite, message, response, sdp, started

DIALOG = "a@b"
OTHER = CryptoSuite.AES_CM_128_HMAC_SHA1_32
EVERY = {cell.id: cell for role in Role for cell in cells_of(Plan(role=role, orders=True))}
BOTH_WAYS = Talk(heard=[Heard("marker", 60, 61)], hung_up=True)


def cell(name: str) -> Cell:
    """By its id."""
    return EVERY[name]


def sent(text: str) -> SipSent:
    """A message that left."""
    return SipSent(at=100.0, transport="udp", peer="127.0.0.1:5070", text=text)


def received(text: str) -> SipReceived:
    """A message that came."""
    return SipReceived(at=100.1, transport="udp", peer="127.0.0.1:5070", text=text)


def state(one: CallState, code: int = 0, reason: str = "", by: EndedBy | None = None) -> CallStateChanged:
    """A state of the call."""
    return CallStateChanged(at=101.0, call=1, state=one, code=code, reason=reason, by=by)


def ended(code: int = 200, reason: str = "OK", by: EndedBy = EndedBy.LOCAL) -> CallStateChanged:
    """Its end."""
    return state(CallState.DISCONNECTED, code, reason, by)


def record(*events: Event) -> CallRecord:
    """An outgoing call's."""
    known = CallRecord.of(started(1, DIALOG, direction=Direction.OUTGOING, at=100.0))
    for event in events:
        known.observe(event)
    return known


def answered(
    offer: str, answer: str, *, suite: CryptoSuite | None = SUITE, after: tuple[Event, ...] | None = None
) -> CallRecord:
    """A call that was answered with 200, its media, and its usual end unless other events come after."""
    stats = StreamStats(rx=RtpCounters(packets=61, bytes=1), tx=RtpCounters(packets=60, bytes=1))
    return record(
        sent(invite(DIALOG, body=offer)),
        received(response(DIALOG, 200, "OK", body=answer)),
        state(CallState.CONFIRMED, 200, "OK"),
        *(
            (
                MediaStateChanged(at=101.0, call=1, media=[audio(suite=suite)]),
                StreamMeasured(at=102.0, call=1, index=0, stats=stats, final=True),
                ended(),
            )
            if after is None
            else after
        ),
    )


def refused_with(code: int, reason: str = "Not Acceptable Here") -> CallRecord:
    """A call that was refused."""
    return record(
        sent(invite(DIALOG, body=sdp())),
        received(response(DIALOG, code, reason)),
        ended(code, reason, EndedBy.REMOTE),
    )


def bye(*, from_us: bool) -> Event:
    """The request that ends an answered call."""
    text = message("BYE sip:peer@127.0.0.1:5070 SIP/2.0", DIALOG, "9 BYE")
    return sent(text) if from_us else received(text)


def seen(outcome: str, **facts: Any) -> Observation:
    """What was observed."""
    return Observation(outcome=outcome, **facts)


def results(outcomes: dict[str, Observation]) -> list[CellResult]:
    """The verdict and its text, as in a run."""
    found = {cell(name): one for name, one in outcomes.items()}
    return [cell_result(of, one, judged(of, one, Whole.around(of, found)), ()) for of, one in found.items()]


def result(
    outcomes: dict[str, Observation],
    *,
    changes: ChangesResult | None = None,
    expectations: list[ExpectationResult] | None = None,
    error: str | None = None,
) -> InteropResult:
    """A whole run's."""
    return InteropResult(
        verdict="error" if error else "fail",
        error=error,
        started=datetime(2026, 1, 31, 12, tzinfo=UTC),
        duration_s=12.5,
        calls=[],
        expectations=expectations or [],
        peer="sip:peer@127.0.0.1",
        cells=results(outcomes),
        changes=changes,
    )


def usual() -> dict[str, Observation]:
    """Some of each: what passed, failed, deviates, was skipped."""
    suite = srtp(SUITE)
    return {
        "off": seen(PLAIN, audio="marker", seconds=1.5),
        "optional/all": seen(suite, audio="marker", seconds=1.5),
        "mandatory/AES_CM_128_HMAC_SHA1_80": seen(suite, audio="marker", seconds=1.5),
        "mandatory/AES_256_CM_HMAC_SHA1_80": seen(
            "broken: other suite <b>", why="other suite <b>", code=200, offered=(SUITE,), seconds=0.5
        ),
        "renegotiation/hold": seen(suite, audio="marker", notes=("hold: 200", "resume: 200"), seconds=2.5),
        "negative/tag-0": seen("refused 488", code=488, reason="Not Acceptable Here", seconds=0.25),
        "negative/key-too-long": seen("refused 488", code=488, seconds=0.25),
    }


PASSED = Judgement("pass", "SRTP")
