"""media.capture.hep: what agents of HOMER mirror, in all versions, and what is none."""

from __future__ import annotations

import struct
import zlib

import pytest

from media.capture.frames import Unreadable
from media.capture.hep import LONGEST, hep
from tests.support.tunnels import ENDS, ENDS_6, HEAD, HEAD_6, SIP, chunk, of_3

TIME = struct.pack("<IIHH", 1_700_000_000, 5, 7, 0)


def of_2(version: int, family: int, ends: bytes, length: int, *, protocol: int = 17) -> bytes:
    return struct.pack("!BBBB", version, length, family, protocol) + ends[-4:] + ends[:-4]


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        (of_3(*HEAD, chunk(15, SIP)), ENDS),
        (of_3(chunk(15, SIP), *HEAD), ENDS),
        (of_3(*HEAD, chunk(3, b"x", vendor=2), chunk(15, SIP)), ENDS),
        (of_3(*HEAD_6, chunk(15, SIP)), ENDS_6),
        (of_3(*HEAD, chunk(16, zlib.compress(SIP))), ENDS),
        (of_2(1, 2, ENDS, 16) + SIP, ENDS),
        (of_2(1, 10, ENDS_6, 40, protocol=6) + SIP, ENDS_6),
        (of_2(2, 2, ENDS, 28) + TIME + SIP, ENDS),
        (of_2(2, 2, ENDS, 16) + TIME + SIP, ENDS),
        (of_2(2, 10, ENDS_6, 52) + TIME + SIP, ENDS_6),
    ],
)
def test_a_mirrored_packet(data: bytes, ends: bytes) -> None:
    found = hep(data)
    assert found is not None
    assert (found.ends, found.payload, found.cut) == (ends, SIP, 0)


def test_a_mirrored_packet_in_a_short_snapshot() -> None:
    for data in (of_3(*HEAD, chunk(15, SIP)), of_2(1, 2, ENDS, 16) + SIP):
        found = hep(data[:-9], 9)
        assert found is not None
        assert (found.payload, found.cut) == (SIP[:-9], 9)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SIP,
        b"\x80" + bytes(171),
        b"\1\1\0\x0c\x21\x12\xa4\x42" + bytes(24),
        b"\2\x1c\2\x11" + bytes(20),
        of_2(1, 3, ENDS, 16) + SIP,
        of_2(1, 2, ENDS, 16, protocol=1) + SIP,
        of_2(1, 2, ENDS, 99) + SIP,
        of_2(1, 2, ENDS, 16),
    ],
)
def test_other_payloads_are_no_hep(data: bytes) -> None:
    assert hep(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"HEP3",
        of_3(*HEAD),
        of_3(*HEAD, chunk(15, b"")),
        of_3(*HEAD, chunk(16, b"no zlib")),
        of_3(*HEAD[:3], chunk(15, SIP)),
        of_3(chunk(3, ENDS[:4]), *HEAD_6, chunk(15, SIP)),
        of_3(*HEAD, chunk(15, SIP))[:-9],
        of_3(*HEAD, struct.pack("!HHH", 0, 15, 5)),
    ],
)
def test_hep_that_cannot_be_read(data: bytes) -> None:
    with pytest.raises(Unreadable, match="HEP"):
        hep(data)


def test_an_unpacked_payload_fits_into_a_datagram() -> None:
    found = hep(of_3(*HEAD, chunk(16, zlib.compress(bytes(10_000_000)))))
    assert found is not None
    assert len(found.payload) == LONGEST
