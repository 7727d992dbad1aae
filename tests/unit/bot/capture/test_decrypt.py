"""A capture in the clear, and apart: the files, their names, what they hold, and the digits."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bot.capture import decrypt as decrypt_module
from bot.capture import split as split_module
from bot.capture.analysis import BATCH
from bot.capture.decrypt import decrypt
from bot.capture.split import split
from bot.errors import ConfigError
from media.capture.reader import Capture, CaptureError
from media.rtp.codecs import decoder
from media.rtp.packet import parse_rtp
from media.rtp.srtp import SUITES, SrtpContext
from tests.support.scene import ALICE, BOB, SUITE, Scene, inline, key_of, rtp, sdp

A, B = 0xA, 0xB


def a_call(suite: str = SUITE, count: int = 50) -> Scene:
    scene = Scene()
    scene.call(sdp(ALICE, f"1 {suite} {inline(suite, 1)}"), sdp(BOB, f"1 {suite} {inline(suite, 2)}"))
    scene.talk(ALICE.media, BOB.media, key_of(suite, 1), ssrc=A, count=count)
    scene.talk(BOB.media, ALICE.media, key_of(suite, 2), ssrc=B, count=count)
    return scene


def digit(scene: Scene, context: SrtpContext, first: int, code: int) -> None:
    """A telephone-event of 100 ms, with its end three times."""
    for number, duration in enumerate((160, 320, 480, 640, 800, 800, 800)):
        payload = struct.pack(">BBH", code, 0x8A if number > 3 else 0x0A, duration)
        packet = rtp(first + number, first * 160, A, payload, payload_type=101, marker=not number)
        scene.packet(ALICE.media, BOB.media, context.protect(packet))
        scene.now += 0.02


@pytest.mark.parametrize("suite", SUITES)
def test_the_audio_is_what_was_sent(suite: str, tmp_path: Path) -> None:
    path = a_call(suite).write(tmp_path / "x.pcap")
    result = decrypt(path, tmp_path / "out")

    files = sorted(one.name for one in (tmp_path / "out").iterdir())
    assert files == ["one@example-0000000A.wav", "one@example-0000000B.wav", "one@example.wav", "rtp.pcap"]
    assert result.packets == 100
    plain = [parse_rtp(one.payload) for one in Capture(tmp_path / "out" / "rtp.pcap")]
    assert [one and one.payload for one in plain] == 2 * [bytes([n]) * 160 for n in range(1, 51)]
    samples, rate = soundfile.read(tmp_path / "out" / "one@example-0000000A.wav", dtype="int16")
    wanted = decoder("PCMU", 8000).decode(b"".join(bytes([n]) * 160 for n in range(1, 51)))
    assert rate == 8000
    assert np.array_equal(samples, wanted)
    assert [recording.duration_s for recording in result.recordings] == [1.0, 1.0]
    assert result.notes == ()

    both, _ = soundfile.read(tmp_path / "out" / "one@example.wav", dtype="int16")
    assert result.stereo == ("one@example.wav",)
    assert np.array_equal(both[:8000, 0], wanted)  # the caller on the left, and first
    assert np.array_equal(both[-8000:, 1], wanted)
    assert len(both) == 16000


def test_digits(tmp_path: Path) -> None:
    scene = a_call()
    began = scene.now
    context = scene.contexts[key_of(SUITE, 1)]
    digit(scene, context, 60, 4)
    digit(scene, context, 80, 11)
    result = decrypt(scene.write(tmp_path / "x.pcap"), tmp_path / "out")
    assert "".join(one.digit for one in result.digits) == "4#"
    assert [one.duration_ms for one in result.digits] == [100, 100]
    assert result.digits[0].at == pytest.approx(began - 0.02, abs=0.03)
    assert (result.digits[0].call_id, result.digits[0].ssrc) == ("one@example", A)
    (stream,) = [one for one in result.analysis.streams if one.ssrc == A]
    assert (stream.codec, stream.payload_types) == ("PCMU", (0, 101))


def test_digits_that_no_description_announces(tmp_path: Path) -> None:
    scene = Scene()
    scene.talk(ALICE.media, BOB.media, key_of(SUITE, 1), ssrc=A)
    digit(scene, scene.contexts[key_of(SUITE, 1)], 60, 7)
    path = scene.write(tmp_path / "x.pcap")
    result = decrypt(path, tmp_path / "out", keys=[key_of(SUITE, 1)])
    assert [one.digit for one in result.digits] == ["7"]
    assert [recording.problems for recording in result.recordings] == [()]
    closed = decrypt(path, tmp_path / "closed")
    assert (closed.packets, closed.digits, closed.recordings) == (0, (), ())


def test_what_is_not_opened_is_not_written(tmp_path: Path) -> None:
    scene = a_call()
    scene.talk(BOB.media, ALICE.media, key_of(SUITE, 9), ssrc=0xC)
    result = decrypt(scene.write(tmp_path / "x.pcap"), tmp_path / "out")
    assert result.packets == 100
    assert not (tmp_path / "out" / "one@example-0000000C.wav").exists()


def test_rtcp_is_in_the_plain_capture(tmp_path: Path) -> None:
    report = bytes.fromhex("80c900010000000a")
    scene = a_call()
    scene.packet(ALICE.rtcp, BOB.rtcp, SrtpContext(key_of(SUITE, 1)).protect_rtcp(report))
    decrypt(scene.write(tmp_path / "x.pcap"), tmp_path / "out")
    last = list(Capture(tmp_path / "out" / "rtp.pcap"))[-1]
    assert (last.source, last.target, last.payload) == (ALICE.rtcp, BOB.rtcp, report)


def test_the_plain_capture_has_the_order_of_the_other(tmp_path: Path) -> None:
    """RTP of both sides and RTCP in turn; more of them than are taken together, and no multiple of that."""
    hers, his = (SrtpContext(key_of(SUITE, seed)) for seed in (1, 2))
    report = bytes.fromhex("80c900010000000a")
    scene = a_call(count=1)
    sent = [one.payload for one in Capture(decrypted(scene, tmp_path / "before"))]
    for number in range(2, 2 + BATCH):
        for packet, context in ((rtp(number, number * 160, A), hers), (rtp(number, number * 160, B), his)):
            ends = (ALICE, BOB) if context is hers else (BOB, ALICE)
            scene.packet(ends[0].media, ends[1].media, context.protect(packet))
            sent.append(packet)
        scene.packet(ALICE.rtcp, BOB.rtcp, hers.protect_rtcp(report))
        sent.append(report)
        scene.now += 0.02

    assert [one.payload for one in Capture(decrypted(scene, tmp_path / "after"))] == sent


def decrypted(scene: Scene, folder: Path) -> Path:
    """The plain capture of what was sent."""
    folder.mkdir()
    decrypt(scene.write(folder / "x.pcap"), folder / "out")
    return folder / "out" / "rtp.pcap"


def test_a_payload_type_that_nobody_described(tmp_path: Path) -> None:
    scene = Scene()
    for number in range(5):
        scene.packet(ALICE.media, BOB.media, rtp(number, 0, A, b"x" * 3, payload_type=120))
    result = decrypt(scene.write(tmp_path / "x.pcap"), tmp_path / "out")
    assert result.recordings == ()
    (note,) = result.notes
    assert "payload type 120" in note


def test_a_call_id_is_no_path(tmp_path: Path) -> None:
    scene = Scene("../../etc/passwd\x07 ü")
    scene.call(sdp(ALICE, profile="RTP/AVP"), sdp(BOB, profile="RTP/AVP"))
    scene.talk(ALICE.media, BOB.media, None, ssrc=A)
    result = decrypt(scene.write(tmp_path / "x.pcap"), tmp_path / "out")
    (recording,) = result.recordings
    assert recording.file == "_.._etc_passwd_-0000000A.wav"
    assert (tmp_path / "out" / recording.file).exists()


def test_more_streams_than_files_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decrypt_module, "MOST_OPEN", 2)
    scene = Scene()
    for ssrc in range(4):
        scene.talk(ALICE.media, BOB.media, None, ssrc=ssrc, count=5)
        scene.now += 60
    result = decrypt(scene.write(tmp_path / "x.pcap"), tmp_path / "one")
    assert [recording.duration_s for recording in result.recordings] == [0.1] * 4

    for ssrc in range(10, 13):
        scene.talk(ALICE.media, BOB.media, None, ssrc=ssrc, count=5)
    crowded = decrypt(scene.write(tmp_path / "y.pcap"), tmp_path / "two")
    assert len(crowded.recordings) == 6
    assert crowded.notes == ("no audio was written of 5 packets: more than 2 streams at the same time",)


def test_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_module, "MOST_BUFFERED", 4096)  # as with a long capture
    scene = a_call()
    scene.talk(ALICE.media, BOB.media, None, ssrc=B, count=3)  # the same SSRC the other way
    scene.packet(
        BOB.rtcp, ALICE.rtcp, SrtpContext(key_of(SUITE, 2)).protect_rtcp(bytes.fromhex("80c900010000000b"))
    )
    path = scene.write(tmp_path / "x.pcap")
    result = split(path, tmp_path / "out")
    written = {one.name: [each.payload for each in Capture(one)] for one in (tmp_path / "out").iterdir()}
    rtp_of = [payload for *_, payload in scene.sent[3:]]
    assert written == {
        "0000000A.pcap": rtp_of[:50],
        "0000000B.pcap": [*rtp_of[50:100], rtp_of[-1]],
        "0000000B-2.pcap": rtp_of[100:103],
    }
    assert [(part.file, part.packets) for part in result.parts] == [
        ("0000000A.pcap", 50),
        ("0000000B.pcap", 51),
        ("0000000B-2.pcap", 3),
    ]
    assert result.parts[2].stream.source == str(ALICE.media)
    times = [one.at for one in Capture(tmp_path / "out" / "0000000A.pcap")]
    assert times == pytest.approx([at for at, *_ in scene.sent[3:53]], abs=1e-5)


def test_nothing_of_a_folder_is_overwritten(tmp_path: Path) -> None:
    path = a_call(count=3).write(tmp_path / "x.pcap")
    folder = tmp_path / "out"
    folder.mkdir()
    decrypt(path, folder)  # an empty one will do
    before = {one: one.stat().st_mtime_ns for one in folder.iterdir()}
    for command in (decrypt, split):
        with pytest.raises(ConfigError, match="has files in it"):
            command(path, folder)
        with pytest.raises(ConfigError, match="is a file"):
            command(path, path)
    assert {one: one.stat().st_mtime_ns for one in folder.iterdir()} == before


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no capture")
    empty = Scene()
    empty.packet(ALICE.sip, BOB.sip, b"hello")
    for path, error in ((tmp_path / "text", CaptureError), (empty.write(tmp_path / "x.pcap"), ConfigError)):
        with pytest.raises(error):
            split(path, tmp_path / "out")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["text", "x.pcap"]
