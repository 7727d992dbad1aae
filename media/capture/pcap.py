"""Reader for the classic pcap format (draft-ietf-opsawg-pcap).

dpkt's reader is not used: it allocates the length that a record claims, returns a cut record as a whole
one, and takes several times as long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from media.capture.frames import LONGEST_FRAME, CaptureError, Damaged, Frame, too_long

__all__ = ["MAGICS", "frames"]

MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
}
"""Byte order and ticks per second by the magic number."""
FILE_HEADER, RECORD_HEADER = 24, 16
VERSIONS = ((2, 3), (2, 4))
LINK_TYPE = 0xFFFF  # the bits above describe the frame check sequence, which the IP length excludes


def frames(file: BinaryIO, magic: bytes) -> Iterator[Frame]:
    """The frames of a file whose magic number has been read.

    Raises CaptureError for a malformed header, and Damaged after the last readable frame.
    """
    order, ticks = MAGICS[magic]
    link_type = read_header(file, order)
    unpack = struct.Struct(order + "IIII").unpack
    read, number = file.read, 0
    while header := read(RECORD_HEADER):
        number += 1
        if len(header) < RECORD_HEADER:
            raise Damaged(f"the file ends within the header of frame {number}")
        seconds, fraction, kept, _ = unpack(header)
        if kept > LONGEST_FRAME:
            raise too_long(number, kept)
        data = read(kept)
        if len(data) < kept:
            raise Damaged(f"the file ends within frame {number}")
        yield number, seconds + fraction / ticks, link_type, data


def read_header(file: BinaryIO, order: str) -> int:
    """The link type of all frames."""
    rest = file.read(FILE_HEADER - 4)
    if len(rest) < FILE_HEADER - 4:
        raise CaptureError("ends within its pcap header; capture or copy it again")
    major, minor, link_type = struct.unpack(order + "HH12xI", rest)
    if (major, minor) not in VERSIONS:
        raise CaptureError(f"is pcap of version {major}.{minor}, expected 2.4; is it damaged?")
    return int(link_type & LINK_TYPE)
