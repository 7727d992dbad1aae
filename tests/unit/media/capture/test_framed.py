"""media.capture.framed: HEP and TURN over TCP, cut into segments anywhere, and what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.capture.framed import Framed
from media.capture.reader import Address, Capture
from media.capture.tcp import BREAK
from tests.support.tunnels import (
    ENDS,
    HEAD,
    MEDIA,
    PEER,
    SIP,
    attribute,
    bind,
    channel_data,
    chunk,
    masked,
    of_3,
    stun,
)
from tests.support.wire import A, B, ip4, pcap, tcp, written

CLIENT, SERVER = Address(A, 4001), Address(B, 5061)
MIRRORED = of_3(*HEAD, chunk(15, SIP))


def found(folder: Path, *segments: bytes) -> list[tuple[Address, Address, str, bytes]]:
    at, frames = 10, []
    for segment in segments:
        frames.append(ip4(tcp(segment, at), 6))
        at += len(segment)
    capture = Capture(written(folder, pcap(frames, 101)))
    return [(one.source, one.target, one.protocol, one.payload) for one in capture]


@pytest.mark.parametrize("step", [9, 50, 10_000])
def test_hep_over_tcp(step: int, tmp_path: Path) -> None:
    content = MIRRORED * 3
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    assert len(ENDS) == 12
    assert found(tmp_path, *pieces) == [(Address(A, 5060), Address(B, 5070), "udp", SIP)] * 3


@pytest.mark.parametrize("step", [9, 50, 10_000])
def test_turn_over_tcp(step: int, tmp_path: Path) -> None:
    send = stun(0x16, attribute(18, masked(PEER)), attribute(0x13, MEDIA))
    padding = -len(MEDIA) % 4
    content = bind(PEER) + channel_data(MEDIA, padding=padding) * 2 + send
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    assert found(tmp_path, *pieces)[1:] == [(CLIENT, PEER, "udp", MEDIA)] * 3


def test_anything_else_stays_tcp(tmp_path: Path) -> None:
    assert found(tmp_path, SIP, MIRRORED[:3]) == [
        (CLIENT, SERVER, "tcp", SIP),
        (CLIENT, SERVER, "tcp", MIRRORED[:3]),
    ]


def test_after_missing_bytes_it_begins_again() -> None:
    framed = Framed()
    assert framed.feed(b"a", MIRRORED[:50]) == []
    assert framed.feed(b"a", BREAK) is None
    assert framed.feed(b"a", MIRRORED) == [MIRRORED]


def test_hep_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    capture = Capture(written(tmp_path, pcap([ip4(tcp(of_3(*HEAD), 10), 6)], 101)))
    assert list(capture) == []
    assert capture.skipped == {"HEP without a payload": 1}


@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([MIRRORED, bind(PEER), b"HEP3\0\0\0\0", BREAK]))
    )
)
def test_any_bytes(pieces: list[bytes]) -> None:
    framed = Framed()
    for piece in pieces:
        framed.feed(b"a", piece)
