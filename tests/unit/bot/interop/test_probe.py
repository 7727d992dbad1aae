"""bot.interop.probe: markers in complete and in incomplete recordings."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from bot.interop.observation import Audio as Word
from bot.interop.observation import Heard
from bot.interop.probe import Probe
from bot.ipc.commands import AnyCommand, Play, Record
from bot.ipc.events import PlaybackFinished, RecordingFinished, Wired
from media.audio.wav import Audio, write
from media.signals.marker import marker
from tests.support.fakes import Rig, done

RATE = 8000


def wav(path: Path, audio: Audio) -> bytes:
    write(path, audio)
    return path.read_bytes()


def probed(rig: Rig, path: Path, recorded: bytes | None) -> tuple[list[Heard], str | None]:
    """A marker is played, and the recorder leaves this file."""
    if recorded is not None:
        path.write_bytes(recorded)
    line = rig.confirmed()

    def played(number: int, command: AnyCommand) -> list[Wired]:
        assert isinstance(command, Play)
        ended = PlaybackFinished(at=0.0, call=line.number, playback=command.playback, complete=True)
        return [done(number), ended]

    rig.driver.reply_to(Play, played)
    probe = Probe(line.call, path, itertools.count(7))
    probe.play()
    [record] = rig.driver.told(Record)
    line.ended()
    finished = RecordingFinished(at=0.0, call=line.number, recording=record.recording, path=str(path))
    rig.driver.feed(finished)
    return probe.heard(), probe.problem


@pytest.mark.parametrize(
    ("audio", "word"),
    [
        (marker(7, RATE), "marker"),
        (marker(8, RATE), "audio"),
        (Audio(np.zeros(RATE, np.float32), RATE), "silence"),
    ],
)
def test_what_was_heard(rig: Rig, tmp_path: Path, audio: Audio, word: Word) -> None:
    received, problem = probed(rig, tmp_path / "r.wav", wav(tmp_path / "made.wav", audio))
    assert [one.audio for one in received] == [word]
    assert problem is None


@pytest.mark.parametrize("state", ["empty", "without lengths", "ended early", "missing"])
def test_a_full_disk_is_not_the_peers_silence(rig: Rig, tmp_path: Path, state: str) -> None:
    whole = wav(tmp_path / "made.wav", marker(7, RATE))
    left = {
        "empty": b"",
        "without lengths": whole[:4] + bytes(4) + whole[8:40] + bytes(4) + whole[44:],
        "ended early": wav(tmp_path / "short.wav", Audio(np.zeros(400, np.float32), RATE)),
        "missing": None,
    }
    received, problem = probed(rig, tmp_path / "r.wav", left[state])
    assert [one.audio for one in received] == [None]
    assert problem == f"{tmp_path / 'r.wav'}: the recording could not be written; is the disk full?"
