"""bot.expectations.recording: to_match, the comparison of a recording with its reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import expect
from bot.errors import ConfigError, ExpectationFailed, WaitTimeout
from bot.ua.call import Recording
from tests.support.call_assertions import verdicts
from tests.support.fakes import LONG, Line, Rig, at_once, while_waiting


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    from media.audio.wav import write
    from media.signals.tones import speech_like

    path = tmp_path / "reference.wav"
    write(path, speech_like(1.5, 8000, seed=1))
    return path


@pytest.fixture
def recording(talk: Line, tmp_path: Path) -> Recording:
    return talk.call.record(tmp_path / "heard.wav")


def heard(recording: Recording, source: Path) -> None:
    """The call hears this, and its recording is closed."""
    recording.path.write_bytes(source.read_bytes())
    recording.stop()


def test_to_match(rig: Rig, recording: Recording, reference: Path) -> None:
    heard(recording, reference)
    expect(recording).to_match(reference)
    (verdict,) = verdicts(rig)
    assert (verdict.passed, verdict.name) == (True, "call 1 recording matches")
    assert verdict.observed.startswith("matched, delay 0 ms")
    comparison = recording.call.facts.comparison
    assert comparison is not None
    assert comparison.matched


def test_to_match_waits_for_the_file(rig: Rig, recording: Recording, reference: Path) -> None:
    with while_waiting(rig.journal, lambda: heard(recording, reference)), at_once():
        expect(recording).to_match(str(reference), timeout=LONG)


def test_to_match_fails_for_other_audio(
    rig: Rig, recording: Recording, reference: Path, tmp_path: Path
) -> None:
    from media.audio.wav import write
    from media.signals.tones import tone

    other = tmp_path / "other.wav"
    write(other, tone([440.0], 1.5, 8000))
    heard(recording, other)
    with pytest.raises(ExpectationFailed) as caught:
        expect(recording).to_match(reference)
    (verdict,) = verdicts(rig)
    assert not verdict.passed
    assert f"expected: the audio of {reference}" in str(caught.value)
    assert f"observed: {verdict.observed}" in str(caught.value)
    assert "SIP messages:" in str(caught.value)
    comparison = recording.call.facts.comparison
    assert comparison is not None
    assert not comparison.matched


@pytest.mark.parametrize("content", [b"", b"RIFF"])
def test_to_match_fails_for_no_audio(rig: Rig, recording: Recording, reference: Path, content: bytes) -> None:
    recording.path.write_bytes(content)
    recording.stop()
    with pytest.raises(ExpectationFailed, match="observed: no audio"):
        expect(recording).to_match(reference)
    assert [verdict.passed for verdict in verdicts(rig)] == [False]


def test_to_match_fails_for_silence(rig: Rig, recording: Recording, reference: Path, tmp_path: Path) -> None:
    from media.audio.wav import write
    from media.signals.tones import silence

    write(tmp_path / "silence.wav", silence(2.0, 8000))
    heard(recording, tmp_path / "silence.wav")
    with pytest.raises(ExpectationFailed):
        expect(recording).to_match(reference)


def test_to_match_passes_options_on(rig: Rig, recording: Recording, reference: Path) -> None:
    from media.audio.wav import Audio, read, write

    whole = read(reference)
    samples = whole.samples.copy()
    samples[4000:7200] = 0.0
    write(recording.path, Audio(samples, whole.rate))
    recording.stop()
    with pytest.raises(ExpectationFailed, match="missing"):
        expect(recording).to_match(reference)
    expect(recording).to_match(reference, ignore=[(0.45, 0.95)])
    expect(recording).to_match(reference, max_missing_ms=500)
    with pytest.raises(ExpectationFailed, match="SNR"):
        expect(recording).to_match(reference, max_missing_ms=500, min_snr_db=200)


def test_to_match_a_missing_reference(rig: Rig, recording: Recording, tmp_path: Path) -> None:
    recording.stop()
    with pytest.raises(ConfigError, match=r"nothing\.wav"):
        expect(recording).to_match(tmp_path / "nothing.wav")
    assert verdicts(rig) == []


def test_to_match_in_vain(recording: Recording, reference: Path) -> None:
    with pytest.raises(WaitTimeout, match=r"heard\.wav is still being recorded"):
        expect(recording).to_match(reference, timeout=0.05)
