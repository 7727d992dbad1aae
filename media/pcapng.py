"""Owns the pcapng format: sections, interfaces, packet blocks; it must not know what is in a frame.

Source: draft-ietf-opsawg-pcapng. dpkt's reader is not used: it takes the first interface's link type and
clock for those of all, knows no second section, and a block length below 8 makes it read the whole file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from media.frames import LONGEST_FRAME, UNDESCRIBED, CaptureError, Damaged, Frame, too_long

__all__ = ["MAGIC", "frames"]

MAGIC = b"\x0a\x0d\x0d\x0a"
SECTION, INTERFACE, PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
FRAMES_WITHOUT_A_PACKET = {0x9, 0x204, 0x208}
"""Entries of systemd's journal and of Sysdig, which Wireshark numbers as frames."""
ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
AROUND = 12  # type, length, and the length again at the block's end
LEAST = {SECTION: 28, INTERFACE: 20, PACKET: 32, SIMPLE_PACKET: 16, ENHANCED_PACKET: 32}
LONGEST_BLOCK = 1 << 20  # of those that are read as a whole: a frame with comments
MOST_INTERFACES = 10_000
END_OF_OPTIONS, RESOLUTION, OFFSET = 0, 9, 14
MICROSECONDS = 1_000_000


@dataclass(slots=True)
class Interface:
    """One that packets were captured at."""

    link_type: int
    snapshot_length: int = 0
    ticks: int = MICROSECONDS
    offset_s: int = 0

    def time(self, count: int) -> float:
        """Seconds since 1970; exact integers up to the one division."""
        return (count + self.offset_s * self.ticks) / self.ticks


NOWHERE = Interface(UNDESCRIBED)


def frames(file: BinaryIO, _magic: bytes = MAGIC) -> Iterator[Frame]:
    """The frames of a file that stands behind its magic; a frame in a block that has no time is of 1970.

    Raises CaptureError when it does not begin with a section, and Damaged behind the last frame that
    can be read.
    """
    try:
        section = Section(file, file.read(8))
    except Damaged as damage:
        raise CaptureError(f"is no pcapng file though it begins like one: {damage}") from None
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
            raise Damaged(
                f"the block behind frame {number} claims {length:,} bytes: the file is damaged there"
            )
        body = file.read(length - 8)
        if len(body) < length - 8:
            raise Damaged(f"the file ends within the block behind frame {number}")
        if body[-4:] != header[4:]:
            raise Damaged(f"the two lengths of the block behind frame {number} differ")
        if kind == INTERFACE:
            section.describe(body)
            continue
        number += 1
        yield section.frame(kind, body, number)


class Section:
    """A part of a file with one byte order and its own interfaces."""

    def __init__(self, file: BinaryIO, start: bytes) -> None:
        """``start`` is the block's length, which only the byte order behind it explains, and that order."""
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
        """Learn an interface."""
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
        """The frame in a packet block of any of the three kinds."""
        if kind == SIMPLE_PACKET:
            return self._simple(body, number)
        unpack = self._enhanced if kind == ENHANCED_PACKET else self._obsolete
        index, high, low, kept = unpack(body)
        if kept > LONGEST_FRAME:
            raise too_long(number, kept)
        if kept > len(body) - LEAST[kind] + 8:
            raise Damaged(f"frame {number} claims {kept:,} bytes, more than its block has")
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
    """Raise Damaged at a length that no such block can have."""
    if length % 4 or length < LEAST.get(kind, AROUND):
        raise impossible(number, length)


def impossible(number: int, length: int) -> Damaged:
    """The word on a block's length."""
    return Damaged(f"the block behind frame {number} claims {length:,} bytes: the file is damaged there")


def skip(file: BinaryIO, section: Section, length: int, number: int) -> None:
    """Pass over a block without reading it, but for the length at its end."""
    file.seek(length - AROUND, os.SEEK_CUR)
    end = file.read(4)
    if len(end) < 4:
        raise Damaged(f"the file ends within the block behind frame {number}")
    if section.header.unpack(bytes(4) + end)[1] != length:
        raise Damaged(f"the two lengths of the block behind frame {number} differ")
