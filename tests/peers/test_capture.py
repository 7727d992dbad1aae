"""Captures of many kinds as tshark reads them and as we do: the same packets of the same frames."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from media.capture.reader import Capture
from tests.support.wire import (
    ACK,
    SYN,
    A,
    B,
    block,
    cooked,
    cooked_2,
    enhanced,
    ethernet,
    fragment_header,
    fragments4,
    fragments6,
    interface,
    ip4,
    ip6,
    obsolete,
    option,
    pcap,
    section,
    tcp,
    udp,
    written,
)

pytestmark = pytest.mark.peer("tshark")

FIELDS = [
    "frame.number", "frame.time_epoch",
    "ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst", "udp.dstport", "udp.payload",
]  # fmt: skip
RANDOM = random.Random(1)
BIG = udp(RANDOM.randbytes(5000))
HOP_BY_HOP = b"\x3c\x00\x01\x04" + bytes(4)
DESTINATION = b"\x11\x00\x01\x04" + bytes(4)
V4, V6 = ip4(udp(RANDOM.randbytes(172))), ip6(udp(RANDOM.randbytes(172)))
PACKETS = [
    V4,
    V6,
    ip4(udp(b"")),
    ip4(udp(b"behind options"), options=b"\x01" * 8),
    ip6(HOP_BY_HOP + DESTINATION + udp(b"behind extensions"), 0),
    ip6(fragment_header(17, 0, False, 9) + udp(b"atomic"), 44),
    *fragments4(BIG, 1480, 2960, number=1),
    *reversed(fragments4(BIG, 1480, 2960, number=2)),
    *RANDOM.sample(fragments6(BIG, 1232, 2464, 3696, number=3), 4),
    *fragments4(BIG, 1480, number=4)[:1],
    *fragments4(BIG, 800, 1480, 2400, number=5)[:2],
    *fragments4(BIG, 1480, number=5),
    ip4(b"\x08\x00" + bytes(6), 1),
]
TEXT = RANDOM.randbytes(3000)


def tshark(path: Path, *arguments: str) -> list[str]:
    """Its output, line by line."""
    command = ["tshark", "-n", "-r", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], capture_output=True, timeout=60, check=True)


def datagrams_by_tshark(path: Path) -> list[tuple[object, ...]]:
    whole = "udp && frame.cap_len == frame.len"
    fields = [part for field in FIELDS for part in ("-e", field)]
    found: list[tuple[object, ...]] = []
    for line in tshark(path, "-Y", whole, "-T", "fields", *fields):
        number, at, ip, ip_6, port, to, to_6, to_port, payload = line.split("\t")
        data = bytes.fromhex(payload.replace(":", ""))
        found.append((int(number), float(Decimal(at)), ip or ip_6, int(port), to or to_6, int(to_port), data))
    return found


def datagrams_by_us(path: Path) -> list[tuple[object, ...]]:
    capture = Capture(path)
    found: list[tuple[object, ...]] = [
        (one.number, one.at, *one.source, *one.target, one.payload)
        for one in capture
        if one.protocol == "udp" and not one.cut  # tshark has no payload of those that a snapshot cut
    ]
    assert capture.problem is None
    return found


def vlan(packet: bytes) -> bytes:
    return ethernet(packet, 0x8100)


def double_tagged(packet: bytes) -> bytes:
    return ethernet(packet, 0x88A8, 0x8100)


def null(packet: bytes) -> bytes:
    return (b"\x02" if packet[0] >> 4 == 4 else b"\x1e") + bytes(3) + packet


def loop(packet: bytes) -> bytes:
    return null(packet)[3::-1] + packet


def raw(packet: bytes) -> bytes:
    return packet


LINKS: list[tuple[int, Callable[[bytes], bytes]]] = [
    (1, ethernet), (1, vlan), (1, double_tagged), (113, cooked), (276, cooked_2),
    (0, null), (108, loop), (101, raw),
]  # fmt: skip


@pytest.mark.parametrize(("link_type", "link"), LINKS, ids=[link.__name__ for _, link in LINKS])
def test_every_link_layer(tmp_path: Path, link_type: int, link: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path, pcap([link(packet) for packet in PACKETS], link_type, step=0.001))
    assert len(datagrams_by_us(path)) == 10
    assert datagrams_by_us(path) == datagrams_by_tshark(path)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [False, True])
def test_every_pcap(tmp_path: Path, order: str, nano: bool) -> None:
    frames = [ethernet(packet) for packet in PACKETS]
    path = written(tmp_path, pcap(frames, order=order, nano=nano, step=0.001_001))
    assert datagrams_by_us(path) == datagrams_by_tshark(path)


@pytest.mark.parametrize("order", "<>")
def test_pcapng(tmp_path: Path, order: str) -> None:
    nanoseconds, powers_of_two = option(9, b"\x09", order), option(9, b"\x8a", order)
    content = (
        section(order)
        + interface(1, nanoseconds, order=order)
        + interface(276, powers_of_two, order=order)
        + enhanced(ethernet(V4), 1_700_000_000_123_456_789, order=order)
        + enhanced(
            cooked_2(V6), 1_700_000_000 * 1024 + 512, at=1, order=order, options=option(1, b"hi", order)
        )
        + obsolete(vlan(V4), 1_700_000_001_000_000_000, order=order)
        + section(">")
        + interface(101, order=">")
        + enhanced(V6, 1_700_000_002_500_000, order=">")
    )
    path = written(tmp_path, content, "a.pcapng")
    assert [one[0] for one in datagrams_by_us(path)] == [1, 2, 3, 4]
    assert datagrams_by_us(path) == datagrams_by_tshark(path)


def test_a_log_entry_is_numbered(tmp_path: Path) -> None:
    log = block(9, b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hello\n")
    path = written(tmp_path, section() + interface() + log + enhanced(ethernet(V4), 10**6), "a.pcapng")
    assert datagrams_by_us(path) == datagrams_by_tshark(path)
    assert datagrams_by_us(path)[0][0] == 2


def test_files_that_wiresharks_own_tools_made(tmp_path: Path) -> None:
    one = written(tmp_path, pcap(map(ethernet, PACKETS), step=0.002), "one.pcap")
    two = written(tmp_path, pcap(map(cooked_2, [V4, V6] * 9), 276, nano=True, step=0.003), "two.pcap")
    run("mergecap", "-w", tmp_path / "both.pcapng", one, two)
    run("editcap", "-F", "pcapng", "-a", "1:a comment", one, tmp_path / "comment.pcapng")
    run("editcap", "-F", "nsecpcap", one, tmp_path / "nano.pcap")
    run("editcap", "-s", "120", one, tmp_path / "cut.pcap")
    for name in ("both.pcapng", "comment.pcapng", "nano.pcap", "cut.pcap"):
        assert datagrams_by_us(tmp_path / name) == datagrams_by_tshark(tmp_path / name), name


def conversation(first: int) -> list[bytes]:
    """TCP segments both ways: repeated, overlapping, out of order, with a number that may wrap."""

    def said(low: int, high: int) -> bytes:
        return ip4(tcp(TEXT[low:high], first + low, ack=91), 6)

    def answered(data: bytes, sequence: int) -> bytes:
        return ip4(tcp(data, sequence, ack=first, back=True), 6, source=B, target=A)

    return [
        ip4(tcp(b"", first - 1, flags=SYN), 6),
        ip4(tcp(b"", 90, flags=SYN | ACK, ack=first, back=True), 6, source=B, target=A),
        said(0, 500), said(0, 500), said(400, 900), said(1400, 1900), answered(b"hello", 91), said(900, 1400),
        said(2400, 2700), said(2200, 2500), said(1900, 2200), answered(b"there", 96), said(2700, 3000),
    ]  # fmt: skip


@pytest.mark.parametrize("first", [1000, 2**32 - 700], ids=["plain", "wrap"])
def test_the_bytes_of_tcp(tmp_path: Path, first: int) -> None:
    path = written(tmp_path, pcap(map(ethernet, conversation(first)), step=0.001))
    lines = tshark(path, "-q", "-z", "follow,tcp,raw,0")
    followed = [line for line in lines if set(line.strip()) <= set("0123456789abcdef")]
    theirs = b"".join(bytes.fromhex(line) for line in followed if line[:1] != "\t")
    answers = b"".join(bytes.fromhex(line.strip()) for line in followed if line[:1] == "\t")
    capture = Capture(path)
    ours = list(capture)
    assert b"".join(our.payload for our in ours if our.source.host == A) == theirs == TEXT
    assert b"".join(our.payload for our in ours if our.source.host == B) == answers == b"hellothere"
    assert (capture.gaps, capture.skipped) == (0, {"TCP without data": 2, "TCP data repeated": 1})
