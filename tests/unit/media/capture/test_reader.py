"""media.capture.reader: the packets of files of every kind, and clear words for those that cannot be read."""

from __future__ import annotations

import errno
import gzip
import io
import os
import struct
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO

import pytest

from media.capture import reader as capture
from media.capture.reader import Address, Capture, CaptureError, CaptureWriter, Packet
from tests.support.wire import (
    A6,
    AT,
    B6,
    SYN,
    A,
    B,
    cooked,
    cooked_2,
    enhanced,
    ethernet,
    fragments4,
    fragments6,
    interface,
    ip4,
    ip6,
    option,
    pcap,
    pcap_header,
    section,
    simple,
    tcp,
    udp,
    written,
)

ONE, TWO = Address(A, 4000), Address(B, 5000)
HELLO = ip4(udp(b"hello"))
HELLO_6 = ip6(udp(b"hello"))
ARP = b"\xff" * 12 + b"\x08\x06" + bytes(28)


def read(path: Path) -> list[Packet]:
    return list(Capture(path))


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, ethernet(HELLO)),
        (1, ethernet(HELLO) + bytes(13)),
        (1, ethernet(HELLO, 0x8100)),
        (1, ethernet(HELLO, 0x88A8, 0x8100)),
        (1, ethernet(ip4(udp(b"hello"), options=bytes(12)))),
        (1, ethernet(ip4(udp(b"hello") + b"more than UDP says"))),
        (1, ethernet(ip4(udp(b"hello"), total=0))),
        (1, ethernet(ip4(udp(b"hello"), flags=0x4000))),
        (113, cooked(HELLO)),
        (276, cooked_2(HELLO)),
        (0, b"\x02\0\0\0" + HELLO),
        (0, b"\0\0\0\x02" + HELLO),
        (108, b"\0\0\0\x02" + HELLO),
        (101, HELLO),
        (228, HELLO),
    ],
)
def test_a_datagram_of_ipv4(tmp_path: Path, link_type: int, frame: bytes) -> None:
    assert read(written(tmp_path, pcap([frame], link_type))) == [Packet(1, AT, ONE, TWO, "udp", b"hello")]


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, ethernet(HELLO_6)),
        (1, ethernet(HELLO_6, 0x8100)),
        (1, ethernet(ip6(b"\x11\x00" + bytes(6) + udp(b"hello"), 0))),
        (1, ethernet(ip6(udp(b"hello", length=0)))),
        (276, cooked_2(HELLO_6)),
        (0, b"\x1e\0\0\0" + HELLO_6),
        (101, HELLO_6),
        (229, HELLO_6),
    ],
)
def test_a_datagram_of_ipv6(tmp_path: Path, link_type: int, frame: bytes) -> None:
    (packet,) = read(written(tmp_path, pcap([frame], link_type)))
    assert packet == Packet(1, AT, Address(A6, 4000), Address(B6, 5000), "udp", b"hello")


def test_an_empty_datagram(tmp_path: Path) -> None:
    assert [packet.payload for packet in Capture(written(tmp_path, pcap([ethernet(ip4(udp(b"")))])))] == [b""]


@pytest.mark.parametrize("make", [fragments4, fragments6])
def test_a_datagram_in_fragments_is_that_of_its_last_frame(
    tmp_path: Path, make: Callable[..., list[bytes]]
) -> None:
    whole = udp(bytes(range(250)) * 10)
    parts = make(whole, 1200, 2400)
    frames = [ethernet(parts[n]) for n in (2, 0, 1)]
    (packet,) = read(written(tmp_path, pcap([ARP, *frames], step=0.5)))
    assert (packet.number, packet.at, packet.payload) == (4, AT + 1.5, whole[8:])
    assert (packet.source.port, packet.target.port) == (4000, 5000)


def test_the_bytes_of_tcp_in_order(tmp_path: Path) -> None:
    segments = [
        tcp(b"", 9, flags=SYN),
        tcp(b"hello ", 10),
        tcp(b"answer", 90, back=True),
        tcp(b"!", 21),
        tcp(b"hello ", 10),
        tcp(b"there", 16),
        tcp(b"late", 30),
    ]
    frames = [ip4(one, 6, source=B, target=A) if one[:2] == b"\x13\xc5" else ip4(one, 6) for one in segments]
    file = Capture(written(tmp_path, pcap(frames, 101, step=1.0)))
    found = list(file)
    caller, callee = Address(A, 4001), Address(B, 5061)
    assert found == [
        Packet(2, AT + 1, caller, callee, "tcp", b"hello "),
        Packet(3, AT + 2, callee, caller, "tcp", b"answer"),
        Packet(6, AT + 5, caller, callee, "tcp", b"there!"),
        Packet(7, AT + 6, caller, callee, "tcp", b""),
        Packet(7, AT + 6, caller, callee, "tcp", b"late"),
    ]
    assert file.gaps == 1
    assert file.skipped == {"TCP without data": 1, "TCP data repeated": 1}


def test_several_interfaces(tmp_path: Path) -> None:
    content = (
        section()
        + interface(1, option(9, b"\x09"))
        + interface(113)
        + interface(105)
        + enhanced(ethernet(HELLO), 10**9)
        + enhanced(cooked(HELLO), 2 * 10**6, at=1)
        + enhanced(HELLO, 2 * 10**6, at=2)
        + enhanced(HELLO, 2 * 10**6, at=3)
        + simple(ethernet(HELLO))
    )
    file = Capture(written(tmp_path, content))
    assert [(packet.number, packet.at) for packet in file] == [(1, 1.0), (2, 2.0), (5, 0.0)]
    assert file.skipped == {"link type 105 is not read": 1, "no interface that the file describes": 1}
    assert (file.frames, file.problem) == (5, None)


def test_why_frames_yield_nothing(tmp_path: Path) -> None:
    frames = [
        ARP,
        ethernet(HELLO)[:42],
        ethernet(HELLO)[:30],
        ethernet(fragments4(bytes(100), 48)[0])[:-1],
        ethernet(ip4(b"ping", 1)),
        ethernet(ip4(udp(b"hello", length=7))),
        ethernet(ip4(udp(b"hello", length=14))),
        ethernet(ip4(udp(b"hello", length=0))),
        ethernet(ip4(b"udp?")),
        ethernet(b"\x45" + bytes(40)),
        ethernet(b"\x55" + bytes(40)),
        ethernet(fragments4(bytes(100), 48)[0]),
    ]
    file = Capture(written(tmp_path, pcap(frames)))
    assert list(file) == []
    assert file.skipped == {
        "not IP": 1,
        "cut short: fewer bytes captured than its IP header says": 3,
        "neither UDP nor TCP": 2,
        "malformed UDP header": 4,
        "malformed IP header": 1,
        "IP fragments whose rest is missing": 1,
    }
    assert sum(file.skipped.values()) == file.frames == len(frames)


def test_it_is_read_anew_each_time(tmp_path: Path) -> None:
    path = written(tmp_path, pcap([ethernet(HELLO), ARP]))
    file = Capture(path)
    assert (file.frames, file.skipped) == (0, {})
    both = [packet for pair in zip(file, file, strict=True) for packet in pair]
    assert len(both) == 2
    assert (file.frames, file.skipped) == (2, {"not IP": 1})
    path.write_bytes(pcap([ethernet(HELLO)] * 3))
    assert len(list(file)) == 3
    assert (file.frames, file.skipped) == (3, {})


def test_a_pass_that_is_left_early_tells_how_far_it_came(tmp_path: Path) -> None:
    file = Capture(written(tmp_path, pcap([ARP, *[ethernet(HELLO)] * 9])))
    packets = iter(file)
    next(packets)
    assert isinstance(packets, Generator)
    packets.close()
    assert (file.frames, file.skipped) == (2, {"not IP": 1})


def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path) -> None:
    pending = [ip4(tcp(b"a", 1), 6), ip4(tcp(b"c", 3), 6)]
    file = Capture(written(tmp_path, pcap([*pending, HELLO], 101)[:-1]))
    assert [packet.payload for packet in file] == [b"a", b"", b"c"]
    assert file.problem == "the file ends within frame 3"
    assert file.frames == 2


def test_equal_ends_are_one_address_even_if_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MOST_ADDRESSES", 4)
    frames = [ip4(udp(b"x", source=port)) for port in range(20)]
    found = read(written(tmp_path, pcap(frames + frames, 101)))
    assert [packet.source.port for packet in found] == [*range(20), *range(20)]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", r"is empty \(0 bytes\); expected a capture in pcap or pcapng"),
        (b"\xa1", "is not a packet capture; expected"),
        (
            b"INVITE sip:bob@example.org SIP/2.0\r\n",
            "is not a packet capture; expected a capture in pcap or pcapng",
        ),
        (gzip.compress(pcap([HELLO]), mtime=0), "is compressed; gunzip it first"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "is compressed; unzstd it first"),
        (b"\xfd7zXZ\0" + bytes(40), "is compressed; unxz it first"),
        (b"BZh9" + bytes(40), "is compressed; bunzip2 it first"),
        (b"PK\x03\x04" + bytes(40), "is a ZIP archive; unzip it first"),
        (b"snoop\0\0\0" + bytes(40), "is a snoop capture; convert it with: editcap"),
        (struct.pack("<I", 0xA1B2CD34) + bytes(40), "is of a variant of pcap; convert it with: editcap"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, word: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(CaptureError, match=word) as caught:
        Capture(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (pcap_header()[:20], "ends within its pcap header"),
        (section()[:20], "is not a valid pcapng file"),
    ],
)
def test_a_file_that_begins_like_a_capture(tmp_path: Path, content: bytes, word: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(CaptureError, match=word) as caught:
        list(Capture(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_folders_pipes_and_missing_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, word in [
        (tmp_path, "is a directory; name a capture in it"),
        (tmp_path / "pipe", "is a pipe or a device; write the capture to a file first"),
        (Path("/dev/null"), "is a pipe or a device"),
        (tmp_path / "none", "no such file; check the path"),
        (tmp_path / "pipe" / "x", "cannot be read: Not a directory"),
        (tmp_path / "\0", "cannot be read: .*embedded null"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
    ]:
        with pytest.raises(CaptureError, match=word):
            Capture(path)


class Failing(io.BytesIO):
    """A file on a medium that fails behind its first bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= 60:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


def test_a_medium_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(_path: Path, _mode: str, _buffer: int) -> BinaryIO:
        return Failing(pcap([HELLO] * 3, 101))

    file = Capture(written(tmp_path, pcap([HELLO])))
    monkeypatch.setattr(Path, "open", opened)
    assert len(list(file)) == 1
    assert file.problem == "the file cannot be read behind frame 1: Input/output error"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> BinaryIO:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = written(tmp_path, pcap([HELLO]))
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(CaptureError, match="may not be read; check its permissions"):
        Capture(path)


@pytest.mark.parametrize(("one", "two"), [(A, B), (A6, B6)])
def test_written_and_read_again(tmp_path: Path, one: str, two: str) -> None:
    source, target = Address(one, 4000), Address(two, 5000)
    payloads = [b"", b"hello", bytes(range(256)) * 200]
    with CaptureWriter(tmp_path / "a.pcap") as file:
        for number, payload in enumerate(payloads):
            file.write(AT + number, source, target, payload)
    assert read(tmp_path / "a.pcap") == [
        Packet(number + 1, AT + number, source, target, "udp", payload)
        for number, payload in enumerate(payloads)
    ]


def test_a_writer_without_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be written: No such file or directory; does its folder"):
        CaptureWriter(tmp_path / "none" / "a.pcap")


def test_a_writer_on_a_full_disk() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    word = "/dev/full: cannot be written: No space left on device"
    with pytest.raises(CaptureError, match=word), CaptureWriter("/dev/full") as file:
        file.write(AT, ONE, TWO, b"hello")


@pytest.mark.parametrize(("packet", "host"), [(HELLO, A), (HELLO_6, A6)])
def test_a_datagram_in_a_short_snapshot(tmp_path: Path, packet: bytes, host: str) -> None:
    for missing in range(1, 5):
        file = Capture(written(tmp_path, pcap([ethernet(packet)[:-missing]])))
        (found,) = file
        assert (found.source.host, found.payload, found.cut) == (host, b"hello"[:-missing], missing)
        assert (file.cut, file.skipped) == (1, {})


@pytest.mark.parametrize("packet", [HELLO, HELLO_6])
def test_a_short_snapshot_that_ends_before_the_payload(tmp_path: Path, packet: bytes) -> None:
    for length in range(15, 14 + len(packet) - 4):
        file = Capture(written(tmp_path, pcap([ethernet(packet)[:length]])))
        assert list(file) == []
        assert file.skipped == {"cut short: fewer bytes captured than its IP header says": 1}


def test_tcp_in_a_short_snapshot_has_a_gap_in_each_segment(tmp_path: Path) -> None:
    frames = [ip4(tcp(b"hello ", 10), 6), ip4(tcp(b"there", 16), 6)[:-2]]
    file = Capture(written(tmp_path, pcap([frames[0][:-1], frames[1]], 101)))
    assert [one.payload for one in file] == [b"hello", b"", b"the", b""]
    assert file.gaps == 2
