"""tshark finds the same loss, jitter and gaps in the same stream; where it does not, the RFC says why."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from media.rtp.packet import parse_rtp
from media.rtp.statistics import StreamStatistics
from tests.support.programs import LOOPBACK

pytestmark = pytest.mark.peer("tshark")

PORT = 40000
START = 1_700_000_000.0
FRAME, RATE, PCMA = 160, 8000, 8
RAW_IP, UDP = 101, 17


class Sent(NamedTuple):
    """A packet and when it arrives, in microseconds; the sequence number may go beyond 16 bits."""

    at_us: int
    sequence: int
    marker: bool = False
    timestamp: int | None = None


class Figures(NamedTuple):
    """The columns of ``tshark -z rtp,streams`` that we have too."""

    packets: int
    lost: int
    longest_gap_ms: float
    jitter_ms_mean: float
    jitter_ms_max: float


def datagram(sent: Sent) -> bytes:
    ticks = sent.sequence * FRAME if sent.timestamp is None else sent.timestamp
    second = PCMA | (128 if sent.marker else 0)
    header = struct.pack(">BBHII", 0x80, second, sent.sequence % 65536, ticks % (1 << 32), 0xCAFEBABE)
    return header + bytes(FRAME)


def capture(path: Path, packets: Iterable[Sent]) -> Path:
    """A pcap file of raw IPv4 (https://www.tcpdump.org/manpages/pcap-savefile.5.html)."""
    local = bytes([127, 0, 0, 1])
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP))
        for sent in packets:
            payload = datagram(sent)
            udp = struct.pack(">HHHH", PORT, PORT + 2, 8 + len(payload), 0) + payload
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, UDP, 0) + local + local
            s, us = divmod(sent.at_us, 1_000_000)
            file.write(struct.pack("<IIII", int(START) + s, us, len(ip + udp), len(ip + udp)) + ip + udp)
    return path


def by_tshark(path: Path) -> Figures:
    command = ["tshark", "-n", "-r", str(path), "-d", f"udp.port=={PORT},rtp", "-q", "-z", "rtp,streams"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    (line,) = (line for line in done.stdout.splitlines() if LOOPBACK in line)
    before, _, after = line.partition("%)")
    packets, lost = before.split()[-3:-1]
    numbers = [float(one) for one in after.split()[:6]]  # delta and jitter: least, mean, most
    return Figures(int(packets), int(lost), numbers[2], numbers[4], numbers[5])


def by_us(packets: Iterable[Sent]) -> Figures:
    statistics = StreamStatistics()
    for sent in packets:
        packet = parse_rtp(datagram(sent))
        assert packet is not None
        statistics.add(START + sent.at_us / 1_000_000, packet, RATE)
    return Figures(
        statistics.packets,
        statistics.cumulative_lost,
        statistics.longest_gap_ms,
        statistics.jitter_ms_mean,
        statistics.jitter_ms_max,
    )


def even(count: int, first: int = 1000) -> list[Sent]:
    return [Sent(20_000 * n, first + n) for n in range(count)]


def with_jitter(packets: Iterable[Sent], most_us: int = 8000) -> list[Sent]:
    dice = random.Random(7)
    return [sent._replace(at_us=sent.at_us + dice.randrange(most_us)) for sent in packets]


def with_loss(packets: Iterable[Sent]) -> list[Sent]:
    dice = random.Random(11)
    kept = list(packets)
    return [kept[0], *(sent for sent in kept[1:-1] if dice.random() > 0.05), kept[-1]]


def with_swaps(packets: Iterable[Sent]) -> list[Sent]:
    """Neighbours arrive in each other's place, but for the first and the last."""
    order = list(packets)
    for at in range(10, len(order) - 2, 7):
        order[at : at + 2] = swapped(order[at], order[at + 1])
    return order


def swapped(one: Sent, other: Sent) -> tuple[Sent, Sent]:
    return other._replace(at_us=one.at_us), one._replace(at_us=other.at_us)


def with_duplicates(packets: Iterable[Sent]) -> list[Sent]:
    return [
        copy
        for n, sent in enumerate(packets)
        for copy in ([sent, sent._replace(at_us=sent.at_us + 500)] if n % 10 == 5 else [sent])
    ]


CASES = {
    "even": even(500),
    "jitter": with_jitter(even(500)),
    "loss": with_jitter(with_loss(even(1000))),
    "a burst of loss": [*even(100), *even(400)[300:]],
    "an outage": [*even(100), *even(5100)[5000:]],
    "late packets": with_swaps(with_jitter(even(500))),
    "duplicates": with_duplicates(with_jitter(even(500))),
    "markers": [sent._replace(marker=sent.sequence % 50 == 0) for sent in with_jitter(even(500))],
    "a wrap": with_jitter(even(1000, first=65000)),
    "loss over a wrap": with_jitter(with_loss(even(1000, first=65000))),
    "late packets over a wrap": with_swaps(even(1000, first=65001)),
    "two wraps": even(140_000, first=60_000),
    "a timestamp that wraps": [
        sent._replace(timestamp=(1 << 32) - 100 * FRAME + n * FRAME)
        for n, sent in enumerate(with_jitter(even(500)))
    ],
}


@pytest.mark.parametrize("packets", CASES.values(), ids=CASES)
def test_the_same_figures(packets: list[Sent], tmp_path: Path) -> None:
    ours, theirs = by_us(packets), by_tshark(capture(tmp_path / "rtp.pcap", packets))
    assert theirs.packets == len(packets)
    assert ours[:2] == theirs[:2]
    assert ours[2:] == pytest.approx(theirs[2:], abs=0.01)


def test_a_pause_that_the_sender_does_not_count_is_no_jitter(tmp_path: Path) -> None:
    """To RFC 3550 A.8, and to tshark, any change of the transit time is jitter; no network did this one."""
    packets = [*even(100), *(sent._replace(at_us=sent.at_us + 5_000_000) for sent in even(200)[100:])]
    assert by_us(packets)[3:] == pytest.approx((0, 0), abs=0.01)
    assert by_tshark(capture(tmp_path / "rtp.pcap", packets)).jitter_ms_max == pytest.approx(312.5, abs=0.1)


def test_tshark_takes_the_last_number_for_the_highest(tmp_path: Path) -> None:
    """RFC 3550 A.3 expects packets up to the highest number, wherever it came; tshark, up to the last."""
    packets = even(100)
    packets[-2:] = swapped(packets[-2], packets[-1])
    assert by_us(packets).lost == 0
    assert by_tshark(capture(tmp_path / "rtp.pcap", packets)).lost == -1


def test_tshark_takes_the_first_number_for_the_lowest(tmp_path: Path) -> None:
    """So does the program of RFC 3550 A.1; but where packets 2 and 1 arrive, no packet was lost twice."""
    packets = even(100)
    packets[:2] = swapped(packets[0], packets[1])
    assert by_us(packets).lost == 0
    assert by_tshark(capture(tmp_path / "rtp.pcap", packets)).lost == -1


def test_tshark_takes_a_sender_that_begins_anew_for_loss(tmp_path: Path) -> None:
    """RFC 3550 A.1 takes a jump of more than 3000 for a restart, which loses nothing."""
    anew = [Sent(20_000 * n, 39_900 + n, timestamp=3_000_000_000 + n * FRAME) for n in range(100, 200)]
    packets = [*even(100), *anew]
    assert by_us(packets).lost == 0
    assert by_tshark(capture(tmp_path / "rtp.pcap", packets)).lost == 40_000 - 1100
