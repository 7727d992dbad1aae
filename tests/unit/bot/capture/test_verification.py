from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.capture.report import Protection, StreamReport
from bot.capture.verification import CallLifetime, MediaLine, WireCounters, WireResult, prove

SUITE = "AES_CM_128_HMAC_SHA1_80"
OTHER_SUITE = "AES_256_CM_HMAC_SHA1_80"
CALL_ID = "a@b"
OURS, THEIRS = "127.0.0.1:4000", "127.0.0.1:5000"
LINE = MediaLine(own={OURS}, secure=True, suite=SUITE, sent=100, received=100)
PLAIN_LINE = MediaLine(own={OURS}, secure=False, sent=100, received=100)


def protection(**fields: Any) -> Protection:
    """Of a hundred packets, authentic unless ``fields`` say otherwise."""
    others = sum(fields.get(name, 0) for name in ("plain", "failed", "swapped"))
    given = {
        "suite": SUITE,
        "packets": 100,
        "authenticated": 100 - others,
        "plain": 0,
        "plain_allowed": False,
        "failed": 0,
        "swapped": 0,
        "cut": 0,
        "reused": 0,
        "rtcp_packets": 0,
        "rtcp_authenticated": 0,
        **fields,
    }
    return Protection(**given)


def stream(source: str, target: str, protected: Protection | None, **fields: Any) -> StreamReport:
    given = {
        "ssrc": 1,
        "kind": "SRTP" if protected else "RTP",
        "call_id": CALL_ID,
        "from_caller": None,
        "media_index": 0,
        "codec": "PCMA",
        "clock_rate": 8000,
        "payload_types": (8,),
        "packets": protected.packets if protected else 100,
        "cut": 0,
        "lost": 0,
        "duplicates": 0,
        "reordered": 0,
        "jitter_ms_mean": None,
        "jitter_ms_max": None,
        "started": fields.get("started", 1.0),
        "ended": fields.get("started", 1.0) + 2.0,
        "duration_s": 2.0,
        "rtcp_packets": 0,
        "profile": "RTP/SAVP",
        "offered": (SUITE,),
        "answered": SUITE,
        **fields,
    }
    return StreamReport(source=source, target=target, protection=protected, **given)


def sent(protected: Protection | None = None, **fields: Any) -> StreamReport:
    return stream(OURS, THEIRS, protected, **fields)


def received(protected: Protection | None = None, **fields: Any) -> StreamReport:
    return stream(THEIRS, OURS, protected, **fields)


def counters(packets: int = 100, **fields: int) -> WireCounters:
    return WireCounters(**{"packets": packets, "authenticated": 0, "plain": 0, "failed": 0, **fields})


GOOD = protection()


def test_everything_authenticated() -> None:
    proof = prove(CALL_ID, 0, LINE, [sent(GOOD), received(protection(packets=2312, authenticated=2312))])
    assert proof.passed
    assert proof.expected == f"every packet authenticated with {SUITE}"
    assert proof.observed == f"2,412 of 2,412 packets authenticated ({SUITE}), both directions"
    assert proof.wire == WireResult(
        rx=counters(2312, authenticated=2312), tx=counters(authenticated=100), suite=SUITE, reused=0
    )


LIVED = MediaLine(
    own={OURS}, secure=True, suite=SUITE, sent=100, received=100, life=CallLifetime(began=10.0, ended=20.0)
)
ELSEWHERE = "127.0.0.1:6000"


@pytest.mark.parametrize(
    ("source", "started", "counts"),
    [
        (ELSEWHERE, 6.0, False),
        (ELSEWHERE, 9.0, True),
        (ELSEWHERE, 14.0, True),
        (ELSEWHERE, 20.5, False),
        (THEIRS, 6.0, False),
        (THEIRS, 20.5, True),
        (THEIRS, 24.9, True),
        (THEIRS, 25.1, False),
    ],
)
def test_who_had_the_port_before_or_after_does_not_count(source: str, started: float, counts: bool) -> None:
    """A capture of the loopback has the calls of other programs, one after the other at the same port.

    What the call's own peer sends right after its end is the call's still.
    """
    other = stream(source, OURS, protection(packets=4, failed=4), call_id=None, started=started)
    proof = prove(CALL_ID, 0, LIVED, [other, sent(GOOD, started=11.0), received(GOOD, started=11.0)])
    assert proof.passed is not counts
    assert proof.wire.rx.packets == (104 if counts else 100)


def test_a_stream_lives_until_its_last_rtcp() -> None:
    bare = received(protection(packets=9, failed=9), started=7.0, ended=10.5, duration_s=1.0)
    assert not prove(CALL_ID, 0, LIVED, [bare, sent(GOOD, started=11.0)]).passed


def test_all_streams_of_a_direction_count() -> None:
    """A re-INVITE may change ports and SSRCs; the suite is that of the last."""
    moved = MediaLine(own={OURS, "127.0.0.1:4010"}, secure=True, suite=OTHER_SUITE, sent=200, received=100)
    later = stream("127.0.0.1:4010", THEIRS, protection(suite=OTHER_SUITE), ssrc=2, started=5.0)
    proof = prove(CALL_ID, 0, moved, [later, sent(GOOD), received(GOOD)])
    assert proof.passed
    assert proof.wire.tx == counters(200, authenticated=200)
    assert proof.wire.suite == OTHER_SUITE


def test_streams_of_others_do_not_count() -> None:
    bad = protection(failed=100, problems=("100 packets not authentic",))
    others = [
        received(bad, call_id="c@d"),
        received(bad, media_index=1),
        stream(THEIRS, "127.0.0.1:6000", bad),
    ]
    proof = prove(CALL_ID, 0, LINE, [sent(GOOD), received(GOOD), *others])
    assert proof.passed
    assert proof.wire.rx == counters(authenticated=100)


@pytest.mark.parametrize(
    ("protected", "wire"),
    [
        (protection(plain=100, problems=("it is so",)), counters(plain=100)),
        (protection(failed=1, problems=("it is so",)), counters(authenticated=99, failed=1)),
        (protection(swapped=3, problems=("it is so",)), counters(authenticated=97, failed=3)),
        (protection(reused=2, problems=("it is so",)), counters(authenticated=100)),
        (
            protection(rtcp_packets=2, rtcp_authenticated=1, problems=("it is so",)),
            counters(authenticated=100),
        ),
    ],
    ids=["plain", "failed", "swapped", "reused", "rtcp"],
)
def test_what_is_broken_fails(protected: Protection, wire: WireCounters) -> None:
    proof = prove(CALL_ID, 0, LINE, [sent(GOOD), received(protected)])
    assert not proof.passed
    assert proof.observed.endswith(", both directions; received: it is so")
    assert proof.wire == WireResult(
        rx=wire, tx=counters(authenticated=100), suite=SUITE, reused=protected.reused
    )


def test_what_breaks_an_rfc_and_no_packet_is_not_the_wires() -> None:
    """A description that disagrees is another expectation's."""
    proof = prove(CALL_ID, 0, LINE, [sent(GOOD), received(protection(problems=("tag 3 was not offered",)))])
    assert proof.passed
    assert "tag 3" not in proof.observed


@pytest.mark.parametrize(
    "protected", [None, protection(plain=100, plain_allowed=True)], ids=["none", "allowed"]
)
def test_plain_packets_while_the_library_runs_srtp(protected: Protection | None) -> None:
    proof = prove(CALL_ID, 0, LINE, [sent(protected), received(GOOD)])
    assert not proof.passed
    assert "100 of 200 packets authenticated" in proof.observed
    assert "sent: 100 packets plain RTP where the library runs SRTP" in proof.observed
    assert proof.wire.tx == counters(plain=100)


def test_nothing_captured() -> None:
    proof = prove(CALL_ID, 0, LINE, [])
    assert not proof.passed
    assert proof.observed == "no RTP of it was captured"
    assert proof.wire == WireResult(rx=counters(0), tx=counters(0), suite=None, reused=0)


@pytest.mark.parametrize("line", [LINE, PLAIN_LINE], ids=["srtp", "rtp"])
def test_a_direction_that_the_library_counted_and_the_capture_lacks(line: MediaLine) -> None:
    proof = prove(CALL_ID, 0, line, [sent(GOOD if line.secure else None)])
    assert not proof.passed
    assert "sent only; received: the library counted 100 packets, the capture has none" in proof.observed


def test_a_direction_that_nobody_sent_in() -> None:
    line = MediaLine(own={OURS}, secure=True, suite=SUITE, sent=0, received=100)
    proof = prove(CALL_ID, 0, line, [received(GOOD)])
    assert proof.passed
    assert proof.observed.endswith(", received only")


def test_another_suite_than_the_library_says() -> None:
    proof = prove(
        CALL_ID, 0, LINE, [sent(protection(suite=OTHER_SUITE)), received(protection(suite=OTHER_SUITE))]
    )
    assert not proof.passed
    assert proof.observed.endswith(f"({OTHER_SUITE}), both directions; the library says {SUITE}")


def test_plain_rtp_as_negotiated() -> None:
    proof = prove(CALL_ID, 0, PLAIN_LINE, [sent(packets=1), received(call_id=None, media_index=None)])
    assert proof.passed
    assert proof.expected == "plain RTP, as negotiated"
    assert proof.observed == "101 packets of plain RTP, both directions"
    assert proof.wire == WireResult(rx=counters(plain=100), tx=counters(1, plain=1), suite=None, reused=0)


HEARD = MediaLine(
    own={OURS},
    secure=True,
    suite=SUITE,
    sent=100,
    received=60,
    life=CallLifetime(began=0.0, ended=3.0),
    heard_from=1.0,
)


@pytest.mark.parametrize(
    ("counted", "captured", "agrees"),
    [(60, 140, False), (140, 60, False), (100, 125, True), (125, 100, True)],
)
def test_what_the_library_received_and_what_the_capture_has(
    counted: int, captured: int, agrees: bool
) -> None:
    """They are the same but for what was in flight when the stream began and ended."""
    line = replace(HEARD, received=counted)
    proof = prove(
        CALL_ID, 0, line, [sent(GOOD), received(protection(packets=captured, authenticated=captured))]
    )
    assert proof.passed is agrees
    text = (
        f"received: the library received {counted} packets, the capture has {captured} that are authentic "
        "and were sent to it"
    )
    assert (text in proof.observed) is not agrees


@pytest.mark.parametrize(
    "fields",
    [{"heard_from": None}, {"heard_from": 2.6}, {"changes": 4}, {"received": None}, {"secure": False}],
)
def test_packets_that_the_library_need_not_have_received(fields: dict[str, Any]) -> None:
    """On hold, before it listened, around re-INVITEs, and what nobody counted."""
    line = replace(HEARD, **fields)
    many = protection(packets=140, authenticated=140) if line.secure else None
    packets = [sent(GOOD if line.secure else None), received(many, packets=140)]
    assert prove(CALL_ID, 0, line, packets).passed


def test_replayed_packets_are_no_packets_of_the_library() -> None:
    many = protection(packets=140, authenticated=60, discarded=80)
    proof = prove(CALL_ID, 0, HEARD, [sent(GOOD), received(many, remarks=("80 packets replayed",))])
    assert proof.passed
    assert proof.observed.endswith(", both directions; received: 80 packets replayed")
    assert proof.observed.startswith("160 of 240 packets authenticated")


def test_plain_rtcp_at_the_port_beside() -> None:
    bare = protection(packets=0, authenticated=0, rtcp_packets=2, problems=("2 of 2 RTCP packets plain",))
    beside = stream("127.0.0.1:5001", "127.0.0.1:4001", bare, ssrc=9, kind="RTCP")
    proof = prove(CALL_ID, 0, LINE, [sent(GOOD), received(GOOD), beside])
    assert not proof.passed
    assert proof.observed.endswith("received: 2 of 2 RTCP packets plain")


def test_the_same_key_in_both_directions() -> None:
    shared = protection(shared_key=True, problems=("the same master key in both directions",))
    proof = prove(CALL_ID, 0, LINE, [sent(shared), received(shared)])
    assert not proof.passed
    assert "the same master key in both directions" in proof.observed
