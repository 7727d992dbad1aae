"""media.rtp.redundancy: the blocks of RFC 2198, and headers that lie."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.redundancy import Block, is_redundancy, redundant


def head(payload_type: int, offset: int, length: int) -> bytes:
    return struct.pack(">I", 0x80000000 | payload_type << 24 | offset << 10 | length)


def test_the_primary_encoding_alone() -> None:
    assert redundant(b"\x08audio") == (Block(8, 0, b"audio"),)


def test_two_earlier_blocks() -> None:
    payload = head(101, 16_383, 4) + head(8, 160, 3) + b"\x65" + b"evntabcnow"
    assert redundant(payload) == (Block(101, 16_383, b"evnt"), Block(8, 160, b"abc"), Block(101, 0, b"now"))


@pytest.mark.parametrize("payload", [b"", b"\x80", head(8, 0, 9), head(8, 0, 9) + b"\x08short"])
def test_headers_that_lie(payload: bytes) -> None:
    assert redundant(payload) == ()


@given(st.binary(max_size=100))
def test_any_bytes(payload: bytes) -> None:
    assert sum(len(block.payload) for block in redundant(payload)) <= len(payload)


def test_its_name() -> None:
    assert is_redundancy("RED")
    assert not is_redundancy("PCMA")
