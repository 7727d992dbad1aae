"""bot.bots.player: plays a file and hangs up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.bots.player import Player
from bot.deadline import Deadline
from bot.errors import CallbackFailed
from bot.ipc.commands import Answer, Hangup, Play
from bot.ipc.events import PlaybackFinished
from bot.model import CallState
from tests.support.fakes import LONG, Line, Rig


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    from media.audio.wav import write
    from media.signals.tones import tone

    path = tmp_path / "sound.wav"
    write(path, tone([440.0], 0.2, 8000))
    return path


def answered(rig: Rig) -> Line:
    line = rig.incoming()
    line.state(CallState.CONFIRMED, 200, "OK")
    assert rig.journal.wait_until(lambda: bool(rig.driver.told(Play)), Deadline(LONG))
    return line


@pytest.mark.parametrize("loop", [False, True])
def test_it_plays_once_it_is_connected(new_rig: Callable[..., Rig], sound: Path, loop: bool) -> None:
    player = Player(sound, loop=loop)
    rig = new_rig(controller=player)
    answered(rig)
    player.detach()
    answer, play = rig.driver.commands[1:]
    assert answer == Answer(call=1)
    assert isinstance(play, Play)
    assert play.loop is loop
    assert Path(play.path).is_file()


@pytest.mark.parametrize(("complete", "hangups"), [(True, [Hangup(call=1)]), (False, [])])
def test_it_hangs_up_at_the_end_of_the_file(
    new_rig: Callable[..., Rig], sound: Path, complete: bool, hangups: list[Hangup]
) -> None:
    player = Player(sound)
    rig = new_rig(controller=player)
    answered(rig)
    playback = rig.driver.told(Play)[0].playback
    rig.driver.feed(PlaybackFinished(at=0.0, call=1, playback=playback, complete=complete))
    player.detach()
    assert rig.driver.told(Hangup) == hangups
    assert rig.endpoint.failure is None


def test_it_answers_as_told(new_rig: Callable[..., Rig], sound: Path) -> None:
    player = Player(sound, answer_after=2.0)
    rig = new_rig(controller=player)
    rig.incoming()
    player.detach()
    assert rig.driver.told(Answer) == [Answer(call=1, code=180), Answer(call=1, after_s=2.0)]


def test_a_file_that_is_none_fails_the_endpoint(new_rig: Callable[..., Rig], tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    player = Player(empty)
    rig = new_rig(controller=player)
    rig.incoming().state(CallState.CONFIRMED, 200, "OK")
    player.detach()
    assert isinstance(rig.endpoint.failure, CallbackFailed)
    assert "empty.wav" in str(rig.endpoint.failure)
