"""bot.ua.secret_digits: redacted events and bodies of INFO."""

from __future__ import annotations

import pytest

from bot.ipc.events import AnyEvent, DtmfReceived, DtmfReleased, SipReceived, SipSent, StreamMeasured
from bot.model import DtmfMethod, RtpCounters, StreamStats
from bot.ua.secret_digits import SecretDigits, redact_info

RELAY = "Signal={}\r\nDuration=160\r\n"
RFC4733 = DtmfMethod.RFC4733


def info(body: str, *, cseq: int = 2, kind: str = "application/dtmf-relay") -> str:
    head = f"INFO sip:1234@h SIP/2.0\r\nCall-ID: a\r\nCSeq: {cseq} INFO\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}"


def body_of(event: AnyEvent) -> str:
    assert isinstance(event, SipReceived | SipSent)
    return event.text.partition("\r\n\r\n")[2]


def received_info(body: str, cseq: int = 2) -> SipReceived:
    text = info(body, cseq=cseq)
    return SipReceived(at=1.0, transport="udp", peer="p", local="l", text=text, our_key=False)


def pressed(digit: str, method: DtmfMethod = RFC4733) -> DtmfReceived:
    return DtmfReceived(at=1.0, call=1, digit=digit, method=method, duration_ms=None)


def released(digit: str) -> DtmfReleased:
    return DtmfReleased(at=1.1, call=1, digit=digit, method=RFC4733, duration_ms=100)


def digit_of(event: AnyEvent) -> str:
    assert isinstance(event, DtmfReceived | DtmfReleased)
    return event.digit


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("Signal=7\r\nDuration=160\r\n", "Signal=[redacted]\r\nDuration=160\r\n"),
        ("signal = *\nduration = 160", "signal = [redacted]\nduration = 160"),
        ("Duration=160\r\nSignal:D", "Duration=160\r\nSignal:[redacted]"),
        ("Signal=11\r\n", "Signal=[redacted]\r\n"),
        ("7", "[redacted]"),
        ("11\r\n", "[redacted]\r\n"),
        ("p=Digit-Collection\r\ny=Digits\r\ns=success\r\nd=Digits=7\r\n", None),
        ("d=7\r\n", "d=[redacted]\r\n"),
        ('<kpml-response code="200" digits="7"/>', '<kpml-response code="200" digits="[redacted]"/>'),
        ("--b\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\n--b--\r\n", None),
        ("--b\r\nContent-Type: application/dtmf\r\n\r\n7\r\n--b--\r\n", None),
    ],
)
def test_an_info_in_every_form(body: str, shown: str | None) -> None:
    found = redact_info(info(body)).partition("\r\n\r\n")[2]
    assert "7" not in found
    assert "[redacted]" in found
    assert shown is None or found == shown
    assert "sip:1234@h" in redact_info(info(body))


def test_digits_that_are_no_secret_stay() -> None:
    secrets = SecretDigits()
    for event in (pressed("7"), released("7"), received_info(RELAY.format(7))):
        assert secrets.shown(event) == event
    assert not secrets.secret


def test_secret_digits_are_hidden_until_they_are_shown() -> None:
    secrets = SecretDigits(secret=True)
    assert digit_of(secrets.shown(pressed("7"))) == "x"
    assert secrets.pressed == "7"
    secrets.show()
    assert digit_of(secrets.shown(released("7"))) == "x"
    assert digit_of(secrets.shown(pressed("7"))) == "7"
    assert digit_of(secrets.shown(released("7"))) == "7"


def test_a_digit_that_began_before_the_secret_ends_as_it_began() -> None:
    secrets = SecretDigits()
    secrets.shown(pressed("7"))
    secrets.hide()
    assert digit_of(secrets.shown(released("7"))) == "7"


def test_a_digit_that_is_dialled_ahead_is_hidden() -> None:
    secrets = SecretDigits(secret=True)
    early = pressed("1", DtmfMethod.INFO)
    assert digit_of(secrets.shown(early)) == "x"
    secrets.show_awaited()
    assert digit_of(secrets.shown(early)) == "x"
    secrets.acted_on()
    secrets.acted_on()
    assert body_of(secrets.shown(received_info(RELAY.format(1)))) == RELAY.format(1)
    assert digit_of(secrets.shown(early)) == "1"
    assert "Signal=2" not in body_of(secrets.shown(received_info(RELAY.format(2), 3)))
    assert digit_of(secrets.shown(pressed("2", DtmfMethod.INFO))) == "x"


def test_an_info_that_comes_again_when_digits_are_shown_again() -> None:
    secrets = SecretDigits(secret=True)
    secrets.shown(received_info(RELAY.format(7), 4))
    secrets.show()
    assert "Signal=7" not in body_of(secrets.shown(received_info(RELAY.format(7), 4)))
    assert "Signal=8" in body_of(secrets.shown(received_info(RELAY.format(8), 5)))


def test_an_info_that_is_sent() -> None:
    secrets = SecretDigits()
    sent = SipSent(at=1.0, transport="udp", peer="p", local="l", text=info(RELAY.format(7)))
    assert secrets.shown(sent) == sent
    secrets.sends()
    assert "Signal=7" not in body_of(secrets.shown(sent))


def test_digits_under_a_payload_type_that_was_not_negotiated() -> None:
    rx = RtpCounters(packets=8, bytes=32, unoffered_digits={"96": "123"})
    stats = StreamStats(rx=rx, tx=RtpCounters(packets=0, bytes=0))
    measured = StreamMeasured(at=1.0, call=1, index=0, stats=stats, final=True)
    found = SecretDigits(secret=True).shown(measured)
    assert isinstance(found, StreamMeasured)
    assert found.stats.rx.unoffered_digits == {"96": "xxx"}
    assert SecretDigits().shown(measured) == measured
