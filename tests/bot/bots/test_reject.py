"""bot.bots.reject: refuses every call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.bots.reject import Rejecter
from bot.commands import Answer
from bot.errors import CallbackFailed
from tests.bot.fakes import Rig


@pytest.mark.parametrize(("arguments", "code"), [((), 486), ((603,), 603), ((302,), 302)])
def test_it_refuses(new_rig: Callable[..., Rig], arguments: tuple[int, ...], code: int) -> None:
    rejecter = Rejecter(*arguments)
    rig = new_rig(controller=rejecter)
    rig.incoming(dialog="1@peer")
    rig.incoming(dialog="2@peer")
    rejecter.detach()
    assert rig.driver.commands[1:] == [Answer(call=1, code=code), Answer(call=2, code=code)]


def test_a_code_that_is_none_fails_the_endpoint(new_rig: Callable[..., Rig]) -> None:
    rejecter = Rejecter(1000)
    rig = new_rig(controller=rejecter)
    rig.incoming()
    rejecter.detach()
    assert isinstance(rig.endpoint.failure, CallbackFailed)
    assert "1000 is no SIP status code" in str(rig.endpoint.failure)
