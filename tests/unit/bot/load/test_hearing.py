"""Markers in short recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.errors import NativeError
from bot.load.hearing import Hearing
from bot.load.listener import listen
from bot.load.sounds import LEAD_S, SECTION_S, Sounds
from media.audio.wav import Audio, read, write

RATE = 8000


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def recorded(path: Path, *, identity: int, silent: tuple[float, float] = (0.0, 0.0)) -> str:
    """A recording of a section after 0.2 s, with silence from and to these seconds of it."""
    samples = read(Sounds(RATE)._section(identity).path).samples.copy()
    samples[round(silent[0] * RATE) : round(silent[1] * RATE)] = 0
    write(path, Audio(np.concatenate([np.zeros(RATE // 5, np.float32), samples]), RATE))
    return str(path)


def test_its_own_marker(tmp_path: Path) -> None:
    heard = listen(recorded(tmp_path / "a.wav", identity=5), 5)
    assert heard.identities == (5,)
    assert heard.start_s == pytest.approx(0.2 + LEAD_S, abs=0.001)
    assert (heard.missing_ms, heard.silent, heard.problem) == (0, False, "")


def test_the_marker_of_another_call(tmp_path: Path) -> None:
    heard = listen(recorded(tmp_path / "a.wav", identity=6), 5)
    assert (heard.identities, heard.start_s) == ((6,), None)


def test_audio_that_lacks_is_measured(tmp_path: Path) -> None:
    heard = listen(recorded(tmp_path / "a.wav", identity=5, silent=(0.8, 1.0)), 5)
    assert heard.identities == (5,)
    assert 80 <= heard.missing_ms <= 200, "two of three slots tell"


def test_silence_and_no_file(tmp_path: Path) -> None:
    assert listen(recorded(tmp_path / "a.wav", identity=5, silent=(0, SECTION_S)), 5).silent
    assert listen(str(tmp_path / "none.wav"), 5).problem


def test_in_another_process(tmp_path: Path) -> None:
    path = Path(recorded(tmp_path / "a.wav", identity=5))
    with Hearing(1) as hearing:
        assert hearing.listen(path, 5).identities == (5,)


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    path = Path(recorded(tmp_path / "a.wav", identity=5))
    with Hearing(1) as hearing:
        before = hearing._listeners[0].start()
        before.kill()
        before.wait()
        with pytest.raises(NativeError, match=r"a\.wav: the process that searched it died: exit status -9"):
            hearing.listen(path, 5)
        assert hearing.listen(path, 5).identities == (5,)


def test_every_line_has_markers_of_its_own() -> None:
    sounds = Sounds(RATE)
    taken = [sounds.of_call(line, turn) for line in range(3) for turn in range(2)]
    identities = [section.identity for pair in taken for section in pair]
    assert len(set(identities)) == len(identities) == 12
    assert sounds.of_call(1, 2) == sounds.of_call(1, 0)
