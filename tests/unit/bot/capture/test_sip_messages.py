"""SIP messages from packets: datagrams, segmented streams, and other payloads."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.capture.sip_messages import JournalMessage, Messages
from media.capture.reader import Address, Packet

HERE, THERE = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)


def message(number: int, body: str = "", start: str = "OPTIONS sip:b@192.0.2.2 SIP/2.0") -> str:
    return f"{start}\r\nCall-ID: {number}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"


def packets(protocol: str, *payloads: bytes) -> list[Packet]:
    return [Packet(number, number / 10, HERE, THERE, protocol, one) for number, one in enumerate(payloads, 1)]


def texts(fed: Iterable[Packet]) -> list[str]:
    messages = Messages()
    return [told.text for packet in fed for told in messages.feed(packet)]


def test_a_datagram_is_a_message_when_it_begins_like_one() -> None:
    wanted = [
        message(1),
        message(2, "é"),
        message(3, start="SIP/2.0 200 OK"),
        message(4, start="SIP/2.0 200 "),
    ]
    others = [
        b"",
        b"\r\n\r\n",
        b"\0\1\2",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x80\x00" * 100,
        b"SIP/2.0 999 No\r\n",
    ]
    sent = [*(one.encode() for one in wanted), *others, b"\r\n" + message(5).encode()]
    assert texts(packets("udp", *sent)) == [*wanted, message(5)]


def test_a_datagram_that_was_cut_is_what_is_left_of_it() -> None:
    assert texts(packets("udp", message(1, "v=0\r\n" * 20).encode()[:90])) == [
        message(1, "v=0\r\n" * 20)[:90]
    ]


@pytest.mark.parametrize("size", [1, 7, 64, 5000])
def test_a_stream_in_pieces_of_any_length(size: int) -> None:
    wanted = [message(number, "b\r\n\r\n" * number) for number in range(6)]
    stream = "\r\n\r\n".join(wanted).encode()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert texts(packets("tcp", *pieces)) == wanted


def test_the_message_has_the_time_of_its_last_piece_and_both_ends() -> None:
    text = message(1, "body").encode()
    messages = Messages()
    (told,) = [one for packet in packets("tcp", text[:30], text[30:]) for one in messages.feed(packet)]
    assert told == JournalMessage(0.2, HERE, THERE, text.decode())
    assert "Call-ID" not in repr(told)


def test_the_short_form_and_no_content_length() -> None:
    short = "OPTIONS sip:b SIP/2.0\r\nl:4\r\n\r\nbody"
    without = "OPTIONS sip:b SIP/2.0\r\n\r\n"
    assert texts(packets("tcp", (short + without + message(1)).encode())) == [short, without, message(1)]


def test_a_stream_is_taken_up_again_where_a_message_begins() -> None:
    middle = message(1, "body" * 9).encode()[60:] + b"\r\n"
    assert texts(packets("tcp", middle + message(2).encode())) == [message(2)]
    half = message(3, "x" * 50).encode()
    whole_lines = message(3, "x" * 50)[:-50]
    assert texts(packets("tcp", half[:-20], b"", message(4).encode())) == [whole_lines, message(4)]
    assert texts(packets("tcp", half[:40], b"", message(4).encode())) == [message(4)]


def test_a_length_that_cannot_be_true_is_passed_over() -> None:
    huge = b"OPTIONS sip:b SIP/2.0\r\nContent-Length: 999999999\r\n\r\n"
    assert texts(packets("tcp", huge + message(1).encode())) == [message(1)]


def test_both_directions_are_apart() -> None:
    text = message(1, "body").encode()
    fed = [
        Packet(1, 0.0, HERE, THERE, "tcp", text[:20]),
        Packet(2, 0.0, THERE, HERE, "tcp", text),
        Packet(3, 0.0, HERE, THERE, "tcp", text[20:]),
    ]
    assert texts(fed) == [text.decode()] * 2


def test_what_is_kept_is_bounded() -> None:
    messages = Messages()
    endless = b"OPTIONS sip:b SIP/2.0\r\nX: " + b"x" * 40_000
    for number in range(600):
        source = Address("192.0.2.1", number)
        for _ in range(3):
            list(messages.feed(Packet(1, 0.0, source, THERE, "tcp", endless)))
    kept = [len(buffer) for buffer in messages._streams.values()]
    assert len(kept) <= 512
    assert max(kept) <= 1 << 17


@given(st.lists(st.binary(max_size=200) | st.sampled_from([message(1, "abc").encode(), b"\r\n", b""])))
def test_anything_may_be_in_a_stream(pieces: list[bytes]) -> None:
    texts(packets("tcp", *pieces))
    texts(packets("udp", *pieces))
