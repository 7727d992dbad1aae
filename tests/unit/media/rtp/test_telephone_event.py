"""Telephone-event packets are digits: each once, with its time and its length."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtp.telephone_event import MOST, NAMES, Digit, TelephoneEvents

START = 1_700_000_000.0


class Sender:
    """Sends events as RFC 4733 wants it, 20 ms a packet; a test drops and repeats what it wants."""

    def __init__(self, timestamp: int = 1000, clock_rate: int = 8000) -> None:
        self.events = TelephoneEvents()
        self.clock_rate = clock_rate
        self.at = START
        self.timestamp = timestamp

    def press(self, code: int, ms: int = 100, *, ends: int = 3, skip: int = 0, marker: bool = True) -> None:
        step = self.clock_rate // 50
        count = ms // 20
        for index in range(count + ends - 1):
            duration = min(index + 1, count) * step
            if index >= skip and (index < count - 1 or ends):
                self.block(code, duration, end=index >= count - 1, marker=marker and index == 0)
            self.at += 0.02
        self.pause(ms)

    def pause(self, ms: int) -> None:
        """Advance the timestamps; the next event is another."""
        self.timestamp = (self.timestamp + (ms + 100) * self.clock_rate // 1000) & 0xFFFFFFFF

    def block(self, code: int, duration: int, *, end: bool = False, marker: bool = False) -> None:
        payload = struct.pack(">BBH", code, 0x8A if end else 10, duration)
        self.events.add(self.at, self.timestamp, marker, payload, self.clock_rate)

    @property
    def digits(self) -> str:
        return "".join(digit.digit for digit in self.events.digits)


@pytest.mark.parametrize("clock_rate", [8000, 16000, 48000])
def test_all_keys_are_digits_once_each_with_their_length(clock_rate: int) -> None:
    sender = Sender(0xFFFFF000, clock_rate)
    for code in range(16):
        sender.press(code, 80 + 20 * (code % 3))

    assert sender.digits == "0123456789*#ABCD"
    lengths = [digit.duration_ms for digit in sender.events.digits]
    assert lengths == [80 + 20 * (code % 3) for code in range(16)]


def test_a_digit_begins_when_its_first_packet_says() -> None:
    sender = Sender()
    sender.at = START + 0.02
    sender.press(4)

    (digit,) = sender.events.digits
    assert digit == Digit("4", digit.at, 100.0)
    assert digit.at == pytest.approx(START, abs=1e-6)


def test_flash_is_named_and_other_events_are_no_digits() -> None:
    sender = Sender()
    for code in (16, 17, 32, 255):
        sender.press(code)

    assert [digit.digit for digit in sender.events.digits] == ["flash"]


def test_the_same_digit_again_is_another() -> None:
    sender = Sender()
    for _ in range(3):
        sender.press(11)

    assert sender.digits == "###"


def test_a_lost_start_is_derived_from_later_packets() -> None:
    whole, cut = Sender(), Sender()
    whole.press(5, 200)
    cut.press(5, 200, skip=4)

    assert cut.digits == "5"
    assert cut.events.digits[0].at == pytest.approx(whole.events.digits[0].at, abs=1e-6)
    assert cut.events.digits[0].duration_ms == 200


def test_only_a_repeated_end_is_a_digit() -> None:
    sender = Sender()
    sender.press(7, 100, skip=6)

    (digit,) = sender.events.digits
    assert digit == Digit("7", digit.at, 100.0)
    assert digit.at == pytest.approx(START + 0.02, abs=0.001)


def test_a_lost_end_keeps_the_duration_so_far_and_the_next_digit() -> None:
    sender = Sender()
    sender.press(1, 200, ends=0)
    sender.press(1, 100)

    assert [(digit.digit, digit.duration_ms) for digit in sender.events.digits] == [("1", 180), ("1", 100)]


def test_an_unfinished_digit_is_reported() -> None:
    sender = Sender()
    sender.block(9, 480, marker=True)

    assert sender.events.digits[0].duration_ms == 60


def test_ends_may_come_late_and_out_of_order() -> None:
    sender = Sender()
    sender.press(1, 100, ends=0)
    first = sender.timestamp - 1600
    sender.press(2, 100)
    for duration in (800, 640):
        sender.events.add(sender.at, first, False, struct.pack(">BBH", 1, 0x8A, duration), 8000)

    assert [(digit.digit, digit.duration_ms) for digit in sender.events.digits] == [("1", 100), ("2", 100)]


@pytest.mark.parametrize("lost", [False, True])
def test_a_long_event_in_segments_is_one_digit(lost: bool) -> None:
    """RFC 4733, 2.5.1.3: 20 s at 8 kHz are 0xFFFF, 0xFFFF and 28,930 ticks."""
    sender = Sender(0xFFFF0000)
    left, first = 160_000, True
    while left:
        segment = min(left, 0xFFFF)
        for duration in (160, 20000, segment - 100, segment):
            if not (lost and duration in (160, segment) and left > segment):
                sender.block(3, duration, marker=first, end=duration == left == segment)
            first = False
            sender.at += 0.02
        left -= segment
        sender.timestamp = (sender.timestamp + segment) & 0xFFFFFFFF

    assert sender.digits == "3"
    assert sender.events.digits[0].duration_ms == 20_000


def test_the_same_digit_held_long_and_pressed_again_is_two() -> None:
    sender = Sender()
    sender.block(3, 0xFFFF, marker=True, end=True)
    sender.timestamp += 0xFFFF
    sender.block(3, 160)
    sender.timestamp += 0xFFFF
    sender.block(3, 160, marker=True)

    assert sender.digits == "333"


def test_events_that_share_a_packet_follow_each_other() -> None:
    events = TelephoneEvents()
    payload = struct.pack(">BBHBBH", 1, 0x8A, 800, 2, 0x8A, 400)
    for _ in range(3):
        events.add(START, 5000, True, payload, 8000)

    assert [(digit.digit, digit.duration_ms) for digit in events.digits] == [("1", 100), ("2", 50)]


@pytest.mark.parametrize("payload", [b"", b"\1", b"\1\x8a\0"])
def test_too_short_a_payload_is_no_event(payload: bytes) -> None:
    events = TelephoneEvents()
    events.add(START, 0, True, payload, 8000)
    events.add(START, 0, True, struct.pack(">BBH", 1, 10, 160), 0)

    assert events.digits == ()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    packets=st.lists(
        st.tuples(st.integers(0, 0xFFFFFFFF) | st.integers(0, 9), st.booleans(), st.binary(max_size=20)),
        max_size=60,
    )
)
def test_anything_gives_digits_that_are_named(packets: list[tuple[int, bool, bytes]]) -> None:
    events = TelephoneEvents()
    for timestamp, marker, payload in packets:
        events.add(START, timestamp, marker, payload, 8000)

    for digit in events.digits:
        assert digit.digit in NAMES
        assert digit.duration_ms >= 0


def test_a_flood_of_events_is_bounded() -> None:
    events = TelephoneEvents()
    for timestamp in range(0, 400, 4):
        events.add(START, timestamp << 16, True, bytes(65504), 8000)
        events.add(START, timestamp << 16, True, struct.pack(">BBH", 1, 10, 7) * 300, 8000)

    assert len(events.digits) == MOST
    assert len(events._recent) <= 16
