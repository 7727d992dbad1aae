"""bot.report.listening: players and pictures of recordings, and none of hidden digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.report.listening import Hearing, hearings
from bot.report.page_files import PageFiles
from media.audio.wav import write
from media.signals.tones import tone
from tests.support.fakes import Line, Rig


def recorded(line: Line, folder: Path) -> Path:
    recording = line.call.record(folder / "heard.wav")
    recording.stop(linger=0)
    write(recording.path, tone([440], 1.0, 8000))
    return recording.path


def heard(line: Line, folder: Path) -> Hearing:
    return next(hearings(line.call, [line.call], PageFiles(folder), "c0-0"))


def test_what_was_heard_has_a_player_and_a_place_in_the_call(rig: Rig, tmp_path: Path) -> None:
    line = rig.confirmed()
    recorded(line, tmp_path)
    found = heard(line, tmp_path)
    assert [player.name for player in found.players] == ["heard"]
    assert found.players[0].source.startswith("data:audio/flac;base64,")
    assert found.link == "heard.wav"
    assert found.span is not None
    assert found.span.end_s - found.span.start_s == pytest.approx(1.0)
    assert 0 < found.span.left < found.span.right < 1


def test_a_recording_that_is_no_audio_is_told(rig: Rig, tmp_path: Path) -> None:
    line = rig.confirmed()
    recorded(line, tmp_path).write_bytes(b"RIFF")
    found = heard(line, tmp_path)
    assert (found.svg, found.players) == ("", ())
    assert "heard.wav" in found.words


@pytest.mark.parametrize("how", ["received", "sent"])
def test_hidden_digits_are_neither_drawn_nor_played(how: str, rig: Rig, tmp_path: Path) -> None:
    line = rig.confirmed()
    recorded(line, tmp_path)
    if how == "received":
        line.call.secret_digits = True
        line.call.secret_digits = False  # the recording has the tones all the same
    else:
        line.call.secrets.sends()
    found = heard(line, tmp_path)
    assert (found.svg, found.players) == ("", ())
    assert "hidden" in found.words
    assert found.link == "heard.wav"
