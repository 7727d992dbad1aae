"""Reader for capture files: UDP datagrams and TCP streams, reassembled and in order, in bounded memory.

UDP is RFC 768. Checksums of UDP and TCP are not verified: in a capture of sent packets the network card
often computes them later.
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

from media.audio.file_errors import folder_hint, reason
from media.capture import pcap, pcapng
from media.capture.framed import Framed
from media.capture.frames import UNDESCRIBED, CaptureError, Damaged, Frame, Unreadable
from media.capture.hep import hep
from media.capture.ip import CUT, MALFORMED, TCP, UDP, Datagram, Fragments, parse
from media.capture.link import LINKS, NO_IP
from media.capture.tcp import Streams, opposite
from media.capture.tunnel import LOOKS_LIKE_RTP, OTHER, PORTS, in_ip, in_udp, sealed_in_udp
from media.capture.turn import Peers
from media.capture.writer import FILE_HEADER, Address, datagram, record

__all__ = ["NOT_IP", "OTHER_PROTOCOL", "Address", "Capture", "CaptureError", "CaptureWriter", "Packet"]

BUFFER = 1 << 18
MOST_ADDRESSES = 1 << 16
MOST_NESTED = 8
"""Maximum nesting of tunnels; each tunnel copies its payload."""
UDP_OVER_PLAIN_IPV4 = struct.Struct("!BxHxxHxB14xH")
"""Fields of 20 and 8 bytes: version and header length, total length, fragment, protocol, UDP length."""
PLAIN, FRAGMENTED = 0x45, 0x3FFF

NOT_IP = "not IP"
OTHER_PROTOCOL = OTHER
NESTED = f"tunnels in more than {MOST_NESTED} tunnels"
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

    ``number`` and ``at`` (seconds since 1970) are those of the frame that completed it. A UDP payload may
    be empty. An empty TCP payload marks a discontinuity: bytes are missing in the capture, or the same
    ports have a new connection. ``cut`` is how many bytes at the end of a datagram the snapshot length has
    left out.

    Packets inside a tunnel are reported without the tunnel. A client of TURN keeps its own address and has
    its peer's instead of the server's. Packets inside HEP have the original source and target.
    """

    number: int
    at: float
    source: Address
    target: Address
    protocol: str
    payload: bytes
    cut: int = 0


class Capture:
    """A pcap or pcapng file; each iteration reads it anew and yields its Packets in the file's order.

    After an iteration ``frames`` is the number of frames, ``skipped`` counts the frames without a packet by
    reason, ``problem`` names the damage of the file (None: no damage). ``gaps`` counts the places where
    bytes of a TCP connection are missing, ``cut`` the datagrams that were captured in part; ``link_types``
    are those of the frames without a packet, ``has_no_ip`` is true if no frame had an IP packet. Raises
    CaptureError, here or at an iteration, when the file cannot be read at all.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.frames = 0
        self.skipped: dict[str, int] = {}
        self.problem: str | None = None
        self.gaps = 0
        self.cut = 0
        self.link_types: set[int] = set()
        file, _ = self._open()
        file.close()

    @property
    def has_no_ip(self) -> bool:
        """Whether no frame had an IP packet at the place that its link type defines."""
        return self.frames > 0 and self.skipped.get(NOT_IP, 0) + self.skipped.get(MALFORMED, 0) == self.frames

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
                self.skipped, self.problem, self.cut = dict(reading.skipped), problem, reading.cut
                self.link_types = reading.link_types

    def _open(self) -> tuple[BinaryIO, bytes]:
        """The open file after its first four bytes, and these bytes."""
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
        raise CaptureError(f"{self.path}: is not a packet capture; {EXPECTED}")

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
        self.link_types: set[int] = set()
        self.cut = 0
        self._at = 0.0
        self._fragments = Fragments(self.skipped)
        self._peers = Peers()
        self._framed = Framed()
        self._addresses: dict[bytes, tuple[Address, Address]] = {}

    def packets(self, frames: Iterator[Frame]) -> Iterator[Packet]:
        """The packets of the frames. Most frames of a call have one form, which takes a fast path here."""
        unpack, addresses = UDP_OVER_PLAIN_IPV4.unpack_from, self._addresses
        for number, at, link_type, frame in frames:
            self.number = number
            link = LINKS.get(link_type)
            try:
                start = link(frame) if link else NO_IP
                if 0 <= start <= len(frame) - 29 and frame[start + 28] in LOOKS_LIKE_RTP:
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
                        if target.port not in PORTS and source.port not in PORTS:
                            payload = frame[start + 28 : start + 20 + length]
                            yield Packet(number, at, source, target, "udp", payload)
                            continue
                self._at = at
                if link is None:
                    raise Unreadable(
                        NO_INTERFACE if link_type == UNDESCRIBED else f"link type {link_type} is not read"
                    )
                yield from self._packet(frame, start, 0)
            except Unreadable as why:
                self.skipped[str(why)] += 1
                self.link_types.add(link_type)
        yield from self.rest()

    def rest(self) -> Iterator[Packet]:
        """The packets still buffered at the end of the file."""
        self._fragments.close()
        yield from self._tcp(self.streams.close())

    def _packet(self, frame: bytes, start: int, depth: int) -> Iterator[Packet]:
        """The IP packet at this offset, at this depth of tunnels."""
        if start == NO_IP:
            raise Unreadable(NOT_IP)
        if depth > MOST_NESTED:
            raise Unreadable(NESTED)
        ip = parse(frame, start)
        if ip.fragment is not None:
            whole = self._fragments.add(ip, self._at)
            if whole is None:
                return
            ip = whole
        if ip.protocol == UDP:
            yield from self._udp(ip, depth)
        elif ip.protocol == TCP:
            yield from self._tcp(self.streams.add(ip.source + ip.target, ip.payload, self._at, ip.cut))
        else:
            yield from self._packet(ip.payload, in_ip(ip.protocol, ip.payload), depth + 1)

    def _udp(self, ip: Datagram, depth: int) -> Iterator[Packet]:
        """A datagram, or the content of a tunnel."""
        payload = ip.payload
        if len(payload) < 8:
            raise Unreadable(CUT if ip.cut else MALFORMED_UDP)
        source, target, length = struct.unpack_from("!HHH", payload)
        if length == 0 and len(ip.source) == 16:
            length = len(payload) + ip.cut  # a jumbogram (RFC 2675)
        if not 8 <= length <= len(payload) + ip.cut:
            raise Unreadable(MALFORMED_UDP)
        content = payload[8:length]
        cut = length - 8 - len(content)
        if cut and not content:
            raise Unreadable(CUT)
        inner = in_udp(source, target, content, cut)
        if inner is not None:
            yield from self._packet(content, inner, depth + 1)
            return
        sealed = sealed_in_udp(source, target, content)
        if sealed is not None:
            self.skipped[sealed] += 1
        self.cut += cut > 0
        yield self._mirrored(content, cut) or self._datagram(ip, content, cut)

    def _mirrored(self, content: bytes, cut: int) -> Packet | None:
        """The packet inside HEP."""
        mirrored = hep(content, cut)
        if mirrored is None:
            return None
        return Packet(
            self.number, self._at, *self._ends(mirrored.ends), "udp", mirrored.payload, mirrored.cut
        )

    def _datagram(self, ip: Datagram, content: bytes, cut: int) -> Packet:
        """A datagram as its receiver sees it."""
        return self._relayed(ip.source + ip.target + ip.payload[:4], content, cut)

    def _relayed(self, ends: bytes, content: bytes, cut: int) -> Packet:
        """The data inside TURN, or the content itself."""
        source, target = self._ends(ends)
        if content:
            relayed = self._peers.open(ends, opposite(ends), content, cut)
            if relayed is not None:
                content, cut = relayed.payload, relayed.cut
                if relayed.peer is not None:
                    peer, _ = self._ends(relayed.peer[0] * 2 + relayed.peer[1] * 2)
                    source, target = (source, peer) if relayed.to_peer else (peer, target)
        return Packet(self.number, self._at, source, target, "udp", content, cut)

    def _tcp(self, ordered: Iterator[tuple[bytes, bytes]]) -> Iterator[Packet]:
        for key, data in ordered:
            framed = self._framed.feed(key, data)
            if framed is None:
                source, target = self._ends(key)
                yield Packet(self.number, self._at, source, target, "tcp", data)
                continue
            for content in framed:
                try:
                    yield self._mirrored(content, 0) or self._relayed(key, content, 0)
                except Unreadable as why:
                    self.skipped[str(why)] += 1

    def _ends(self, key: bytes) -> tuple[Address, Address]:
        """The ends from two addresses and two ports; cached, unless there are very many."""
        address = self._addresses.get(key)
        if address is not None:
            return address
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
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the buffered data."""
        try:
            self._file.close()
        except OSError as failure:
            raise self._unwritten(failure) from error

    def write(self, at: float, source: Address, target: Address, payload: bytes) -> None:
        """Add a datagram.

        ``at`` in seconds since 1970. Raises ValueError for a host that is not an IP address.
        """
        packet = datagram(source, target, payload, self._number)
        self._number += 1
        try:
            self._file.write(record(at, packet))
        except OSError as error:
            raise self._unwritten(error) from None

    def _unwritten(self, error: OSError | ValueError) -> CaptureError:
        return CaptureError(f"{self._path}: cannot be written: {reason(error)}{folder_hint(self._path)}")
