"""Reader for the pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces, packet blocks.

dpkt's reader is not used: it applies the link type and clock of the first interface to all interfaces,
supports a single section, and reads the whole file at a block length below 8.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from media.capture.frames import DAMAGED, LONGEST_FRAME, UNDESCRIBED, CaptureError, Damaged, Frame, too_long

__all__ = ["MAGIC", "frames"]

MAGIC = b"\x0a\x0d\x0d\x0a"
SECTION, INTERFACE, PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
FRAMES_WITHOUT_A_PACKET = {0x9, 0x204, 0x208}
"""Entries of systemd's journal and of Sysdig; Wireshark numbers them as frames."""
ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
AROUND = 12  # type, length, and the length again at the end of the block
LEAST = {SECTION: 28, INTERFACE: 20, PACKET: 32, SIMPLE_PACKET: 16, ENHANCED_PACKET: 32}
LONGEST_BLOCK = 1 << 20  # maximum size of blocks that are read as a whole: a frame with comments
MOST_INTERFACES = 10_000
END_OF_OPTIONS, RESOLUTION, OFFSET = 0, 9, 14
MICROSECONDS = 1_000_000


@dataclass(slots=True)
class Interface:
    """A capture interface."""

    link_type: int
    snapshot_length: int = 0
    ticks: int = MICROSECONDS
    offset_s: int = 0

    def time(self, count: int) -> float:
        """The time in seconds since 1970; exact integers up to the single division."""
        return (count + self.offset_s * self.ticks) / self.ticks


NOWHERE = Interface(UNDESCRIBED)


def frames(file: BinaryIO, _magic: bytes = MAGIC) -> Iterator[Frame]:
    """The frames of a file whose magic number has been read; a block without a time has the time 0 (1970).

    Raises CaptureError if the file does not begin with a section, and Damaged after the last readable
    frame.
    """
    try:
        section = Section(file, file.read(8))
    except Damaged as damage:
        raise CaptureError(f"is not a valid pcapng file: {damage}") from None
    number = 0
    while header := file.read(8):
        if len(header) < 8:
            raise Damaged(f"the file ends within the block behind frame {number}")
        if header.startswith(MAGIC):
            section = Section(file, header[4:] + file.read(4))
            continue
        kind, length = section.header.unpack(header)
        check_length(kind, length, number)
        if kind not in LEAST:
            skip(file, section, length, number)
            if kind in FRAMES_WITHOUT_A_PACKET:
                number += 1
                yield number, 0.0, UNDESCRIBED, b""
            continue
        if length > LONGEST_BLOCK:
            raise Damaged(f"the block behind frame {number} claims {length:,} bytes: {DAMAGED}")
        body = file.read(length - 8)
        if len(body) < length - 8:
            raise Damaged(f"the file ends within the block behind frame {number}")
        if body[-4:] != header[4:]:
            raise Damaged(f"the two lengths of the block behind frame {number} differ: {DAMAGED}")
        if kind == INTERFACE:
            section.describe(body)
            continue
        number += 1
        yield section.frame(kind, body, number)


class Section:
    """A section of a file, with its own byte order and interfaces."""

    def __init__(self, file: BinaryIO, start: bytes) -> None:
        """``start`` has the block length and the byte order mark that is needed to read it."""
        order = ORDERS.get(start[4:])
        if order is None:
            raise Damaged("a section has no byte-order magic")
        self.header = struct.Struct(order + "II")
        (length,) = struct.unpack(order + "I", start[:4])
        check_length(SECTION, length, 0)
        major = struct.unpack(order + "H", file.read(2).ljust(2, b"\0"))[0]
        if major != 1:
            raise Damaged(f"a section is of version {major}, expected 1")
        file.seek(length - 14 - 4, os.SEEK_CUR)
        if file.read(4) != start[:4]:
            raise Damaged("a section's header is cut short or its two lengths differ")
        self._order = order
        self._enhanced = struct.Struct(order + "IIII").unpack_from
        self._obsolete = struct.Struct(order + "H2xIII").unpack_from
        self._interfaces: list[Interface] = []

    def describe(self, body: bytes) -> None:
        """Add an interface."""
        if len(self._interfaces) == MOST_INTERFACES:
            raise Damaged(f"a section has more than {MOST_INTERFACES:,} interfaces: the file is damaged")
        interface = Interface(*struct.unpack_from(self._order + "H2xI", body))
        for code, value in self._options(body[8:-4]):
            if code == RESOLUTION and len(value) == 1:
                interface.ticks = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
            elif code == OFFSET and len(value) == 8:
                (interface.offset_s,) = struct.unpack(self._order + "q", value)
        self._interfaces.append(interface)

    def frame(self, kind: int, body: bytes, number: int) -> Frame:
        """The frame in a packet block of any of the three types."""
        if kind == SIMPLE_PACKET:
            return self._simple(body, number)
        unpack = self._enhanced if kind == ENHANCED_PACKET else self._obsolete
        index, high, low, kept = unpack(body)
        if kept > LONGEST_FRAME:
            raise too_long(number, kept)
        if kept > len(body) - LEAST[kind] + 8:
            raise Damaged(f"frame {number} claims {kept:,} bytes, more than its block has: {DAMAGED}")
        interface = self._interface(index)
        return number, interface.time(high << 32 | low), interface.link_type, body[20 : 20 + kept]

    def _simple(self, body: bytes, number: int) -> Frame:
        interface = self._interface(0)
        (kept,) = struct.unpack_from(self._order + "I", body)
        kept = min(kept, interface.snapshot_length or LONGEST_FRAME, LONGEST_FRAME, len(body) - 8)
        return number, 0.0, interface.link_type, body[4 : 4 + kept]

    def _interface(self, index: int) -> Interface:
        return self._interfaces[index] if index < len(self._interfaces) else NOWHERE

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(self._order + "HH", data, at)
            if code == END_OF_OPTIONS:
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4


def check_length(kind: int, length: int, number: int) -> None:
    """Raise Damaged for an impossible block length."""
    if length % 4 or length < LEAST.get(kind, AROUND):
        raise impossible(number, length)


def impossible(number: int, length: int) -> Damaged:
    """The error for a block length."""
    return Damaged(f"the block behind frame {number} claims {length:,} bytes: {DAMAGED}")


def skip(file: BinaryIO, section: Section, length: int, number: int) -> None:
    """Skip a block; only the length at its end is read."""
    file.seek(length - AROUND, os.SEEK_CUR)
    end = file.read(4)
    if len(end) < 4:
        raise Damaged(f"the file ends within the block behind frame {number}")
    if section.header.unpack(bytes(4) + end)[1] != length:
        raise Damaged(f"the two lengths of the block behind frame {number} differ: {DAMAGED}")
