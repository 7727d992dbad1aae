"""Digits by each method, in each direction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot import Call, CallFailed, ConfigError, DtmfMethod, ExpectationFailed, expect
from tests.support.sip_peer import SipPeer
from tests.support.spectrum import digits_heard
from tests.support.starting import NewEndpoint, connect

DIGITS = "159#"
ALL = "0123456789ABCD*#"
Order = Callable[[tuple[Call, Call]], tuple[Call, Call]]
DIRECTIONS = pytest.mark.parametrize(
    "order", [lambda pair: pair, lambda pair: pair[::-1]], ids=["from the caller", "from the callee"]
)


@DIRECTIONS
@pytest.mark.parametrize("method", [DtmfMethod.RFC4733, DtmfMethod.INFO])
def test_digits_arrive_by_their_method_at_one_end_only(
    method: DtmfMethod, order: Order, new_endpoint: NewEndpoint
) -> None:
    sender, receiver = order(connect(new_endpoint(), new_endpoint()))
    sender.send_dtmf(DIGITS, method=method).wait()
    expect(receiver).to_have_received_dtmf(DIGITS, method=method)
    expect(sender).not_to_have_received_dtmf()
    assert [one.digit for one in sender.facts.sent] == list(DIGITS)
    assert {one.method for one in sender.facts.sent} == {method}


@DIRECTIONS
def test_inband_digits_are_heard_and_not_signalled(
    order: Order, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    sender, receiver = order(connect(new_endpoint(), new_endpoint()))
    with receiver.record(tmp_path / "heard.wav") as recording, sender.record(tmp_path / "back.wav") as back:
        sender.send_dtmf("1,55#,", method=DtmfMethod.INBAND).wait()
    assert digits_heard(recording.path) == "155#"
    assert digits_heard(back.path) == ""
    for call in (sender, receiver):
        expect(call).not_to_have_received_dtmf()


def test_every_digit_by_telephone_event_with_its_duration(new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    sender.send_dtmf(ALL.lower(), on_ms=80, off_ms=60)
    expect(receiver).to_have_received_dtmf(ALL, method="rfc4733")
    sender.send_dtmf("1").wait()
    expect(receiver).to_have_received_dtmf(ALL + "1")
    durations = [one.duration_ms for one in receiver.facts.received[:-1]]
    assert all(duration is not None and 60 <= duration <= 120 for duration in durations), durations


def test_comma_pauses_half_a_second(new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    sender.send_dtmf("1,2", off_ms=50)
    expect(receiver).to_have_received_dtmf("12")
    first, second = (one.at for one in receiver.facts.received)
    assert 0.55 < second - first < 1.2


def test_digits_are_sent_while_a_file_plays(new_endpoint: NewEndpoint, speech: Path) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    playback = sender.play(speech)
    sender.send_dtmf("73", method=DtmfMethod.RFC4733).wait()
    expect(receiver).to_have_received_dtmf("73")
    playback.wait()


def test_other_digits_fail_at_once(new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    sender.send_dtmf("12").wait()
    with pytest.raises(
        ExpectationFailed, match=r"(?s)expected: '13'.*observed: '12' by rfc4733.*other digits"
    ):
        expect(receiver).to_have_received_dtmf("13", timeout=3600)
    with pytest.raises(ExpectationFailed, match="by another method"):
        expect(receiver).to_have_received_dtmf("12", method=DtmfMethod.INFO, timeout=3600)
    with pytest.raises(ExpectationFailed, match="received no DTMF"):
        expect(receiver).not_to_have_received_dtmf()


def test_what_is_no_digit_is_refused(new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    with pytest.raises(ConfigError, match="'X' is not one"):
        sender.send_dtmf("1x")
    with pytest.raises(ConfigError, match="there is none"):
        sender.send_dtmf("")
    expect(receiver).not_to_have_received_dtmf()


def test_digits_are_cut_short_by_the_end_of_the_call(new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    transmission = sender.send_dtmf("1,,,,2")
    receiver.hangup()
    with pytest.raises(CallFailed, match="digit '2': the call has ended"):
        transmission.wait()


def test_digits_of_every_kind_of_info_are_heard(new_endpoint: NewEndpoint) -> None:
    """Only application/dtmf-relay is a digit for the library, which refuses application/dtmf with 500."""
    callee = new_endpoint()
    with SipPeer(callee.uri) as peer:
        with callee.expect_call() as incoming:
            peer.offer("m=audio {rtp} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000")
        incoming.value.answer()
        assert peer.answered() == 200

        def info(kind: str, body: str) -> int:
            headers = f"Content-Type: {kind}\r\n"
            return peer.ask(peer.request("INFO", dialog=peer.dialog, headers=headers, body=body)).status

        assert info("application/dtmf", "1") == 200
        assert info("application/dtmf", "10\r\n") == 200
        assert info("application/dtmf", "hello") == 400
        assert info("application/vnd.nortelnetworks.digits", "d=2\r\n") == 200
        assert (
            info("multipart/mixed;boundary=x", "--x\r\nContent-Type: application/dtmf\r\n\r\n3\r\n--x--\r\n")
            == 200
        )
        assert info("application/x-unknown", "4") == 200
        assert info("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n") == 200
        expect(incoming.value).to_have_received_dtmf("1*235", method=DtmfMethod.INFO)
