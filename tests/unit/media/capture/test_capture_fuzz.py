"""media.capture on random and mutated bytes: packets, counts and reasons, never another exception."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.capture.reader import Capture, CaptureError, Packet
from tests.support.wire import (
    SYN,
    enhanced,
    ethernet,
    fragments4,
    fragments6,
    interface,
    ip4,
    ip6,
    obsolete,
    option,
    pcap,
    pcap_header,
    section,
    simple,
    tcp,
    udp,
)

FRAMES = [
    ethernet(ip4(udp(b"hello"))),
    ethernet(ip6(udp(b"hello")), 0x88A8, 0x8100),
    ethernet(ip6(b"\x11\x00" + bytes(6) + udp(b"hello"), 0)),
    *map(ethernet, fragments4(udp(bytes(100)), 48, 96)),
    *map(ethernet, fragments6(udp(bytes(100)), 48, 96)),
    ethernet(ip4(tcp(b"", 9, flags=SYN), 6)),
    ethernet(ip4(tcp(b"def", 13), 6)),
    ethernet(ip4(tcp(b"abc", 10), 6)),
    ethernet(ip4(tcp(b"xyz", 30), 6)),
    ethernet(ip4(ip6(ip4(udp(b"hello")), 4), 41)),
    ethernet(ip4(b"\x30\x00\x65\x58" + bytes(8) + ethernet(ip4(udp(b"hello"))), 47)),
    ethernet(ip4(b"\x10\x00\x22\xeb" + bytes(16) + ethernet(ip4(udp(b"hello"))), 47)),
    ethernet(ip4(udp(b"\x08" + bytes(7) + ethernet(ip4(udp(b"hello"))), target=4789))),
    ethernet(ip4(udp(b"\0\0\x65\x58" + bytes(4) + ethernet(ip4(udp(b"hello"))), target=6081))),
    ethernet(ip4(udp(b"\x34\xff" + bytes(9) + b"\x85\1\0\0\0" + ip4(udp(b"hello")), target=2152))),
    ethernet(ip4(udp(b"\2\x1c\2\x11" + bytes(24) + b"hello", target=9060))),
    ethernet(ip4(udp(b"\x40\0\0\5hello", target=3478))),
    bytes(12) + b"\x88\x64" + bytes(6) + b"\0\x21" + ip4(udp(b"hello")),
    bytes(12) + b"\x88\x47" + b"\0\1\0\x40\0\1\1\x40" + ethernet(ip4(udp(b"hello"))),
]
FILES = [
    pcap(FRAMES),
    pcap(FRAMES, order=">", nano=True),
    section()
    + interface(options=option(9, b"\x09") + option(14, bytes(8)))
    + b"".join(map(enhanced, FRAMES))
    + simple(FRAMES[0])
    + obsolete(FRAMES[1]),
    section(">") + interface(order=">") + b"".join(enhanced(frame, order=">") for frame in FRAMES),
]
MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(path: Path, content: bytes) -> list[Packet]:
    """Read it; whatever it is, nothing but CaptureError may be raised."""
    path.write_bytes(content)
    try:
        capture = Capture(path)
        found = list(capture)
    except CaptureError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)
        return []
    assert found == list(capture)
    assert capture.frames >= max((packet.number for packet in found), default=0)
    assert capture.frames <= len(content) / 12
    assert sum(len(packet.payload) for packet in found) <= len(content)
    for packet in found:
        assert packet.protocol in {"udp", "tcp"}
        assert 0 <= packet.source.port <= 65535
    return found


@given(
    st.sampled_from([b"", pcap_header(), pcap_header(101), section() + interface()]), st.binary(max_size=600)
)
@MANY
def test_any_bytes(tmp_path: Path, start: bytes, rest: bytes) -> None:
    check(tmp_path / "fuzz.pcap", start + rest)


@given(
    st.sampled_from(FILES),
    st.lists(
        st.tuples(st.integers(0, 2000), st.sampled_from([b"\0", b"\xff", b"\x80", b"\x01"])), max_size=6
    ),
    st.integers(0, 2000),
)
@MANY
def test_changed_bytes(tmp_path: Path, content: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
    changed = bytearray(content)
    for place, byte in changes:
        changed[place % len(changed) : place % len(changed) + 1] = byte
    check(tmp_path / "fuzz.pcap", bytes(changed[: cut or None]))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 9, 12, 50, 51, 101, 104, 108, 113, 219, 228, 229, 276]),
            st.binary(max_size=100),
        ),
        max_size=9,
    )
)
@MANY
def test_any_frames(tmp_path: Path, frames: list[tuple[int, bytes]]) -> None:
    content = section() + b"".join(interface(link_type) for link_type, _ in frames)
    content += b"".join(enhanced(frame, at=number) for number, (_, frame) in enumerate(frames))
    check(tmp_path / "fuzz.pcap", content)


@pytest.mark.parametrize("content", FILES)
def test_a_file_that_is_cut_anywhere(tmp_path: Path, content: bytes) -> None:
    whole = datagrams(check(tmp_path / "fuzz.pcap", content))
    assert len(whole) >= 5
    for length in random.Random(1).sample(range(len(content)), 60):
        part = datagrams(check(tmp_path / "fuzz.pcap", content[:length]))
        assert part == whole[: len(part)]


def datagrams(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.protocol == "udp"]
