"""Calls of a fake agent, and a file to play."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.ua.call import Call
from tests.support.fakes import Line, Rig


@pytest.fixture
def line(rig: Rig) -> Line:
    return rig.confirmed()


@pytest.fixture
def call(line: Line) -> Call:
    return line.call


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    from media.audio.wav import write
    from media.signals.tones import tone

    path = tmp_path / "sound.wav"
    write(path, tone([440.0], 0.2, 16000))
    return path
