"""bot.bots.base: at once or later, ringing or not, recorded or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.bots.base import Answering, numbered
from bot.ipc.commands import Answer, AnyCommand, Record, Shutdown, Start
from tests.support.fakes import Rig


def said(new_rig: Callable[..., Rig], bot: Answering) -> list[AnyCommand]:
    """What the bot commands when a call comes in."""
    rig = new_rig(controller=bot)
    rig.incoming()
    settle(rig)
    return rig.driver.commands[1:]


def settle(rig: Rig) -> None:
    """Let the callbacks that are due run, while the endpoint still serves them."""
    controller = rig.endpoint._controller
    assert controller is not None
    controller.detach()
    assert rig.endpoint.failure is None
    assert isinstance(rig.driver.commands[0], Start)
    assert rig.driver.told(Shutdown) == []


@pytest.mark.parametrize(
    ("how", "commands"),
    [
        ({}, [Answer(call=1)]),
        ({"answer_after": 1.5}, [Answer(call=1, code=180), Answer(call=1, after_s=1.5)]),
        ({"early_media": True}, [Answer(call=1, code=183), Answer(call=1)]),
        (
            {"early_media": True, "answer_after": 1.5},
            [Answer(call=1, code=183), Answer(call=1, after_s=1.5)],
        ),
    ],
)
def test_how_it_answers(new_rig: Callable[..., Rig], how: dict[str, Any], commands: list[AnyCommand]) -> None:
    assert said(new_rig, Answering(**how)) == commands


def test_it_records_from_the_start(new_rig: Callable[..., Rig], tmp_path: Path) -> None:
    record, answer = said(new_rig, Answering(record=tmp_path / "rx.wav"))
    assert isinstance(record, Record)
    assert record.path == str(tmp_path / "rx.wav")
    assert answer == Answer(call=1)


def test_each_call_has_its_own_file(new_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = new_rig(controller=Answering(record=tmp_path / "rx.wav"))
    for dialog in ("1@peer", "2@peer", "3@peer"):
        rig.incoming(dialog=dialog)
    settle(rig)
    paths = [Path(command.path).name for command in rig.driver.told(Record)]
    assert paths == ["rx.wav", "rx-2.wav", "rx-3.wav"]


def test_numbered() -> None:
    assert numbered(Path("/tmp/a.b.wav"), 1) == Path("/tmp/a.b.wav")
    assert numbered(Path("/tmp/a.b.wav"), 12) == Path("/tmp/a.b-12.wav")
