"""bot.agent.sdp.media_lines: ptime and payload types in descriptions."""

from __future__ import annotations

from bot.agent.sdp.media_lines import MediaLines

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 8 96 120 121\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:96 speex/16000\r\n"
    "a=rtpmap:120 telephone-event/8000\r\na=fmtp:120 0-16\r\n"
    "a=rtpmap:121 telephone-event/16000\r\na=fmtp:121 0-16\r\n"
)
REFUSED = "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"


def test_nothing_is_written_by_default() -> None:
    assert MediaLines().written(OFFER + REFUSED, answer=False) == OFFER + REFUSED


def test_ptime_of_each_audio_line_that_is_taken() -> None:
    for answer in (False, True):
        written = MediaLines(30).written(OFFER + REFUSED, answer=answer)
        assert written == f"{OFFER}a=ptime:30\r\n{REFUSED}"
        assert MediaLines(40).written(written, answer=answer) == f"{OFFER}a=ptime:40\r\n{REFUSED}"


def test_telephone_events_get_a_free_number() -> None:
    written = MediaLines(event_type=101).written(OFFER, answer=False)
    assert "m=audio 4000 RTP/AVP 8 96 101 121\r\n" in written
    assert "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n" in written
    assert "120" not in written
    assert "a=rtpmap:121 telephone-event/16000" in written


def test_who_had_the_number_gets_the_other_one() -> None:
    written = MediaLines(event_type=96).written(OFFER, answer=False)
    assert "m=audio 4000 RTP/AVP 8 120 96 121\r\n" in written
    assert "a=rtpmap:120 speex/16000\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\n" in written


def test_an_answer_keeps_the_numbers_of_the_offer() -> None:
    assert MediaLines(event_type=101).written(OFFER, answer=True) == OFFER


def test_without_telephone_events_there_is_nothing_to_renumber() -> None:
    without = OFFER[: OFFER.index("a=rtpmap:120")].replace(" 120 121", "")
    for number in (0, 101):
        assert MediaLines(event_type=number).written(without, answer=False) == without
