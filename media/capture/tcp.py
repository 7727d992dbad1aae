"""TCP stream reassembly (RFC 9293), each direction separately.

A capture may begin in the middle of a connection, and lack segments that the peer received. So the module
waits for a hole to be filled as long as its bytes may still arrive, and then skips the hole.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from media.capture.frames import Unreadable
from media.capture.ip import CUT
from media.capture.reassembly import Pieces

__all__ = ["BREAK", "Streams", "opposite"]

SYN, ACK = 0x02, 0x10
MODULUS = 1 << 32
WINDOW = 16 << 20
"""A sequence number that is farther from the expected one than any window belongs to another connection."""
PATIENCE_S = 30.0
"""Seconds to wait for a hole: some retransmissions."""
ACKNOWLEDGED_S = 1.0
"""Seconds to wait after the peer has acknowledged the bytes; captures may reorder the two directions."""
MOST_STREAMS, MOST_OF_A_STREAM, MOST_MEMORY = 4096, 1 << 20, 16 << 20

NO_DATA = "TCP without data"
REPEATED = "TCP data repeated"
MALFORMED = "malformed TCP header"
CROWDED_OUT = "TCP data out of order beyond what is buffered"

BREAK = b""
"""In place of data: bytes are missing here, or a new connection begins."""

Data = tuple[bytes, bytes]
"""A direction (addresses and ports as on the wire), and its next bytes or BREAK."""


@dataclass(slots=True)
class Direction:
    """The data of one side; positions count bytes from ``first``, a known sequence number."""

    first: int
    position: int = 0
    pieces: Pieces = field(default_factory=Pieces)
    hole_since: float = 0.0

    def distance(self, sequence: int) -> int:
        """Signed distance from the next expected byte."""
        ahead = (sequence - self.first - self.position) % MODULUS
        return ahead if ahead < MODULUS // 2 else ahead - MODULUS

    def next_bytes(self) -> bytes:
        """The stored bytes that are expected next."""
        data = self.pieces.take(self.position)
        self.position += len(data)
        return data

    def beyond_the_hole(self) -> bytes:
        """The stored bytes after the first hole."""
        self.position = self.pieces.first
        return self.next_bytes()


class Streams:
    """All connections of a capture, in bounded memory; the least recently used ones are dropped."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._directions: OrderedDict[bytes, Direction] = OrderedDict()
        self._waiting: dict[bytes, Direction] = {}
        self._memory = 0
        self.gaps = 0
        """Places where bytes are missing."""

    def add(self, addresses: bytes, segment: bytes, at: float, cut: int = 0) -> Iterator[Data]:
        """The bytes of this direction or its opposite that are now in order. Raises Unreadable.

        ``addresses`` are source and target in binary form, ``at`` is in seconds. ``cut`` is the number of
        bytes at the end of the segment that were not captured.
        """
        if len(segment) < 20:
            raise Unreadable(CUT if cut else MALFORMED)
        sequence, acknowledged, header, flags = struct.unpack_from("!IIBB", segment, 4)
        header = (header >> 4) * 4
        if not 20 <= header <= len(segment):
            raise Unreadable(CUT if cut and header > 20 else MALFORMED)
        key = addresses + segment[:4]
        if self._waiting and flags & ACK:
            yield from self._acknowledge(opposite(key), acknowledged, at)
        data = segment[header:]
        direction = self._directions.get(key)
        if flags & SYN:
            sequence = (sequence + 1) % MODULUS
            if direction is None or direction.first != sequence:
                yield from self._begin(key, sequence)
                direction = self._directions[key]
        if not data:
            raise Unreadable(NO_DATA)
        if direction is None or abs(direction.distance(sequence)) > WINDOW:
            yield from self._begin(key, sequence)
        yield from self._data(key, sequence, data, at)
        direction = self._directions[key]
        if cut and not direction.pieces and direction.distance(sequence) == -len(data):
            direction.position += cut
            self.gaps += 1
            yield key, BREAK

    def close(self) -> Iterator[Data]:
        """The data that still waits for a hole to be filled."""
        for key in list(self._waiting):
            yield from self._flush(key)

    def _begin(self, key: bytes, sequence: int) -> Iterator[Data]:
        """Start a connection: the first of these addresses and ports, or a later one."""
        before = self._directions.get(key)
        yield from self._flush(key)
        if before is not None and before.position:
            yield key, BREAK
        self._directions[key] = Direction(sequence)
        while len(self._directions) > MOST_STREAMS:
            yield from self._flush(next(iter(self._directions)))
            self._directions.popitem(last=False)

    def _data(self, key: bytes, sequence: int, data: bytes, at: float) -> Iterator[Data]:
        direction = self._directions[key]
        self._directions.move_to_end(key)
        start = direction.position + direction.distance(sequence)
        if start + len(data) <= direction.position:
            raise Unreadable(REPEATED)
        if not direction.pieces and start <= direction.position:
            data = data[direction.position - start :]
            direction.position += len(data)
            yield key, data
            return
        if not direction.pieces:
            direction.hole_since = at
        self._memory -= direction.pieces.memory
        direction.pieces.add(start, data)
        ordered = direction.next_bytes()
        self._waiting[key] = direction
        self._settle(key)
        if ordered:
            direction.hole_since = at
            yield key, ordered
        if direction.pieces.memory > MOST_OF_A_STREAM or self._memory > MOST_MEMORY:
            self._skipped[CROWDED_OUT] += 1
            yield from self._flush(key)
        elif direction.pieces and at - direction.hole_since > PATIENCE_S:
            yield from self._pass_over(key)

    def _acknowledge(self, key: bytes, acknowledged: int, at: float) -> Iterator[Data]:
        direction = self._waiting.get(key)
        if direction is None or at - direction.hole_since <= ACKNOWLEDGED_S:
            return
        received = direction.position + direction.distance(acknowledged)
        while direction.pieces and received >= direction.pieces.first:
            yield from self._pass_over(key)

    def _flush(self, key: bytes) -> Iterator[Data]:
        direction = self._waiting.get(key)
        while direction is not None and direction.pieces:
            yield from self._pass_over(key)

    def _pass_over(self, key: bytes) -> Iterator[Data]:
        """Skip the first hole of a direction that has one."""
        direction = self._waiting[key]
        self._memory -= direction.pieces.memory
        data = direction.beyond_the_hole()
        self._settle(key)
        self.gaps += 1
        yield key, BREAK
        yield key, data

    def _settle(self, key: bytes) -> None:
        """Update the count of the buffered bytes."""
        pieces = self._waiting[key].pieces
        self._memory += pieces.memory
        if not pieces:
            del self._waiting[key]


def opposite(key: bytes) -> bytes:
    """The key of the other direction."""
    length = len(key) // 2 - 2
    source, target, ports = key[:length], key[length : 2 * length], key[2 * length :]
    return target + source + ports[2:] + ports[:2]
