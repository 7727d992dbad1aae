"""pcapng: sections, interfaces with their clocks, every packet block, and what damaged files claim."""

from __future__ import annotations

import struct

import pytest

from media.capture.frames import UNDESCRIBED, CaptureError, Frame
from media.capture.pcapng import MOST_INTERFACES, frames
from tests.support.frames import frames_until_damage, read_frames
from tests.support.wire import block, enhanced, interface, obsolete, option, section, simple

START = section() + interface()
ONE = enhanced(b"one", 5_000_000)
TWO = enhanced(b"two!", 6_000_000)
FIRST = (1, 5.0, 1, b"one")


def read(content: bytes) -> list[Frame]:
    return read_frames(frames, content)


def until_damage(content: bytes) -> tuple[list[Frame], str]:
    return frames_until_damage(frames, content)


@pytest.mark.parametrize("order", "<>")
def test_every_packet_block(order: str) -> None:
    content = (
        section(order)
        + interface(113, order=order)
        + enhanced(b"enhanced", 1 << 40, order=order)
        + obsolete(b"obsolete", 7_000_000, order=order)
        + simple(b"simple", order=order)
    )
    assert read(content) == [
        (1, (1 << 40) / 1e6, 113, b"enhanced"),
        (2, 7.0, 113, b"obsolete"),
        (3, 0.0, 113, b"simple"),
    ]


@pytest.mark.parametrize(
    ("options", "ticks", "at"),
    [
        (b"", 1_500_000, 1.5),
        (option(9, b"\x09"), 1_500_000_000, 1.5),
        (option(9, b"\x00"), 7, 7.0),
        (option(9, b"\x8a"), 1536, 1.5),
        (option(9, b"\xff"), 1 << 63, 2.0**-64),
        (option(9, b"\x7f"), 1, 1e-127),
        (option(14, struct.pack("<q", 1000)), 1_500_000, 1001.5),
        (option(14, struct.pack("<q", -1)), 1_500_000, 0.5),
        (option(9, b"\x03") + option(14, struct.pack("<q", 10)), 1_500, 11.5),
        (option(2, b"eth0") + option(9, b"\x03") + option(0, b"") + option(9, b"\x09"), 1_500, 1.5),
        (option(9, b""), 1_500_000, 1.5),
        (option(9, b"\x03")[:4], 1_500_000, 1.5),
        (b"\x09\x00\xff\xff", 1_500_000, 1.5),
    ],
)
def test_the_clock_of_an_interface(options: bytes, ticks: int, at: float) -> None:
    assert read(section() + interface(options=options) + enhanced(b"x", ticks)) == [(1, at, 1, b"x")]


def test_each_interface_has_its_own() -> None:
    content = (
        section()
        + interface(1)
        + enhanced(b"a", 2_000_000)
        + interface(101, option(9, b"\x09"))
        + enhanced(b"b", 3_000_000_000, at=1)
        + enhanced(b"c", 4_000_000, at=0)
        + enhanced(b"d", 4_000_000, at=2)
    )
    assert read(content) == [
        (1, 2.0, 1, b"a"),
        (2, 3.0, 101, b"b"),
        (3, 4.0, 1, b"c"),
        (4, 4.0, UNDESCRIBED, b"d"),
    ]


def test_each_section_has_its_own_interfaces_and_byte_order() -> None:
    content = (
        START + ONE + section(">", bytes(8)) + interface(276, order=">") + enhanced(b"z", 10**6, order=">")
    )
    assert read(content) == [FIRST, (2, 1.0, 276, b"z")]
    assert read(START + ONE + section() + TWO) == [FIRST, (2, 6.0, UNDESCRIBED, b"two!")]


def test_a_simple_packet_is_cut_by_its_interface() -> None:
    content = (
        section() + interface(snapshot=4) + simple(b"1234", claimed=1500) + simple(b"12345678", claimed=2)
    )
    assert read(content) == [(1, 0.0, 1, b"1234"), (2, 0.0, 1, b"12")]


def test_other_blocks_are_passed_over() -> None:
    names, unknown = block(4, bytes(40)), block(0xBAD, bytes(3_000_000))
    assert read(section() + names + interface() + unknown + ONE + names) == [FIRST]


def test_an_entry_of_a_log_is_a_frame_without_a_packet() -> None:
    log = block(9, b"MESSAGE=hello\n")
    assert read(START + log + ONE) == [(1, 0.0, UNDESCRIBED, b""), (2, 5.0, 1, b"one")]


def test_options_behind_a_frame() -> None:
    assert read(START + enhanced(b"one", 5_000_000, options=option(1, b"a comment"))) == [FIRST]


@pytest.mark.parametrize("length", range(4, 28))
def test_a_file_that_is_cut_within_its_first_header(length: int) -> None:
    with pytest.raises(CaptureError, match="is not a valid pcapng file"):
        read(section()[:length])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "no byte-order magic"),
        (section()[:4] + b"\x08\0\0\0" + section()[8:], "claims 8 bytes"),
        (section()[:4] + b"\x1d\0\0\0" + section()[8:], "claims 29 bytes"),
        (section()[:4] + b"\xfc\xff\xff\xff" + section()[8:], "cut short or its two lengths differ"),
        (section()[:-4] + bytes(4), "cut short or its two lengths differ"),
        (section()[:12] + b"\x02\0" + section()[14:], "version 2, expected 1"),
    ],
)
def test_an_invalid_section_header(content: bytes, word: str) -> None:
    with pytest.raises(CaptureError, match=word):
        read(content)


def test_a_file_that_ends_within_a_block() -> None:
    for length in range(1, len(TWO)):
        found, problem = until_damage(START + ONE + TWO[:length])
        assert found == [FIRST]
        assert problem == "the file ends within the block behind frame 1"
    assert (
        until_damage(START + ONE + block(5, bytes(100))[:-1])[1]
        == "the file ends within the block behind frame 1"
    )


@pytest.mark.parametrize(
    ("damaged", "word"),
    [
        (TWO[:4] + struct.pack("<I", 0xFFFFFFFC) + TWO[8:], "claims 4,294,967,292 bytes"),
        (TWO[:4] + struct.pack("<I", 0) + TWO[8:], "claims 0 bytes"),
        (TWO[:4] + struct.pack("<I", 28) + TWO[8:], "claims 28 bytes"),
        (TWO[:4] + struct.pack("<I", 37) + TWO[8:], "claims 37 bytes"),
        (TWO[:-4] + bytes(4), "two lengths of the block behind frame 1 differ"),
        (block(5, bytes(8))[:-4] + bytes(4), "two lengths of the block behind frame 1 differ"),
        (enhanced(b"two!", kept=5), "frame 2 claims 5 bytes, more than its block has"),
        (enhanced(b"two!", kept=0xFFFFFFFF), "frame 2 claims 4,294,967,295 bytes"),
        (section()[:8] + bytes(20), "no byte-order magic"),
    ],
)
def test_a_block_that_cannot_be(damaged: bytes, word: str) -> None:
    found, problem = until_damage(START + ONE + damaged)
    assert found == [FIRST]
    assert word in problem


def test_interfaces_without_end() -> None:
    _, problem = until_damage(section() + interface() * (MOST_INTERFACES + 1))
    assert problem == "a section has more than 10,000 interfaces: the file is damaged"
