"""Owns the packets of a capture file: UDP datagrams and TCP's bytes, whole and in order; no protocol above.

A file of any size is read in bounded memory. UDP is RFC 768; its and TCP's checksums are not looked at, since
in a capture of what a host sends its network card has often not filled them in yet.
"""

from __future__ import annotations

import stat
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from media import pcap, pcapng
from media.file_errors import folder_hint, reason
from media.frames import UNDESCRIBED, CaptureError, Damaged, Frame
from media.ip import TCP, UDP, Fragments, Unreadable, parse
from media.link import LINKS, NO_IP
from media.packets import FILE_HEADER, Address, datagram, record
from media.tcp import Streams

__all__ = ["NOT_IP", "OTHER_PROTOCOL", "Address", "Capture", "CaptureError", "CaptureWriter", "Packet"]

BUFFER = 1 << 18
MOST_ADDRESSES = 1 << 16
UDP_OVER_PLAIN_IPV4 = struct.Struct("!BxHxxHxB14xH")
"""Of 20 and 8 bytes: version and header length, total length, fragment, protocol, UDP length."""
PLAIN, FRAGMENTED = 0x45, 0x3FFF

NOT_IP = "not IP"
OTHER_PROTOCOL = "neither UDP nor TCP"
MALFORMED_UDP = "malformed UDP header"
NO_INTERFACE = "no interface that the file describes"

Reader = Callable[[BinaryIO, bytes], Iterator[Frame]]
READERS: dict[bytes, Reader] = {**dict.fromkeys(pcap.MAGICS, pcap.frames), pcapng.MAGIC: pcapng.frames}
CONVERT = "convert it with: editcap -F pcapng FILE NEW_FILE"
KNOWN_OTHERS = {
    b"\x1f\x8b": "is compressed; gunzip it first",
    b"\x28\xb5\x2f\xfd": "is compressed; unzstd it first",
    b"\xfd7zX": "is compressed; unxz it first",
    b"BZh": "is compressed; bunzip2 it first",
    b"\x04\x22\x4d\x18": "is compressed; unlz4 it first",
    b"PK\x03\x04": "is a ZIP archive; unzip it first",
    b"snoo": f"is a snoop capture; {CONVERT}",
    b"\xa1\xb2\xcd\x34": f"is of a variant of pcap; {CONVERT}",
    b"\x34\xcd\xb2\xa1": f"is of a variant of pcap; {CONVERT}",
}
EXPECTED = "expected a capture in pcap or pcapng, as tcpdump, dumpcap and Wireshark write it"


class Packet(NamedTuple):
    """A UDP datagram, or the next bytes of one direction of a TCP connection.

    ``number`` and ``at`` (seconds since 1970) are those of the frame that made it whole. A UDP payload may be
    empty. An empty TCP payload says that what follows does not continue what came before: bytes are missing
    in the capture, or the same ports have a new connection.
    """

    number: int
    at: float
    source: Address
    target: Address
    protocol: str
    payload: bytes


class Capture:
    """A pcap or pcapng file; each iteration reads it anew and yields its Packets in the file's order.

    After an iteration ``frames``, ``skipped`` and ``problem`` tell what it met: how many frames, why how many
    of them yielded nothing, and where the file broke off (None: nowhere). ``gaps`` counts the places where
    bytes of a TCP connection are missing. Raises CaptureError, here or at an iteration, when the file cannot
    be read at all.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.frames = 0
        self.skipped: dict[str, int] = {}
        self.problem: str | None = None
        self.gaps = 0
        file, _ = self._open()
        file.close()

    def __iter__(self) -> Iterator[Packet]:
        """Read the file."""
        file, magic = self._open()
        reading = Reading()
        problem = None
        with file:
            try:
                yield from reading.packets(READERS[magic](file, magic))
            except Damaged as damage:
                problem = str(damage)
                yield from reading.rest()
            except CaptureError as error:
                raise CaptureError(f"{self.path}: {error}") from None
            except OSError as error:
                problem = f"the file cannot be read behind frame {reading.number}: {reason(error)}"
                yield from reading.rest()
            finally:
                self.frames, self.gaps = reading.number, reading.streams.gaps
                self.skipped, self.problem = dict(reading.skipped), problem

    def _open(self) -> tuple[BinaryIO, bytes]:
        """The file behind its first four bytes, and those."""
        try:
            mode = self.path.stat().st_mode
            if stat.S_ISREG(mode):
                file = self.path.open("rb", BUFFER)
        except FileNotFoundError:
            raise CaptureError(f"{self.path}: no such file; check the path") from None
        except PermissionError:
            raise CaptureError(f"{self.path}: may not be read; check its permissions") from None
        except (OSError, ValueError) as error:
            raise CaptureError(f"{self.path}: cannot be read: {reason(error)}") from None
        if stat.S_ISDIR(mode):
            raise CaptureError(f"{self.path}: is a directory; name a capture in it")
        if not stat.S_ISREG(mode):
            raise CaptureError(f"{self.path}: is a pipe or a device; write the capture to a file first")
        magic = self._magic(file)
        if magic in READERS:
            return file, magic
        file.close()
        if not magic:
            raise CaptureError(f"{self.path}: is empty (0 bytes); {EXPECTED}")
        for start, word in KNOWN_OTHERS.items():
            if magic.startswith(start):
                raise CaptureError(f"{self.path}: {word}")
        raise CaptureError(f"{self.path}: is no capture; {EXPECTED}")

    def _magic(self, file: BinaryIO) -> bytes:
        try:
            return file.read(4)
        except OSError as error:
            file.close()
            raise CaptureError(f"{self.path}: cannot be read: {reason(error)}") from None


class Reading:
    """One pass over the frames of a file."""

    def __init__(self) -> None:
        self.number = 0
        self.skipped: Counter[str] = Counter()
        self.streams = Streams(self.skipped)
        self._at = 0.0
        self._fragments = Fragments(self.skipped)
        self._addresses: dict[bytes, tuple[Address, Address]] = {}

    def packets(self, frames: Iterator[Frame]) -> Iterator[Packet]:
        """What the frames carry. Most frames of a call are of one kind, which takes the short way here."""
        unpack, addresses = UDP_OVER_PLAIN_IPV4.unpack_from, self._addresses
        for number, at, link_type, frame in frames:
            self.number = number
            link = LINKS.get(link_type)
            start = link(frame) if link else NO_IP
            if 0 <= start <= len(frame) - 28:
                first, total, fragment, protocol, length = unpack(frame, start)
                if (
                    first == PLAIN
                    and protocol == UDP
                    and not fragment & FRAGMENTED
                    and total == length + 20
                    and 8 <= length <= len(frame) - start - 20
                ):
                    key = frame[start + 12 : start + 24]
                    source, target = addresses.get(key) or self._ends(key)
                    yield Packet(number, at, source, target, "udp", frame[start + 28 : start + 20 + length])
                    continue
            self._at = at
            try:
                if link is None:
                    raise Unreadable(NO_INTERFACE if link_type == UNDESCRIBED else f"link type {link_type}")
                if start == NO_IP:
                    raise Unreadable(NOT_IP)
                yield from self._packet(frame, start)
            except Unreadable as why:
                self.skipped[str(why)] += 1
        yield from self.rest()

    def rest(self) -> Iterator[Packet]:
        """What is still held when no frame follows."""
        self._fragments.close()
        yield from self._tcp(self.streams.close())

    def _packet(self, frame: bytes, start: int) -> Iterator[Packet]:
        ip = parse(frame, start)
        if ip.fragment is not None:
            whole = self._fragments.add(ip, self._at)
            if whole is None:
                return
            ip = whole
        if ip.protocol == UDP:
            yield self._udp(ip.source + ip.target, ip.payload)
        elif ip.protocol == TCP:
            yield from self._tcp(self.streams.add(ip.source + ip.target, ip.payload, self._at))
        else:
            raise Unreadable(OTHER_PROTOCOL)

    def _udp(self, ips: bytes, payload: bytes) -> Packet:
        length = int.from_bytes(payload[4:6], "big") if len(payload) >= 8 else -1
        if length == 0 and len(ips) == 32:
            length = len(payload)  # a jumbogram (RFC 2675)
        if not 8 <= length <= len(payload):
            raise Unreadable(MALFORMED_UDP)
        source, target = self._ends(ips + payload[:4])
        return Packet(self.number, self._at, source, target, "udp", payload[8:length])

    def _tcp(self, ordered: Iterator[tuple[bytes, bytes]]) -> Iterator[Packet]:
        for key, data in ordered:
            source, target = self._ends(key)
            yield Packet(self.number, self._at, source, target, "tcp", data)

    def _ends(self, key: bytes) -> tuple[Address, Address]:
        """Of two addresses and two ports; made once for the same bytes, unless they are very many."""
        known = self._addresses.get(key)
        if known is not None:
            return known
        if len(self._addresses) >= MOST_ADDRESSES:
            self._addresses.clear()
        length = len(key) // 2 - 2
        source, target = ip_address(key[:length]), ip_address(key[length : 2 * length])
        ports = struct.unpack("!HH", key[2 * length :])
        ends = Address(str(source), ports[0]), Address(str(target), ports[1])
        self._addresses[key] = ends
        return ends


class CaptureWriter:
    """A pcap file of UDP datagrams, each in an IP packet of its own without a link layer.

    A context manager. Raises CaptureError when the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._number = 0
        try:
            self._file = self._path.open("wb", BUFFER)
            self._file.write(FILE_HEADER)
        except (OSError, ValueError) as error:
            raise self._unwritten(error) from None

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is buffered."""
        try:
            self._file.close()
        except OSError as failure:
            raise self._unwritten(failure) from error

    def write(self, at: float, source: Address, target: Address, payload: bytes) -> None:
        """Add a datagram; ``at`` in seconds since 1970. Raises ValueError when a host is no IP address."""
        packet = datagram(source, target, payload, self._number)
        self._number += 1
        try:
            self._file.write(record(at, packet))
        except OSError as error:
            raise self._unwritten(error) from None

    def _unwritten(self, error: OSError | ValueError) -> CaptureError:
        return CaptureError(f"{self._path}: cannot be written: {reason(error)}{folder_hint(self._path)}")
