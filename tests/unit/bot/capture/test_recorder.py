"""The sniffer with programs of the test's own in the place of dumpcap and tcpdump: no privileges needed.

What it does with the real ones is in tests/peers/test_wire.py.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot.capture.recorder
from bot.capture.recorder import CaptureFilter, PacketRecorder
from bot.errors import BotError, ConfigError, NativeError

PLACE = CaptureFilter("lo", "127.0.0.1", "udp")
SOON_S = 0.2
REFUSAL = """\
echo 'Capturing on lo' >&2
echo "dumpcap: You do not have permission to capture on device \\"lo\\"." >&2
exit 1
"""
EAR = """\
import os, signal, socket, sys
def end(number, frame):
    sys.stderr.write({last_words!r})
    sys.stderr.flush()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind({ear!r})
os.write(1, b"header")
while packet := ear.recv(65536):
    for start in range(0, len(packet), {at_once}):
        os.write(1, packet[start : start + {at_once}])
sys.stderr.write("dumpcap: the interface went away")
"""
"""Captures what comes to its socket, and breaks off when that is nothing."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(bot.capture.recorder, "SERVERS", str(folder))
    return folder


def install(folder: Path, name: str, script: str, *, interpreter: str = "/bin/sh", mode: int = 0o755) -> None:
    """A program of that name."""
    program = folder / name
    program.write_text(f"#!{interpreter}\n{script}")
    program.chmod(mode)


class Wire:
    """What the fake program hears: the sniffer's own datagrams, and what a test sends."""

    def __init__(self, ear: Path) -> None:
        self.ear = ear
        self.markers: list[bytes] = []
        self.deaf_to = ""
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def install(
        self, folder: Path, name: str = "dumpcap", *, last_words: str = "", at_once: int = 999
    ) -> None:
        """A program that captures this."""
        script = EAR.format(ear=str(self.ear), last_words=last_words, at_once=at_once)
        install(folder, name, script, interpreter=sys.executable)

    def send(self, content: bytes) -> None:
        """A packet."""
        self._end.sendto(content, str(self.ear))

    def marker(self, what: str) -> bytes:
        """As the sniffer makes it; on the fake wire before it is on the real one."""
        self.markers.append(f"marker: {what}".encode())
        if what != self.deaf_to:
            self.send(self.markers[-1])
        return self.markers[-1]

    def close(self) -> None:
        """At the test's end."""
        self._end.close()


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The fake wire of the fake program."""
    wire = Wire(tmp_path / "ear")
    monkeypatch.setattr(bot.capture.recorder, "marker", wire.marker)
    yield wire
    wire.close()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not any(thread.name == "srtpbot-sniffer" for thread in threading.enumerate())


# ---- where


@pytest.mark.parametrize(
    ("binds", "interface", "own", "hosts"),
    [
        (["127.0.0.1"], "lo", "127.0.0.1", " and (host 127.0.0.1)"),
        (["127.0.0.5", "127.0.0.1"], "lo", "127.0.0.1", " and (host 127.0.0.1 or host 127.0.0.5)"),
        ([None], "any", "127.0.0.1", ""),
        (["0.0.0.0", "127.0.0.1"], "any", "127.0.0.1", ""),
        (["192.0.2.2"], "any", "192.0.2.2", " and (host 192.0.2.2)"),
    ],
)
def test_place_follows_from_the_addresses(
    binds: list[str | None], interface: str, own: str, hosts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.capture.recorder, "loopback", lambda: "lo")
    ports = "udp or tcp port 5060 or tcp port 5061 or tcp port 7000"
    expected = f"({ports}){hosts}" if hosts else ports
    assert CaptureFilter.of(binds, [7000, 0, 5060]) == CaptureFilter(interface, own, expected)


# ---- who may not


def test_nothing_installed(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(NativeError, match="neither dumpcap nor tcpdump is installed: apt-get install"):
        PacketRecorder(tmp_path / "x.pcap", PLACE).__enter__()
    assert list(tmp_path.glob("*.pcap")) == []


def test_nothing_permitted(programs: Path, tmp_path: Path) -> None:
    install(programs, "dumpcap", REFUSAL)
    install(programs, "tcpdump", REFUSAL, mode=0o644)
    with pytest.raises(NativeError) as refused, PacketRecorder(tmp_path / "x.pcap", PLACE):
        pass
    text = str(refused.value)
    assert 'dumpcap: You do not have permission to capture on device "lo";' in text
    assert "tcpdump: Permission denied" in text
    assert "setcap" in text
    assert "wireshark" in text
    assert "root" in text
    assert refused.value.exit_status == 3


def test_an_older_capture_stays_until_there_is_another(programs: Path, tmp_path: Path, wire: Wire) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(b"of yesterday")
    install(programs, "dumpcap", REFUSAL)
    with pytest.raises(NativeError), PacketRecorder(path, PLACE):
        pass
    assert path.read_bytes() == b"of yesterday"
    wire.install(programs, "tcpdump")
    with PacketRecorder(path, PLACE):
        pass
    assert path.read_bytes() == b"header" + b"".join(wire.markers)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"Capturing on 'lo'\nFile: -\n\rPackets captured: 3\n", ""),
        (b"Packets received/dropped on interface 'lo': 3/0 (pcap:0/dumpcap:0)\n", ""),
        (b"tcpdump: data link type X\ntcpdump: listening on any\n1 packet captured\n", ""),
        (b"Capturing on 'lo'\ndumpcap: The disk is full.\nPackets captured: 3\n", "The disk is full"),
        (b"tcpdump: eth9: No such device exists\n", "eth9: No such device exists"),
    ],
)
def test_what_every_run_says_is_no_complaint(message: bytes, complaint: str) -> None:
    assert bot.capture.recorder.first_complaint(message) == complaint


def test_a_program_that_says_nothing(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.capture.recorder, "START_S", 0.2)
    install(programs, "tcpdump", "exec /bin/sleep 30")
    with pytest.raises(NativeError, match="tcpdump: it captures nothing"):
        PacketRecorder(tmp_path / "x.pcap", PLACE).__enter__()
    assert not any(thread.name == "srtpbot-sniffer" for thread in threading.enumerate())


def test_the_second_program_is_tried(programs: Path, tmp_path: Path, wire: Wire) -> None:
    install(programs, "dumpcap", REFUSAL)
    wire.install(programs, "tcpdump")
    with PacketRecorder(tmp_path / "x.pcap", PLACE):
        pass
    assert (tmp_path / "x.pcap").read_bytes() == b"header" + b"".join(wire.markers)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no/x\.pcap: cannot write the capture: No such file or directory"):
        PacketRecorder(tmp_path / "no" / "x.pcap", PLACE).__enter__()


def test_a_device_is_no_file() -> None:
    mode = os.stat(os.devnull).st_mode
    with pytest.raises(ConfigError, match="/dev/null: is a pipe or a device"):
        PacketRecorder(Path(os.devnull), PLACE).__enter__()
    assert os.stat(os.devnull).st_mode == mode


# ---- what is in the file


@pytest.mark.parametrize("at_once", [1, 7, 999], ids="{} bytes at once".format)
def test_everything_between_the_markers_is_in_it(
    at_once: int, programs: Path, tmp_path: Path, wire: Wire
) -> None:
    wire.install(programs, at_once=at_once)
    path = tmp_path / "x.pcap"
    path.write_bytes(b"older")
    with PacketRecorder(path, PLACE) as sniffer:
        assert path.read_bytes() == b"header" + wire.markers[0]
        wire.send(b"a packet")
    assert path.read_bytes() == b"header" + wire.markers[0] + b"a packet" + wire.markers[1]
    assert path.stat().st_mode & 0o777 == 0o600
    assert sniffer.dropped is None


@pytest.mark.parametrize(
    ("last_words", "dropped"),
    [
        ("Packets received/dropped on interface 'Loopback: lo': 1002/3 (pcap:3/dumpcap:0/...) (99%)\n", 3),
        ("17 packets captured\n34 packets received by filter\n1 packet dropped by kernel\n", 1),
        ("0 packets dropped by kernel\n", 0),
        ("", None),
    ],
)
def test_what_the_kernel_dropped_is_known(
    last_words: str, dropped: int | None, programs: Path, tmp_path: Path, wire: Wire
) -> None:
    wire.install(programs, last_words=last_words)
    with PacketRecorder(tmp_path / "x.pcap", PLACE) as sniffer:
        assert sniffer.dropped is None
    assert sniffer.dropped == dropped


def test_a_program_that_ends_by_itself(programs: Path, tmp_path: Path, wire: Wire) -> None:
    wire.install(programs)
    with (
        pytest.raises(NativeError, match=r"x\.pcap: .* dumpcap ended by itself: the interface went away"),
        PacketRecorder(tmp_path / "x.pcap", PLACE),
    ):
        wire.send(b"a packet")
        wire.send(b"")
    assert (tmp_path / "x.pcap").read_bytes().endswith(b"a packet")


@pytest.mark.parametrize("what", ["begins", "ends"])
def test_an_own_packet_that_does_not_appear(
    what: str, programs: Path, tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.capture.recorder, "MARKER_S", SOON_S)
    wire.install(programs)
    wire.deaf_to = what
    with (
        pytest.raises(NativeError, match=r"dumpcap did not see our own packet on lo within 0\.2 s"),
        PacketRecorder(tmp_path / "x.pcap", PLACE),
    ):
        assert what == "ends"


def test_a_full_disk(programs: Path, tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    wire.install(programs)
    with (
        pytest.raises(NativeError, match="is incomplete: cannot write: No space left on device"),
        PacketRecorder(tmp_path / "x.pcap", PLACE),
    ):
        monkeypatch.setattr(bot.capture.recorder, "write", full)
        wire.send(b"a packet")


def test_what_happened_in_the_block_is_not_hidden(programs: Path, tmp_path: Path, wire: Wire) -> None:
    wire.install(programs)
    with pytest.raises(BotError, match="the call"), PacketRecorder(tmp_path / "x.pcap", PLACE):
        wire.send(b"")
        raise BotError("the call")


def test_a_marker_is_no_media_packet() -> None:
    """RFC 7983: 0 to 3 is STUN, 20 to 63 DTLS, 128 to 191 RTP."""
    marker = bot.capture.recorder.marker("begins")
    assert 64 <= marker[0] < 128
    assert marker != bot.capture.recorder.marker("begins")
