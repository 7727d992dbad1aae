"""The digits of a capture: telephone-events with and without a description, and SIP INFO."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bot.capture.analysis import Analysis, analyse
from bot.capture.decrypt import decrypt
from bot.capture.digits import StreamDigits
from bot.capture.formats import Format
from media.capture.reader import Address
from tests.support.scene import ALICE, BOB, SUITE, Scene, inline, key_of, rtp, sdp

CAPTURES = Path(__file__).parents[3] / "data" / "captures"
PCMA, EVENT, END = 8, 101, 0x80


def block(code: int, duration: int, *, end: bool = False) -> bytes:
    return struct.pack(">BBH", code, 10 | (END if end else 0), duration)


def told(found: Analysis) -> list[tuple[str, str, float | None]]:
    return [(digit.digit, digit.method, digit.duration_ms) for digit in found.digits]


def event(
    digits: StreamDigits,
    code: int,
    timestamp: int,
    *,
    packets: int = 6,
    step: int = 160,
    ends: int = 3,
    at: float = 100.0,
    number: int = EVENT,
) -> None:
    """A digit of so many packets, 20 ms each, and its repeated ends."""
    for count in range(packets):
        packet = rtp(
            count, timestamp, 1, block(code, step * (count + 1)), payload_type=number, marker=not count
        )
        digits.add(at + count * 0.02, packet)
    for count in range(ends):
        last = block(code, step * packets, end=True)
        digits.add(
            at + (packets + count) * 0.02, rtp(packets + count, timestamp, 1, last, payload_type=number)
        )


def undescribed(_number: int) -> Format | None:
    return None


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("only-events", [("5", "rfc4733", 120), ("6", "rfc4733", 120)]),
        ("dynamic-audio", [("5", "rfc4733", 120)]),
        ("info", [("5", "info", 160)]),
    ],
)
def test_captures_made_elsewhere(name: str, digits: list[tuple[str, str, float]], tmp_path: Path) -> None:
    path = CAPTURES / f"{name}.pcap"
    assert told(analyse(path)) == digits
    assert [
        (digit.digit, digit.method, digit.duration_ms) for digit in decrypt(path, tmp_path / "out").digits
    ] == digits


def test_a_stream_of_nothing_but_events_is_told_as_one() -> None:
    (stream,) = analyse(CAPTURES / "only-events.pcap").streams
    assert (stream.codec, stream.clock_rate, stream.lost) == ("telephone-event", None, 0)


@pytest.mark.parametrize("clock", [8000, 16000, 32000, 48000])
def test_the_clock_of_undescribed_events_is_measured(clock: int) -> None:
    digits = StreamDigits(undescribed)
    event(digits, 5, 1000, step=clock // 50)
    assert [(one.digit, one.duration_ms) for one in digits.found(8000)] == [("5", 120)]


def test_undescribed_events_that_are_too_short_have_the_clock_of_the_audio() -> None:
    digits = StreamDigits(undescribed)
    event(digits, 5, 1000, packets=1, step=960)
    assert [(one.digit, one.duration_ms) for one in digits.found(48000)] == [("5", 20)]


@pytest.mark.parametrize("clock", [8000, 16000, 48000])
def test_the_clock_of_described_events(clock: int) -> None:
    digits = StreamDigits({EVENT: Format("telephone-event", clock)}.get)
    event(digits, 5, 1000, step=clock // 50)
    assert [(one.digit, one.duration_ms) for one in digits.found(8000)] == [("5", 120)]


@pytest.mark.parametrize(
    "payload",
    [block(17, 160), b"\x05\x4a\0\xa0", block(5, 160)[:3], b"", block(5, 160) * 5, bytes(160)],
    ids=["no digit", "reserved bit", "short", "empty", "five", "long"],
)
def test_a_payload_type_that_once_had_another_form_has_no_events(payload: bytes) -> None:
    digits = StreamDigits(undescribed)
    event(digits, 5, 1000)
    assert digits.is_event(EVENT)
    digits.add(200.0, rtp(99, 9000, 1, payload, payload_type=EVENT))
    assert not digits.is_event(EVENT)
    assert digits.found(8000) == []


def test_single_packets_of_four_bytes_are_no_events() -> None:
    digits = StreamDigits(undescribed)
    for number in range(50):
        digits.add(100 + number, rtp(number, number * 160, 1, block(5, 160), payload_type=EVENT))
    assert digits.found(8000) == []


@pytest.mark.parametrize("formats", [{}, {EVENT: Format("telephone-event", 8000)}], ids=["unknown", "known"])
def test_ends_that_are_repeated_after_the_next_event_began(formats: dict[int, Format]) -> None:
    digits = StreamDigits(formats.get)
    event(digits, 7, 1000, ends=1, at=100.0)
    event(digits, 8, 3000, ends=0, at=100.2)
    digits.add(100.32, rtp(50, 1000, 1, block(7, 960, end=True), payload_type=EVENT))
    digits.add(100.34, rtp(51, 3000, 1, block(8, 960, end=True), payload_type=EVENT))
    digits.add(100.36, rtp(52, 1000, 1, block(7, 960, end=True), payload_type=EVENT))
    assert [(one.digit, one.duration_ms) for one in digits.found(8000)] == [("7", 120), ("8", 120)]


def test_an_event_without_an_end_is_as_long_as_its_last_packet_says() -> None:
    digits = StreamDigits(undescribed)
    event(digits, 5, 1000, ends=0)
    assert [(one.digit, one.duration_ms) for one in digits.found(8000)] == [("5", 120)]


def red(primary: bytes, number: int, *earlier: tuple[int, int, bytes]) -> bytes:
    """A payload of RFC 2198."""
    heads = [
        struct.pack(">I", 0x80000000 | kind << 24 | offset << 10 | len(data))
        for kind, offset, data in earlier
    ]
    return b"".join([*heads, bytes([number]), *(data for *_, data in earlier), primary])


def test_a_digit_that_only_redundant_data_has() -> None:
    formats = {EVENT: Format("telephone-event", 8000), 98: Format("red", 8000), 8: Format("PCMA", 8000)}
    digits = StreamDigits(formats.get)
    lost = block(9, 800, end=True)
    packet = red(block(5, 160), EVENT, (EVENT, 2000, lost), (8, 160, b"\xd5" * 20))
    digits.add(100.0, rtp(1, 10_000, 1, packet, payload_type=98))
    last = red(block(5, 800, end=True), EVENT, (EVENT, 2000, lost))
    digits.add(100.1, rtp(2, 10_000, 1, last, payload_type=98))
    assert sorted((one.digit, one.duration_ms) for one in digits.found(8000)) == [("5", 100), ("9", 100)]


def call_with_events(scene: Scene, key: str = "", ssrc: int = 2) -> Scene:
    """Audio, and a digit under an SSRC of its own."""
    profile, crypto = ("RTP/SAVP", [f"1 {SUITE} {key}"]) if key else ("RTP/AVP", [])
    scene.call(sdp(ALICE, *crypto, profile=profile), sdp(BOB, *crypto, profile=profile))
    context = None
    if key:
        scene.talk(ALICE.media, BOB.media, key_of(SUITE, 1), ssrc=1, count=10)
        context = scene.contexts[key_of(SUITE, 1)]
    else:
        scene.talk(ALICE.media, BOB.media, None, ssrc=1, count=10)
    for number in range(6):
        packet = rtp(number, 777, ssrc, block(11, 160 * (number + 1), end=number == 5), payload_type=EVENT)
        scene.packet(ALICE.media, BOB.media, context.protect(packet) if context else packet)
        scene.now += 0.02
    return scene


@pytest.mark.parametrize("key", ["", inline(SUITE, 1)])
def test_events_under_an_ssrc_of_their_own(key: str, tmp_path: Path) -> None:
    found = analyse(call_with_events(Scene(), key).write(tmp_path / "a.pcap"))
    assert [(digit.digit, digit.duration_ms, digit.ssrc) for digit in found.digits] == [("#", 120, 2)]
    assert [stream.codec for stream in found.streams] == ["PCMU", "telephone-event"]


def test_events_whose_type_the_descriptions_do_not_have(tmp_path: Path) -> None:
    scene = Scene()
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    for number in range(5):
        packet = rtp(number, 777, 1, block(12, 160 * (number + 1), end=number == 4), payload_type=96)
        scene.packet(ALICE.media, BOB.media, packet)
        scene.now += 0.02
    assert told(analyse(scene.write(tmp_path / "a.pcap"))) == [("A", "rfc4733", 100)]


def info(
    scene: Scene, body: str, kind: str = "application/dtmf-relay", *, cseq: int = 5, **ends: object
) -> str:
    text = scene.message(
        "INFO sip:bob@example SIP/2.0", ALICE, BOB, headers=(f"Content-Type: {kind}",), cseq=f"{cseq} INFO"
    )
    source, target, payload = scene.sent[-1][1:]
    where = ends.get("ends") or (source, target)
    assert isinstance(where, tuple)
    scene.sent[-1] = (scene.now, *where, payload + body.encode())
    return text


def response(scene: Scene, status: str, *, cseq: int = 5) -> None:
    scene.message(f"SIP/2.0 {status}", BOB, ALICE, cseq=f"{cseq} INFO")


def digits_of(scene: Scene, folder: Path) -> Analysis:
    return analyse(scene.write(folder / "info.pcap"))


@pytest.mark.parametrize(
    ("body", "kind", "digit", "duration_ms"),
    [
        ("Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", "5", 160),
        ("Signal= *\r\nDuration= 100\r\n", "application/dtmf-relay", "*", 100),
        ("signal=#\nduration=90", "Application/DTMF-Relay;charset=utf-8", "#", 90),
        ("Signal=10\r\nDuration=250\r\n", "application/dtmf-relay", "*", 250),
        ("Signal=11\r\n", "application/dtmf-relay", "#", None),
        ("Signal=d\r\nDuration=\r\n", "application/dtmf-relay", "D", None),
        ("Signal=12", "application/dtmf-relay", "A", None),
        ("Signal=16\r\nDuration=300\r\n", "application/dtmf-relay", "flash", 300),
        ("Duration=160\r\nSignal=5\r\n", "application/dtmf-relay", "5", 160),
        ("5", "application/dtmf-relay", "5", None),
        ("5", "application/dtmf", "5", None),
        ("#\r\n", "application/dtmf", "#", None),
        ("10", "application/dtmf", "*", None),
        ("Signal=7\r\nDuration=80\r\n", "application/dtmf", "7", 80),
        (
            "p=Digit-Collection\r\ny=Digits\r\nd=Digits=4\r\n",
            "application/vnd.nortelnetworks.digits",
            "4",
            None,
        ),
        ("", "application/hook-flash", "flash", None),
        (
            "--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x\r\nContent-Type: application/dtmf-relay\r\n\r\n"
            "Signal=3\r\nDuration=120\r\n--x--\r\n",
            'multipart/mixed;boundary="x"',
            "3",
            120,
        ),
    ],
)
def test_a_digit_by_sip_info(
    body: str, kind: str, digit: str, duration_ms: float | None, tmp_path: Path
) -> None:
    scene = Scene()
    info(scene, body, kind)
    (found,) = digits_of(scene, tmp_path).digits
    assert (found.digit, found.method, found.duration_ms, found.ssrc) == (digit, "info", duration_ms, None)
    assert (found.source, found.target, found.call_id) == (str(ALICE.sip), str(BOB.sip), scene.call_id)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("Signal=17\r\n", "application/dtmf-relay"),
        ("Signal=\r\nDuration=160\r\n", "application/dtmf-relay"),
        ("", "application/dtmf"),
        ("hello", "application/dtmf"),
        ("5", "text/plain"),
        ("<media_control/>", "application/media_control+xml"),
        ("y=Digits", "application/vnd.nortelnetworks.digits"),
        ("--x\r\n\r\n5\r\n--x--", 'multipart/mixed;boundary="x"'),
    ],
)
def test_an_info_that_carries_no_digit(body: str, kind: str, tmp_path: Path) -> None:
    scene = Scene()
    info(scene, body, kind)
    assert digits_of(scene, tmp_path).digits == ()


def test_an_info_that_is_sent_again_or_passes_a_proxy_is_one_digit(tmp_path: Path) -> None:
    scene = Scene()
    proxy = Address("192.0.2.9", 5060)
    info(scene, "Signal=5\r\n", ends=(ALICE.sip, proxy))
    info(scene, "Signal=5\r\n", ends=(ALICE.sip, proxy))
    info(scene, "Signal=5\r\n", ends=(proxy, BOB.sip))
    response(scene, "200 OK")
    info(scene, "Signal=5\r\n", cseq=6)
    found = digits_of(scene, tmp_path)
    assert [(one.digit, one.source) for one in found.digits] == [("5", str(ALICE.sip)), ("5", str(ALICE.sip))]


def test_a_refused_info_is_no_digit(tmp_path: Path) -> None:
    scene = Scene()
    info(scene, "Signal=5\r\n")
    response(scene, "407 Proxy Authentication Required")
    info(scene, "Signal=5\r\n", cseq=6)
    response(scene, "100 Trying", cseq=6)
    response(scene, "200 OK", cseq=6)
    info(scene, "Signal=6\r\n", cseq=7)
    response(scene, "415 Unsupported Media Type", cseq=7)
    found = digits_of(scene, tmp_path)
    assert told(found) == [("5", "info", None)]
    assert found.notes == ("1 digit by SIP INFO refused with 415",)
