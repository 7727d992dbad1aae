"""media.capture.tcp: bytes in order whatever the capture shows, and words on what is missing."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.capture import tcp
from media.capture.frames import Unreadable
from media.capture.tcp import BREAK, Streams
from tests.support.wire import ACK, FIN, SYN
from tests.support.wire import tcp as segment

IPS = b"\x0a\0\0\1\x0a\0\0\2"
BACK = IPS[4:] + IPS[:4]
TEXT = random.Random(1).randbytes(4000)


class Wire:
    """A capture's segments one after the other; what came out of them."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.streams = Streams(self.skipped)
        self.said: list[bytes] = []
        self.answered: list[bytes] = []

    def see(self, data: bytes, at: float = 0.0, *, ips: bytes = IPS) -> None:
        try:
            for key, payload in self.streams.add(ips, data, at):
                (self.said if key.startswith(IPS) else self.answered).append(payload)
        except Unreadable as why:
            self.skipped[str(why)] += 1

    def close(self) -> list[bytes]:
        self.said += [payload for key, payload in self.streams.close() if key.startswith(IPS)]
        assert self.streams._memory == 0
        assert not self.streams._waiting
        return self.said


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_connection(wire: Wire) -> None:
    wire.see(segment(b"", 99, flags=SYN))
    wire.see(segment(b"", 499, flags=SYN | ACK, ack=100, back=True), ips=BACK)
    wire.see(segment(b"", 100))
    wire.see(segment(b"hello ", 100))
    wire.see(segment(b"hi", 500, ack=106, back=True), ips=BACK)
    wire.see(segment(b"there", 106, flags=ACK | FIN))
    assert wire.close() == [b"hello ", b"there"]
    assert wire.answered == [b"hi"]
    assert wire.skipped == {tcp.NO_DATA: 3}
    assert wire.streams.gaps == 0


def test_the_middle_of_a_connection(wire: Wire) -> None:
    wire.see(segment(b"mid", 7_000))
    wire.see(segment(b"dle", 7_003))
    assert wire.close() == [b"mid", b"dle"]


def test_retransmissions_and_overlaps(wire: Wire) -> None:
    wire.see(segment(b"abcd", 10))
    wire.see(segment(b"abcd", 10))
    wire.see(segment(b"cdef", 12))
    wire.see(segment(b"XXXXXXgh", 10))
    wire.see(segment(b"h", 17))
    assert wire.close() == [b"abcd", b"ef", b"gh"]
    assert wire.skipped == {tcp.REPEATED: 2}


def test_a_keep_alive(wire: Wire) -> None:
    wire.see(segment(b"abcd", 10))
    wire.see(segment(b"\0", 13))
    wire.see(segment(b"ef", 14))
    assert wire.close() == [b"abcd", b"ef"]


def test_out_of_order(wire: Wire) -> None:
    wire.see(segment(b"", 9, flags=SYN))
    wire.see(segment(b"ghi", 16))
    wire.see(segment(b"def", 13))
    assert wire.said == []
    wire.see(segment(b"abc", 10))
    assert wire.said == [b"abcdefghi"]
    assert wire.close() == [b"abcdefghi"]
    assert wire.streams.gaps == 0


@pytest.mark.parametrize("first", [2**32 - 2, 2**32 - 1, 2**31 - 3])
def test_sequence_numbers_wrap(wire: Wire, first: int) -> None:
    wire.see(segment(b"", first - 1, flags=SYN))
    wire.see(segment(b"cdef", first + 2))
    wire.see(segment(b"ab", first))
    wire.see(segment(b"ab", first))
    assert wire.close() == [b"abcdef"]


def test_data_with_the_first_segment(wire: Wire) -> None:
    wire.see(segment(b"ab", 9, flags=SYN))
    wire.see(segment(b"ab", 9, flags=SYN))
    wire.see(segment(b"cd", 12))
    assert wire.close() == [b"ab", b"cd"]


def test_a_hole_that_the_peer_does_not_have(wire: Wire) -> None:
    wire.see(segment(b"abc", 10))
    wire.see(segment(b"ghi", 16), 1.0)
    wire.see(segment(b"", 500, ack=19, back=True), 1.01, ips=BACK)
    assert wire.said == [b"abc"]
    wire.see(segment(b"", 500, ack=13, back=True), 5.0, ips=BACK)
    assert wire.said == [b"abc"]
    wire.see(segment(b"", 500, ack=19, back=True), 5.0, ips=BACK)
    assert wire.said == [b"abc", BREAK, b"ghi"]
    wire.see(segment(b"def", 13), 5.1)
    wire.see(segment(b"jkl", 19), 5.2)
    assert wire.close() == [b"abc", BREAK, b"ghi", b"jkl"]
    assert wire.streams.gaps == 1


def test_a_hole_without_an_answer_is_waited_for_so_long(wire: Wire) -> None:
    wire.see(segment(b"abc", 10))
    wire.see(segment(b"ghi", 16), 1.0)
    wire.see(segment(b"jkl", 19), 30.0)
    assert wire.said == [b"abc"]
    wire.see(segment(b"mno", 22), 31.5)
    assert wire.close() == [b"abc", BREAK, b"ghijklmno"]


def test_a_hole_at_the_end_of_the_file(wire: Wire) -> None:
    wire.see(segment(b"abc", 10))
    wire.see(segment(b"ghi", 16))
    wire.see(segment(b"mno", 22))
    assert wire.close() == [b"abc", BREAK, b"ghi", BREAK, b"mno"]
    assert wire.streams.gaps == 2


def test_the_same_ports_again(wire: Wire) -> None:
    wire.see(segment(b"abc", 10))
    wire.see(segment(b"", 7_000_000, flags=SYN))
    wire.see(segment(b"new", 7_000_001))
    assert wire.close() == [b"abc", BREAK, b"new"]


@pytest.mark.parametrize("sequence", [10 + 2**30, 10 - 2**30, 10 + 2**31])
def test_the_same_ports_again_without_their_begin(wire: Wire, sequence: int) -> None:
    wire.see(segment(b"abc", 10))
    wire.see(segment(b"new", sequence))
    assert wire.close() == [b"abc", BREAK, b"new"]


@pytest.mark.parametrize(
    "data",
    [b"", bytes(19), segment(b"", 1)[:12] + b"\x10" + bytes(7), segment(b"", 1)[:12] + b"\xf0" + bytes(7)],
)
def test_a_header_that_cannot_be(wire: Wire, data: bytes) -> None:
    wire.see(data)
    assert wire.skipped == {tcp.MALFORMED: 1}
    assert wire.close() == []


def test_no_more_of_a_stream_is_buffered_than_allowed(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MOST_OF_A_STREAM", 1000)
    wire.see(segment(b"abc", 10))
    for number in range(5):
        wire.see(segment(bytes(90), 100 + 100 * number))
    assert wire.said == [b"abc"]
    wire.see(segment(bytes(90), 600))
    assert wire.said == [b"abc", *[BREAK, bytes(90)] * 6]
    assert wire.skipped == {tcp.CROWDED_OUT: 1}


def test_no_more_of_all_streams_is_buffered_than_allowed(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MOST_MEMORY", 1000)
    for last in range(9):
        ips = IPS[:-1] + bytes([last])
        wire.see(segment(b"abc", 10), ips=ips)
        wire.see(segment(bytes(90), 100), ips=ips)
    assert wire.streams._memory <= 1000
    assert wire.skipped == {tcp.CROWDED_OUT: 4}
    wire.close()
    assert wire.streams.gaps == 9


def test_the_number_of_streams_is_limited(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MOST_STREAMS", 3)
    for last in range(9):
        wire.see(segment(b"abc", 10), ips=IPS[:-1] + bytes([last]))
        wire.see(segment(bytes(90), 100), ips=IPS[:-1] + bytes([last]))
    assert len(wire.streams._directions) == 3
    assert len(wire.streams._waiting) == 3
    wire.close()


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, len(TEXT) - 1), st.integers(1, 600)), max_size=60),
)
@settings(max_examples=150, deadline=None)
def test_any_segments_of_a_text_in_any_order(first: int, parts: list[tuple[int, int]]) -> None:
    wire = Wire()
    wire.see(segment(b"", first - 1, flags=SYN))
    for start, length in parts:
        wire.see(segment(TEXT[start : start + length], first + start))
    seen = {byte for start, length in parts for byte in range(start, min(start + length, len(TEXT)))}
    runs, run = [], b""
    for byte in range(len(TEXT) + 1):
        if byte in seen:
            run += TEXT[byte : byte + 1]
        elif run:
            runs.append(run)
            run = b""
    joined = [b""]
    for payload in wire.close():
        if payload:
            joined[-1] += payload
        else:
            joined.append(b"")
    assert [text for text in joined if text] == runs
