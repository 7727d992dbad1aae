"""Failures of a matching recording by facts of the call: lost packets, late audio."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot import ExpectationFailed, Recording, expect
from bot.ipc.events import PlaybackStarted, RecordingFinished, RecordingStarted
from media.audio.wav import Audio, write
from media.signals.tones import speech_like
from tests.support.fakes import Line, Rig

RATE = 8000
SPEECH = speech_like(4.0, RATE, seed=5)


def recorded(
    rig: Rig, line: Line, path: Path, *, after_s: float = 0.0, began_s: float = 0.0, said: Audio = SPEECH
) -> Recording:
    """A recording with the speech so many seconds after it began, which was so long before the answer."""
    write(path, Audio(np.concatenate([np.zeros(int(after_s * RATE)), said.samples]), RATE))
    recording = line.call.record(path)
    at = line.call.facts.states[-1].at - began_s
    rig.driver.feed(RecordingStarted(at=at, call=line.number, recording=recording.number))
    rig.driver.feed(
        RecordingFinished(at=time.monotonic(), call=line.number, recording=recording.number, path=str(path))
    )
    write(path, Audio(np.concatenate([np.zeros(int(after_s * RATE)), said.samples]), RATE))
    return recording


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    write(tmp_path / "reference.wav", SPEECH)
    return tmp_path / "reference.wav"


def test_whole_and_in_time(rig: Rig, tmp_path: Path, reference: Path) -> None:
    line = rig.confirmed()
    line.measured(200, 200, lost=1)
    expect(recorded(rig, line, tmp_path / "rx.wav", after_s=1.0)).to_match(reference)


def test_lost_packets_that_are_not_heard_to_be_missing(rig: Rig, tmp_path: Path, reference: Path) -> None:
    line = rig.confirmed()
    line.measured(359, 400, lost=41)
    recording = recorded(rig, line, tmp_path / "rx.wav")
    with pytest.raises(ExpectationFailed, match=r"41 of 400 packets were lost, about \d+ ms more"):
        expect(recording).to_match(reference)
    expect(recording).to_match(reference, max_missing_ms=900)


@pytest.mark.parametrize(
    ("counted", "message"),
    [
        (
            {"lost": 0, "reordered": 20},
            "; none of the 200 packets was lost on the way here: 20 came out of order",
        ),
        (
            {"lost": 0, "longest_gap_ms": 180.0},
            "; none of the 200 .* here: one came 180 ms after the one before",
        ),
        ({"lost": 0, "longest_gap_ms": 30.0}, ""),
        ({"lost": 9, "reordered": 20}, ""),
        ({"lost": 0, "reordered": 20, "refused": {"not authentic": 9}}, ""),
        ({}, ""),
    ],
)
def test_audio_that_lacks_although_nothing_was_lost(
    counted: dict[str, Any], message: str, rig: Rig, tmp_path: Path, reference: Path
) -> None:
    line = rig.confirmed()
    line.measured(200, 200, **counted)
    samples = SPEECH.samples.copy()
    samples[2 * RATE : 2 * RATE + RATE // 5] = 0
    recording = recorded(rig, line, tmp_path / "rx.wav", said=Audio(samples, RATE))
    with pytest.raises(ExpectationFailed, match=f"missing.*{message}") as failure:
        expect(recording).to_match(reference)
    assert ("on the way here" in str(failure.value)) is bool(message)


def test_audio_that_comes_late(rig: Rig, tmp_path: Path, reference: Path) -> None:
    recording = recorded(rig, rig.confirmed(), tmp_path / "rx.wav", after_s=3.0)
    with pytest.raises(ExpectationFailed, match=r"it came 3\d\d\d ms after it was due, more than 2500 ms"):
        expect(recording).to_match(reference, max_delay_ms=2500)
    expect(recording).to_match(reference, max_delay_ms=3500)
    expect(recording).to_match(reference)  # nobody knows here when the other endpoint began to play


def test_audio_is_due_from_the_answer(rig: Rig, tmp_path: Path, reference: Path) -> None:
    recording = recorded(rig, rig.confirmed(), tmp_path / "rx.wav", after_s=4.0, began_s=3.0)
    expect(recording).to_match(reference)


def test_audio_is_due_from_when_it_is_played(rig: Rig, tmp_path: Path, reference: Path) -> None:
    line = rig.confirmed()
    recording = recorded(rig, line, tmp_path / "rx.wav", after_s=4.0)
    at = line.call.facts.states[-1].at + 3.5
    rig.driver.feed(PlaybackStarted(at=at, call=line.number, playback=1))
    expect(recording).to_match(reference)
