"""media.capture.reassembly: bytes in any order, with overlaps, come out once and in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from media.capture.reassembly import Pieces

TEXT = bytes(range(200))


def test_in_any_order() -> None:
    pieces = Pieces()
    assert not pieces
    assert pieces.add(4, b"ef")
    assert pieces.add(0, b"ab")
    assert (pieces.first, pieces.end, pieces.length) == (0, 6, 4)
    assert pieces.take(0) == b"ab"
    assert pieces.add(2, b"cd")
    assert pieces.take(2) == b"cdef"
    assert not pieces
    assert (pieces.length, pieces.memory) == (0, 0)


def test_the_first_bytes_stay_and_a_contradiction_is_reported() -> None:
    pieces = Pieces()
    assert pieces.add(2, b"cd")
    assert not pieces.add(0, b"abXXef")
    assert pieces.length == 6
    assert pieces.take(0) == b"abcdef"


def test_bytes_before_an_offset_are_removed() -> None:
    pieces = Pieces()
    pieces.add(0, b"abc")
    pieces.add(5, b"fg")
    assert pieces.take(2) == b"c"
    assert pieces.take(6) == b"g"
    assert not pieces


def test_small_pieces_cost_more_than_their_bytes() -> None:
    pieces = Pieces()
    for offset in range(0, 100, 2):
        pieces.add(offset, b"x")
    assert pieces.length == 50
    assert pieces.memory > 50 * 50


@given(st.lists(st.tuples(st.integers(0, 199), st.integers(1, 60)), max_size=40))
@settings(max_examples=150, deadline=None)
def test_like_a_set_of_bytes(parts: list[tuple[int, int]]) -> None:
    pieces, held = Pieces(), set()
    for start, length in parts:
        data = TEXT[start : start + length]
        assert pieces.add(start, data)
        held |= set(range(start, start + len(data)))
        assert pieces.length == len(held)
    at = 0
    while pieces:
        at = pieces.first
        data = pieces.take(at)
        assert data
        assert data == TEXT[at : at + len(data)]
        held -= set(range(at, at + len(data)))
        assert at + len(data) not in held
    assert not held
