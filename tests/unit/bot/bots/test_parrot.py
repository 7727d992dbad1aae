"""bot.bots.parrot: sends the received audio back."""

from __future__ import annotations

from collections.abc import Callable

from bot.bots.parrot import Parrot
from bot.ipc.commands import Answer, Loopback
from tests.support.fakes import Rig, audio


def test_it_answers_and_sends_back(new_rig: Callable[..., Rig]) -> None:
    parrot = Parrot()
    rig = new_rig(controller=parrot)
    rig.incoming().media(audio())
    parrot.detach()
    assert rig.driver.commands[1:] == [Answer(call=1), Loopback(call=1)]
    assert rig.endpoint.failure is None


def test_it_waits_for_audio(new_rig: Callable[..., Rig]) -> None:
    parrot = Parrot()
    rig = new_rig(controller=parrot)
    rig.incoming().media(audio(active=False))
    parrot.detach()
    assert rig.driver.told(Loopback) == []


def test_a_call_that_ends_at_once_is_no_failure(new_rig: Callable[..., Rig]) -> None:
    parrot = Parrot()
    rig = new_rig(controller=parrot)
    rig.driver.refuse(Loopback, "ended", "call 1 has ended")
    line = rig.incoming()
    line.media(audio())
    line.ended()
    parrot.detach()
    assert rig.endpoint.failure is None
