"""bot.bots.ringer: lets calls ring for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.bots.ringer import Ringer
from bot.ipc.commands import Answer, Play
from tests.support.fakes import Rig, audio


@pytest.mark.parametrize(("early_media", "code"), [(False, 180), (True, 183)])
def test_it_rings_and_never_answers(new_rig: Callable[..., Rig], early_media: bool, code: int) -> None:
    ringer = Ringer(early_media=early_media)
    rig = new_rig(controller=ringer)
    line = rig.incoming()
    line.media(audio())
    line.ended(487, "Request Terminated")
    ringer.detach()
    assert rig.driver.told(Answer) == [Answer(call=1, code=code)]
    assert [play.loop for play in rig.driver.told(Play)] == [True] * early_media  # ringback
    assert rig.endpoint.failure is None
