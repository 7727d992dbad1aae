"""bot.ua.call_record: folding events into the facts of a call."""

from __future__ import annotations

import pytest

from bot.ipc.events import (
    CallStateChanged,
    CommandDone,
    DtmfReceived,
    DtmfReleased,
    DtmfSent,
    Event,
    MediaStateChanged,
    SipReceived,
    SipSent,
    StreamMeasured,
)
from bot.model import (
    CallState,
    CryptoSuite,
    Direction,
    DtmfMethod,
    EndedBy,
    MediaState,
    RtpCounters,
    StreamStats,
)
from bot.ua.call_record import (
    FIRST_MESSAGES,
    MOST_CHARACTERS,
    MOST_MESSAGES,
    CallRecord,
    Digit,
    StateSeen,
)
from tests.support.fakes import KEY, SUITE, audio, invite, response, sdp, started

OTHER = CryptoSuite.AES_CM_128_HMAC_SHA1_32
DIALOG = "a@b"


@pytest.fixture
def record() -> CallRecord:
    return CallRecord.of(started(1, DIALOG, direction=Direction.OUTGOING, at=100.0))


def state(state: CallState, at: float = 101.0, code: int = 0, by: EndedBy | None = None) -> CallStateChanged:
    return CallStateChanged(at=at, call=1, state=state, code=code, reason="R" if code else "", by=by)


def media(*lines: MediaState) -> MediaStateChanged:
    return MediaStateChanged(at=102.0, call=1, media=list(lines))


def sent(text: str, at: float = 100.0) -> SipSent:
    return SipSent(at=at, transport="udp", peer="127.0.0.1:5070", text=text)


def received(text: str, at: float = 100.0) -> SipReceived:
    return SipReceived(at=at, transport="udp", peer="127.0.0.1:5070", text=text)


def observe(record: CallRecord, *events: Event) -> None:
    for event in events:
        record.observe(event)


def agree(record: CallRecord, offer: str, answer: str) -> None:
    """We offer, the peer answers."""
    observe(record, sent(invite(DIALOG, body=offer)), received(response(DIALOG, 200, "OK", body=answer)))


# ---- states


def test_a_new_call_is_null(record: CallRecord) -> None:
    assert record.state is CallState.NULL
    assert record.ended is None
    assert record.reached(CallState.CALLING) is None
    assert record.audio() is None
    assert record.stats(0) is None
    assert record.profile() is None
    assert record.digits == ""
    assert (record.number, record.direction, record.sip_call_id) == (1, Direction.OUTGOING, DIALOG)


def test_states_are_kept_in_order(record: CallRecord) -> None:
    observe(
        record,
        state(CallState.CALLING, 100.1),
        state(CallState.EARLY, 100.2, 180),
        state(CallState.EARLY, 100.3, 183),
        state(CallState.CONFIRMED, 100.4, 200),
    )
    assert [(seen.state, seen.code) for seen in record.states] == [
        (CallState.CALLING, 0),
        (CallState.EARLY, 180),
        (CallState.EARLY, 183),
        (CallState.CONFIRMED, 200),
    ]
    assert record.state is CallState.CONFIRMED
    assert record.reached(CallState.EARLY) == StateSeen(CallState.EARLY, 100.2, 180, "R")
    assert record.reached(CallState.CONFIRMED, CallState.CALLING) == StateSeen(
        CallState.CALLING, 100.1, 0, ""
    )
    assert record.ended is None


def test_the_end_says_who_and_why(record: CallRecord) -> None:
    observe(record, state(CallState.DISCONNECTED, 105.0, 486, EndedBy.REMOTE))
    assert record.ended == StateSeen(CallState.DISCONNECTED, 105.0, 486, "R")
    assert record.ended_by is EndedBy.REMOTE


def test_events_of_no_interest_change_nothing(record: CallRecord) -> None:
    observe(record, CommandDone(at=1.0, request=1))
    assert record.states == []
    assert record.messages == []


# ---- digits


def test_a_digit_gets_its_duration_when_it_ends(record: CallRecord) -> None:
    observe(record, digit("1", 101.0))
    assert record.received == [Digit("1", DtmfMethod.RFC4733, 101.0, None)]
    observe(record, released("1", 100), digit("2", 101.5), released("2", 120), digit("#", 102.0))
    assert record.received == [
        Digit("1", DtmfMethod.RFC4733, 101.0, 100),
        Digit("2", DtmfMethod.RFC4733, 101.5, 120),
        Digit("#", DtmfMethod.RFC4733, 102.0, None),
    ]
    assert record.digits == "12#"


def test_a_digit_by_info_is_complete(record: CallRecord) -> None:
    observe(record, DtmfReceived(at=101.0, call=1, digit="5", method=DtmfMethod.INFO, duration_ms=160))
    assert record.received == [Digit("5", DtmfMethod.INFO, 101.0, 160)]


def test_an_end_without_a_beginning_is_no_digit(record: CallRecord) -> None:
    observe(record, released("1", 100))
    assert record.received == []


def test_digits_sent_are_not_received(record: CallRecord) -> None:
    observe(record, DtmfSent(at=101.0, call=1, transmission=1, digit="9", method=DtmfMethod.INBAND))
    assert record.sent == [Digit("9", DtmfMethod.INBAND, 101.0)]
    assert record.digits == ""


def digit(digit: str, at: float) -> DtmfReceived:
    return DtmfReceived(at=at, call=1, digit=digit, method=DtmfMethod.RFC4733, duration_ms=None)


def released(digit: str, duration_ms: int) -> DtmfReleased:
    return DtmfReleased(at=1.0, call=1, digit=digit, method=DtmfMethod.RFC4733, duration_ms=duration_ms)


# ---- media


def test_audio_is_the_first_active_audio_line(record: CallRecord) -> None:
    lines = [audio(0, kind="video"), audio(1, active=False), audio(2, codec="PCMU"), audio(3)]
    observe(record, media(*lines))
    assert record.audio() == lines[2]
    assert record.media == tuple(lines)


def test_audio_that_stops_is_no_audio_while_the_call_lasts(record: CallRecord) -> None:
    observe(record, state(CallState.CONFIRMED), media(audio()), media(audio(active=False)))
    assert record.audio() is None


def test_after_the_end_audio_is_what_was_active(record: CallRecord) -> None:
    observe(record, media(audio(codec="PCMU")), media(audio(codec="PCMA")), media(audio(active=False)))
    observe(record, state(CallState.DISCONNECTED))
    assert record.audio() == audio(codec="PCMA")


def test_after_the_end_nothing_was_active(record: CallRecord) -> None:
    observe(record, media(audio(active=False)), state(CallState.DISCONNECTED))
    assert record.audio() is None


# ---- counters


def counters(packets: int, jitter_ms_mean: float | None = None) -> RtpCounters:
    return RtpCounters(packets=packets, bytes=packets * 160, jitter_ms_mean=jitter_ms_mean)


def measured(stats: StreamStats, *, index: int = 0, final: bool = False) -> StreamMeasured:
    return StreamMeasured(at=103.0, call=1, index=index, stats=stats, final=final)


def both(
    rx: RtpCounters,
    tx: RtpCounters | None = None,
    rtt_ms: float | None = None,
    jitter_buffer_ms: float | None = None,
) -> StreamStats:
    return StreamStats(rx=rx, tx=tx or counters(0), rtt_ms=rtt_ms, jitter_buffer_ms=jitter_buffer_ms)


def test_the_latest_measurement_of_a_stream_counts(record: CallRecord) -> None:
    observe(record, measured(both(counters(10))), measured(both(counters(30))))
    assert record.stats(0) == both(counters(30))
    observe(record, measured(both(counters(50)), final=True))
    assert record.stats(0) == both(counters(50))


def test_streams_one_after_another_add_up(record: CallRecord) -> None:
    first = RtpCounters(packets=100, bytes=16000, lost=1, reordered=0, jitter_ms_mean=1.0, jitter_ms_max=5.0)
    second = RtpCounters(packets=300, bytes=48000, lost=2, duplicate=4, jitter_ms_mean=2.0, jitter_ms_max=3.0)
    observe(
        record,
        measured(both(first, rtt_ms=7.0, jitter_buffer_ms=40.0), final=True),
        measured(both(second, rtt_ms=9.0, jitter_buffer_ms=60.0), final=True),
        measured(both(counters(50))),
    )
    assert record.stats(0) == StreamStats(
        rx=RtpCounters(
            packets=450,
            bytes=72000,
            lost=3,
            discarded=None,
            reordered=0,
            duplicate=4,
            jitter_ms_mean=1.75,
            jitter_ms_max=5.0,
        ),
        tx=counters(0),
        rtt_ms=9.0,
        jitter_buffer_ms=55.0,
    )


def test_what_was_never_measured_is_none_and_not_zero(record: CallRecord) -> None:
    observe(record, measured(both(counters(1)), final=True), measured(both(counters(2))))
    stats = record.stats(0)
    assert stats is not None
    assert (stats.rx.lost, stats.rx.jitter_ms_mean, stats.rx.jitter_ms_max) == (None,) * 3
    assert (stats.rtt_ms, stats.jitter_buffer_ms) == (None, None)


def test_jitter_of_no_packets_is_none(record: CallRecord) -> None:
    observe(record, measured(both(counters(0, jitter_ms_mean=0.0))))
    stats = record.stats(0)
    assert stats is not None
    assert stats.rx.jitter_ms_mean is None


def test_lines_are_counted_apart(record: CallRecord) -> None:
    observe(record, measured(both(counters(1))), measured(both(counters(2)), index=1))
    assert record.stats(0) == both(counters(1))
    assert record.stats(1) == both(counters(2))
    assert record.stats(2) is None


# ---- messages


def test_messages_say_which_way_they_went(record: CallRecord) -> None:
    observe(record, sent(invite(DIALOG), 100.0), received(response(DIALOG, 100, "Trying"), 100.25))
    assert [(message.sent, message.at, message.message.summary) for message in record.messages] == [
        (True, 100.0, "INVITE sip:peer@127.0.0.1:5070"),
        (False, 100.25, "100 Trying (INVITE)"),
    ]


def test_what_is_no_message_is_left_out(record: CallRecord) -> None:
    observe(record, received("garbage"), received(""))
    assert record.messages == []


def test_the_transport_is_that_of_the_first_message_when_it_is_not_known() -> None:
    record = CallRecord.of(started(1, DIALOG, transport=""))
    record.observe(SipReceived(at=1.0, transport="tls", peer="127.0.0.1:5061", text=invite(DIALOG)))
    record.observe(SipSent(at=1.0, transport="udp", peer="127.0.0.1:5061", text=invite(DIALOG)))
    assert record.transport == "tls"


def test_how_long_a_response_took(record: CallRecord) -> None:
    observe(
        record,
        sent(invite(DIALOG), 100.0),
        received(response(DIALOG, 100, "Trying"), 100.001),
        received(response(DIALOG, 183, "Session Progress"), 100.0205),
        received(response(DIALOG, 180, "Ringing"), 100.03),
        received(response(DIALOG, 200, "OK"), 100.5),
    )
    assert record.response_after_ms(100, 100) == pytest.approx(1.0)
    assert record.response_after_ms(180, 189) == pytest.approx(20.5)
    assert record.response_after_ms(200, 299) == pytest.approx(500.0)
    assert record.response_after_ms(300, 699) is None


def test_how_long_a_response_took_without_an_invite(record: CallRecord) -> None:
    observe(record, received(response(DIALOG, 200, "OK")))
    assert record.response_after_ms(200, 299) is None


def test_responses_to_other_requests_do_not_count(record: CallRecord) -> None:
    bye = response(DIALOG, 200, "OK").replace("1 INVITE", "2 BYE")
    observe(record, sent(invite(DIALOG)), received(bye, 101.0))
    assert record.response_after_ms(200, 299) is None


# ---- SRTP


def test_profile_is_that_of_the_answer(record: CallRecord) -> None:
    observe(record, sent(invite(DIALOG, body=sdp(SUITE))))
    assert record.profile() is None
    observe(record, received(response(DIALOG, 200, "OK", body=sdp(SUITE))))
    assert record.profile() == "RTP/SAVP"
    assert record.profile(1) is None


def test_profile_without_srtp(record: CallRecord) -> None:
    agree(record, sdp(None), sdp(None))
    assert record.profile() == "RTP/AVP"
    assert record.crypto().answered is None


def test_crypto_is_offered_and_answered(record: CallRecord) -> None:
    agree(record, sdp(SUITE, tag=3), sdp(SUITE, tag=3))
    crypto = record.crypto()
    assert (crypto.offered, crypto.answered, crypto.tag, crypto.disagreement) == ((SUITE,), SUITE, 3, None)


def test_no_disagreement_when_sdp_and_library_are_one(record: CallRecord) -> None:
    agree(record, sdp(SUITE), sdp(SUITE))
    assert record.suite_disagreement(audio(suite=SUITE)) is None


def test_no_disagreement_over_plain_rtp(record: CallRecord) -> None:
    agree(record, sdp(None), sdp(None))
    assert record.suite_disagreement(audio(suite=None)) is None


@pytest.mark.parametrize(
    ("negotiated", "active", "message"),
    [
        (SUITE, OTHER, f"the SDP answer chose {SUITE}, the library runs {OTHER}"),
        (SUITE, None, f"the SDP answer chose {SUITE}, the library runs no SRTP"),
        (None, SUITE, f"the SDP answer chose no crypto, the library runs {SUITE}"),
    ],
)
def test_disagreement_of_sdp_and_library(
    record: CallRecord, negotiated: CryptoSuite | None, active: CryptoSuite | None, message: str
) -> None:
    agree(record, sdp(negotiated), sdp(negotiated))
    assert record.suite_disagreement(audio(suite=active)) == message


def test_disagreement_of_offer_and_answer(record: CallRecord) -> None:
    agree(record, sdp(SUITE, tag=1), sdp(SUITE, tag=2))
    text = record.suite_disagreement(audio(suite=SUITE))
    assert text == "the answer's tag 2 is not among the offered tags 1"


def test_keys_are_nowhere(record: CallRecord) -> None:
    agree(record, sdp(SUITE), sdp(SUITE))
    assert SUITE in repr(record)
    assert KEY not in repr(record)


def test_so_many_messages_are_kept(record: CallRecord) -> None:
    for number in range(MOST_MESSAGES + 50):
        record.observe(SipReceived(at=float(number), transport="udp", peer="p", text=invite(DIALOG)))
    assert len(record.messages) == MOST_MESSAGES
    assert record.messages_forgotten == 50
    assert [record.messages[0].at, record.messages[-1].at] == [0.0, MOST_MESSAGES + 49.0]


def test_so_many_characters_are_kept(record: CallRecord) -> None:
    large = invite(DIALOG) + "x" * 60_000
    for number in range(200):
        record.observe(SipReceived(at=float(number), transport="tcp", peer="p", text=large))
    assert sum(len(message.text) for message in record.messages) < MOST_CHARACTERS + FIRST_MESSAGES * 61_000
    assert record.messages[-1].at == 199.0


def test_packed_messages_are_the_same(record: CallRecord) -> None:
    agree(record, sdp(), sdp())
    before, negotiated = list(record.messages), record.profile()
    record.pack()
    record.pack()
    assert record.messages == before
    assert record.profile() == negotiated
    observe(record, sent(invite(DIALOG), 200.0))  # a message that comes late
    assert record.messages[:-1] == before
    assert record.messages[-1].at == 200.0


@pytest.mark.parametrize(
    ("by", "unasked", "broken"),
    [
        (EndedBy.LOCAL, False, False),
        (EndedBy.LOCAL, True, True),
        (EndedBy.REMOTE, False, False),
        (EndedBy.ERROR, False, True),
    ],
)
def test_an_end_that_nobody_asked_for(by: EndedBy, unasked: bool, broken: bool, record: CallRecord) -> None:
    assert not record.broken
    end = CallStateChanged(
        at=105.0, call=1, state=CallState.DISCONNECTED, code=0, reason="why", by=by, unasked=unasked
    )
    observe(record, end)
    assert record.broken is broken
    assert record.awaits_final_response is (by is EndedBy.LOCAL and not unasked)
