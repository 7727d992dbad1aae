"""media.capture.pcap: both byte orders, both resolutions, and what a damaged file may claim."""

from __future__ import annotations

import struct

import pytest

from media.capture.frames import DAMAGED, CaptureError, Frame
from media.capture.pcap import MAGICS, frames
from tests.support.frames import frames_until_damage, read_frames
from tests.support.wire import AT, MOST, pcap, pcap_header


def read(content: bytes) -> list[Frame]:
    return read_frames(frames, content)


def until_damage(content: bytes) -> tuple[list[Frame], str]:
    return frames_until_damage(frames, content)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [False, True])
def test_frames(order: str, nano: bool) -> None:
    content = pcap([b"one", b"", b"three"], 113, order=order, nano=nano, step=0.5)
    assert content[:4] in MAGICS
    assert read(content) == [(1, AT, 113, b"one"), (2, AT + 0.5, 113, b""), (3, AT + 1, 113, b"three")]


def test_nanoseconds_are_kept_as_far_as_a_float_can() -> None:
    header = pcap_header(nano=True)
    ((_, at, _, _),) = read(header + struct.pack("<IIII", 1, 123_456_789, 0, 0))
    assert at == 1.123456789


def test_no_frame() -> None:
    assert read(pcap([])) == []


def test_the_link_type_without_the_bits_of_the_check_sequence() -> None:
    content = bytearray(pcap([b"x"], 1))
    content[23] = 0x94
    assert read(bytes(content)) == [(1, AT, 1, b"x")]


@pytest.mark.parametrize("length", range(4, 24))
def test_a_header_that_is_cut(length: int) -> None:
    with pytest.raises(CaptureError, match="ends within its pcap header"):
        read(pcap_header()[:length])


def test_a_version_that_never_was() -> None:
    with pytest.raises(CaptureError, match=r"version 4\.2, expected 2\.4"):
        read(struct.pack("<IHHiIII", 0xA1B2C3D4, 4, 2, 0, 0, MOST, 1))


def test_a_file_that_ends_within_a_frame() -> None:
    content = pcap([b"first", b"second"])
    assert until_damage(content[:-1]) == ([(1, AT, 1, b"first")], "the file ends within frame 2")
    assert until_damage(content[:-6]) == ([(1, AT, 1, b"first")], "the file ends within frame 2")
    assert until_damage(content[:-7]) == (
        [(1, AT, 1, b"first")],
        "the file ends within the header of frame 2",
    )


def test_a_length_that_cannot_be_is_never_allocated() -> None:
    content = pcap([b"first"]) + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)
    found, problem = until_damage(content)
    assert len(found) == 1
    assert problem == f"frame 2 claims 4,294,967,295 bytes, and none has more than 262,144: {DAMAGED}"
    assert len(read(pcap([bytes(MOST)]))[0][3]) == MOST
