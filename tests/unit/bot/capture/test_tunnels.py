"""Calls in tunnels and in short snapshots, from captures that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.capture.analysis import analyse
from bot.capture.decrypt import decrypt
from media.rtp.packet import parse_rtp
from tests.support.scene import ALICE, BOB, Scene, inline, key_of, sdp
from tests.support.wire import ethernet, ip4, pcap, written

CAPTURES = Path(__file__).parents[3] / "data" / "captures"
SUITE = "AES_CM_128_HMAC_SHA1_80"


@pytest.mark.parametrize("name", ["ipip", "vxlan", "hep3"])
def test_a_call_in_a_tunnel(name: str) -> None:
    found = analyse(CAPTURES / f"{name}.pcap")
    assert [(one.caller, one.callee) for one in found.calls] == [
        ("sip:alice@example.org", "sip:bob@example.org")
    ]
    streams = [(one.source, one.target, one.packets, one.lost, one.codec) for one in found.streams]
    assert streams == [
        ("10.0.0.1:4000", "10.0.0.2:6000", 20, 0, "PCMA"),
        ("10.0.0.2:6000", "10.0.0.1:4000", 20, 0, "PCMA"),
    ]
    assert [stream.jitter_ms_max for stream in found.streams] == pytest.approx([0, 0], abs=0.1)
    assert {stream.call_id for stream in found.streams} == {"call-1@test"}
    assert found.notes == ()


def test_a_short_snapshot() -> None:
    found = analyse(CAPTURES / "snaplen96.pcap")
    (stream,) = found.streams
    assert (stream.packets, stream.lost, stream.cut, stream.codec) == (50, 0, 50, "PCMA")
    assert stream.protection is None
    (note,) = found.notes
    assert note.startswith(
        "50 datagrams are cut short by the snapshot length of the capture: their audio cannot"
    )


def test_a_short_snapshot_has_no_audio(tmp_path: Path) -> None:
    done = decrypt(CAPTURES / "snaplen96.pcap", tmp_path / "out")
    assert (done.packets, done.recordings) == (0, ())


def snapped(scene: Scene, folder: Path, length: int) -> Path:
    """The scene in Ethernet frames of which no more than ``length`` bytes are kept."""
    whole = scene.write(folder / "whole.pcap").read_bytes()
    place, out = 24, [whole[:20] + (1).to_bytes(4, "little")]
    while place < len(whole):
        size = int.from_bytes(whole[place + 8 : place + 12], "little")
        frame = ethernet(whole[place + 16 : place + 16 + size])[:length]
        sizes = len(frame).to_bytes(4, "little") + (size + 14).to_bytes(4, "little")
        out.append(whole[place : place + 8] + sizes + frame)
        place += 16 + size
    return written(folder, b"".join(out))


def call(scene: Scene) -> Scene:
    """A call whose media is protected as was agreed."""
    offer, answer = (f"1 {SUITE} {inline(SUITE, seed)}" for seed in (1, 2))
    scene.call(sdp(ALICE, offer), sdp(BOB, answer))
    scene.talk(ALICE.media, BOB.media, key_of(SUITE, 1), ssrc=1, count=20)
    return scene


@pytest.mark.parametrize("length", [60, 100])
def test_srtp_in_a_short_snapshot_is_counted_and_not_believed(tmp_path: Path, length: int) -> None:
    (stream,) = analyse(snapped(call(Scene()), tmp_path, length)).streams
    assert (stream.packets, stream.lost, stream.cut) == (20, 0, 20)
    assert stream.protection is None


def test_srtp_that_cannot_be_authenticated_is_no_pass(tmp_path: Path) -> None:
    scene = Scene()
    offer, answer = (f"1 {SUITE} {inline(SUITE, seed)}" for seed in (1, 2))
    scene.call(sdp(ALICE, offer), sdp(BOB, answer))
    scene.talk(ALICE.media, BOB.media, key_of(SUITE, 1), ssrc=1, count=20, payload=bytes(900))
    (stream,) = analyse(snapped(scene, tmp_path, 800)).streams
    assert stream.protection is not None
    assert (stream.protection.authenticated, stream.protection.failed, stream.protection.cut) == (0, 0, 20)
    assert not stream.protection.intact
    assert stream.protection.problems == (
        "20 packets cut short by the snapshot length: they cannot be authenticated",
    )


def test_a_port_is_not_read_from_half_a_line(tmp_path: Path) -> None:
    scene = Scene()
    text = scene.message(
        "INVITE sip:bob@example SIP/2.0", ALICE, BOB, sdp(ALICE, profile="RTP/AVP"), tags=("a", "")
    )
    place = text.index("m=audio 4000") + len("m=audio 40")
    scene.talk(BOB.media, ALICE.media, None, ssrc=1, count=3)
    scene.talk(BOB.media, ALICE.media._replace(port=40), None, ssrc=2, count=3)
    found = analyse(snapped(scene, tmp_path, 14 + 28 + place))
    assert [one.caller for one in found.calls] == ["sip:alice@example"]
    assert [stream.call_id for stream in found.streams] == [None, None]


def test_a_header_extension_that_is_cut_is_no_reason_to_forget_the_packet() -> None:
    whole = b"\x90\x08\0\1" + bytes(7) + b"\1" + b"\xbe\xde\0\4" + bytes(16) + b"audio"
    for length in range(12, 32):
        packet = parse_rtp(whole[:length], len(whole) - length)
        assert packet is not None
        assert (packet.sequence, packet.payload) == (1, b"")
    assert parse_rtp(whole[:16], 3) is None


def test_padding_that_was_not_captured_is_not_counted() -> None:
    packet = parse_rtp(b"\xa0\x08\0\1" + bytes(8) + b"\1\1\1\1", 10)
    assert packet is not None
    assert (packet.payload, packet.padding) == (b"\1\1\1\1", 0)


def test_a_tunnel_that_is_not_unwrapped_is_noted(tmp_path: Path) -> None:
    path = written(tmp_path, pcap([ip4(bytes(60), 50)] * 7, 101))
    found = analyse(path)
    assert found.streams == ()
    assert found.notes == ("7 frames were left out: ESP (IPsec): what it encrypts cannot be read",)
