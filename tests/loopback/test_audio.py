"""Playback and recording: times, file formats, complete recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bot import CallFailed, ConfigError, ExpectationFailed, WaitTimeout, expect
from media.audio import wav
from media.compare.compare import Options, compare
from media.signals.tones import tone
from tests.support.starting import STARVED_MS, NewEndpoint, connect, until

LENIENT = Options(max_missing_ms=STARVED_MS)
FORMATS = {
    "16-bit mono 8 kHz": (8000, 1, "wav", "PCM_16"),
    "stereo 48 kHz": (48000, 2, "wav", "PCM_16"),
    "8-bit": (8000, 1, "wav", "PCM_U8"),
    "24-bit 44.1 kHz": (44100, 1, "wav", "PCM_24"),
    "float": (16000, 1, "wav", "FLOAT"),
    "A-law": (8000, 1, "wav", "ALAW"),
    "FLAC": (16000, 1, "flac", "PCM_16"),
    "Ogg": (16000, 1, "ogg", "VORBIS"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_any_format_is_played(kind: str, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    rate, channels, suffix, subtype = FORMATS[kind]
    samples = wav.resample(wav.read(speech), rate).samples
    source = tmp_path / f"source.{suffix}"
    soundfile.write(source, np.stack([samples] * channels, axis=1), rate, subtype=subtype)
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(source).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    assert answered.facts.comparison is not None
    assert answered.facts.comparison.level_db == pytest.approx(0, abs=1)
    assert soundfile.info(recording.path).channels == 1


def test_looped_playback_goes_on_until_it_is_stopped(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    audio = wav.read(speech)
    short = wav.Audio(audio.samples[audio.rate // 2 : audio.rate], audio.rate)
    wav.write(tmp_path / "short.wav", short)
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    with answered.record(tmp_path / "heard.wav") as recording:
        playback = outgoing.play(tmp_path / "short.wav", loop=True)
        with pytest.raises(WaitTimeout, match="still playing"):
            playback.wait(timeout=2.5)
        playback.stop()
    received = wav.read(recording.path)
    late = compare(short, wav.Audio(received.samples[received.rate :], received.rate), options=LENIENT)
    assert late.matched, late.reasons
    with pytest.raises(CallFailed, match="cut short"):
        playback.wait()


def test_playback_that_is_not_looped_ends_by_itself(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    with answered.record(tmp_path / "heard.wav") as recording:
        assert outgoing.play(speech).wait(timeout=5).complete
        with pytest.raises(WaitTimeout):
            outgoing.play(speech, loop=True).wait(timeout=0.01)
    assert recording.complete


def test_two_playbacks_are_mixed(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    for hertz in (500, 1300):
        wav.write(tmp_path / f"{hertz}.wav", tone([hertz], 1.0, 8000, level_dbfs=-15))
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    with answered.record(tmp_path / "heard.wav") as recording:
        playing = [outgoing.play(tmp_path / f"{hertz}.wav") for hertz in (500, 1300)]
        for one in playing:
            one.wait()
    received = wav.read(recording.path)
    power = np.abs(np.fft.rfft(received.samples)) ** 2
    hertz_of = np.fft.rfftfreq(len(received.samples), 1 / received.rate)
    shares = [power[np.abs(hertz_of - one) < 25].sum() / power.sum() for one in (500, 1300)]
    assert all(share > 0.4 for share in shares), shares


def test_play_and_record_before_the_media_is_active(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    playback = outgoing.play(speech)
    recording = incoming.value.record(tmp_path / "heard.wav")
    incoming.value.ring().answer(after=0.4)
    playback.wait()
    recording.stop()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


def test_recording_is_whole_when_the_call_ends(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    near, far = answered.record(tmp_path / "near.wav"), answered.record(tmp_path / "far.wav")
    back = outgoing.record(tmp_path / "new" / "folder" / "back.wav")
    outgoing.play(speech).wait()
    outgoing.hangup()
    for recording in (near, far, back):
        recording.wait(timeout=3)
        assert soundfile.info(recording.path).duration > 1.9
    expect(near).to_match(speech, max_missing_ms=STARVED_MS)
    expect(far).to_match(speech, max_missing_ms=STARVED_MS)
    with pytest.raises(ExpectationFailed, match="silent"):
        expect(back).to_match(speech)


def test_recording_is_whole_when_the_endpoint_closes(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    callee = new_endpoint()
    outgoing, answered = connect(new_endpoint(), callee)
    recording = answered.record(tmp_path / "heard.wav")
    outgoing.play(speech).wait()
    callee.close()
    assert recording.complete
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)


def test_recording_of_a_call_that_was_never_answered_is_a_failure(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    recording = outgoing.record(tmp_path / "nothing.wav")
    incoming.value.answer(486)
    with pytest.raises(ExpectationFailed, match="no audio"):
        expect(recording).to_match(speech)


def test_playback_is_cut_short_by_the_end_of_the_call(new_endpoint: NewEndpoint, speech: Path) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    playback = outgoing.play(speech)
    answered.hangup()
    with pytest.raises(CallFailed, match="cut short"):
        playback.wait(timeout=1)
    with pytest.raises(CallFailed):
        outgoing.play(speech)


def test_loopback_returns_what_was_said(new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())
    answered.loopback()
    with outgoing.record(tmp_path / "echo.wav") as recording:
        outgoing.play(speech).wait()
        sent = outgoing.facts.stats(0)
        expect(outgoing).to_have_received_packets(at_least=(sent.rx.packets if sent else 0) + 125)
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    answered.loopback(False)
    with outgoing.record(tmp_path / "quiet.wav") as quiet:
        outgoing.play(speech).wait()
    with pytest.raises(ExpectationFailed):
        expect(quiet).to_match(speech)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), (b"", "is empty"), (b"this is no audio at all" * 40, "is not audio")],
    ids=["missing", "empty", "text"],
)
def test_what_cannot_be_played_is_refused(
    content: bytes | None, words: str, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    outgoing, _ = connect(new_endpoint(), new_endpoint())
    source = tmp_path / "source.wav"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        outgoing.play(source)
    until(outgoing, lambda: outgoing.media[0].active)


def test_what_cannot_be_recorded_to_is_refused(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    outgoing, _ = connect(new_endpoint(), new_endpoint())
    (tmp_path / "file").write_text("")
    for target in (tmp_path, tmp_path / "file" / "heard.wav"):
        with pytest.raises(ConfigError, match="cannot record there"):
            outgoing.record(target)


def test_the_levels_of_the_moment_and_what_is_played(new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(), new_endpoint())

    def heard() -> bool:
        """Whether both sides have measured the tone, in the direction in which it goes."""
        for call in (outgoing, answered):
            call.measure()
        ours, theirs = outgoing.facts.levels.get(0), answered.facts.levels.get(0)
        both = ours and ours.sent_dbfs, theirs and theirs.received_dbfs
        return all(level == pytest.approx(-20, abs=1.5) for level in both)

    outgoing.play("tone:1000:20@-20")
    until(outgoing.endpoint, heard)
    (playing,) = outgoing.facts.activities
    assert playing.source == "tone:1000:20@-20"
    assert playing.duration_s == pytest.approx(20, abs=0.1)
    ours = outgoing.facts.levels[0]
    assert ours.received_dbfs is None  # the peer sends silence
