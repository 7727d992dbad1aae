"""media.capture.turn: datagrams in channels and in indications, with and without a binding in the capture."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.capture.reader import Address, Capture
from tests.support.tunnels import (
    CLIENT,
    MEDIA,
    PEER,
    PEER_6,
    SERVER,
    attribute,
    bind,
    channel_data,
    masked,
    stun,
)
from tests.support.wire import AT, A, B, ip4, pcap, udp, written


def up(payload: bytes) -> bytes:
    return ip4(udp(payload, 4000, 3478))


def down(payload: bytes) -> bytes:
    return ip4(udp(payload, 3478, 4000), source=B, target=A)


def found(folder: Path, *packets: bytes) -> list[tuple[Address, Address, bytes]]:
    return [(one.source, one.target, one.payload) for one in Capture(written(folder, pcap(packets, 101)))]


@pytest.mark.parametrize("peer", [PEER, PEER_6])
def test_a_channel_has_the_ends_of_the_client_and_the_peer(tmp_path: Path, peer: Address) -> None:
    packets = up(bind(peer)), up(channel_data(MEDIA)), down(channel_data(MEDIA, padding=3))
    assert found(tmp_path, *packets)[1:] == [(CLIENT, peer, MEDIA), (peer, CLIENT, MEDIA)]


def test_a_channel_whose_binding_was_not_captured_has_the_ends_of_its_packets(tmp_path: Path) -> None:
    packets = up(channel_data(MEDIA)), down(channel_data(MEDIA, 0x4FFF))
    assert found(tmp_path, *packets) == [(CLIENT, SERVER, MEDIA), (SERVER, CLIENT, MEDIA)]


@pytest.mark.parametrize("peer", [PEER, PEER_6])
def test_indications(tmp_path: Path, peer: Address) -> None:
    send = stun(0x16, attribute(18, masked(peer)), attribute(0x1A, b""), attribute(0x13, MEDIA))
    data = stun(0x17, attribute(0x13, MEDIA), attribute(18, masked(peer)))
    assert found(tmp_path, up(send), down(data)) == [(CLIENT, peer, MEDIA), (peer, CLIENT, MEDIA)]


@pytest.mark.parametrize(
    "payload",
    [
        stun(1),
        stun(0x101, attribute(0x20, masked(PEER))),
        stun(0x16, attribute(18, masked(PEER))),
        stun(0x16, attribute(0x13, MEDIA))[:-9],
        channel_data(MEDIA)[:-1],
        channel_data(MEDIA, padding=4),
        channel_data(b""),
        b"INVITE sip:bob@example SIP/2.0\r\n",
        b"ACK sip:bob@example SIP/2.0\r\n",
        b"\x40",
        b"\0",
    ],
)
def test_other_datagrams_are_not_unpacked(tmp_path: Path, payload: bytes) -> None:
    assert found(tmp_path, up(payload)) == [(CLIENT, SERVER, payload)]


def test_a_channel_in_a_short_snapshot(tmp_path: Path) -> None:
    (packet,) = Capture(written(tmp_path, pcap([up(channel_data(MEDIA))[:-4]], 101)))
    assert (packet.at, packet.payload, packet.cut) == (AT, MEDIA[:-4], 4)
