"""bot.bots.reject: refuses every call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.bots.reject import Rejecter
from bot.errors import ConfigError
from bot.ipc.commands import Answer
from tests.support.fakes import Rig


@pytest.mark.parametrize(("arguments", "code"), [((), 486), ((603,), 603), ((302,), 302)])
def test_it_refuses(new_rig: Callable[..., Rig], arguments: tuple[int, ...], code: int) -> None:
    rejecter = Rejecter(*arguments)
    rig = new_rig(controller=rejecter)
    rig.incoming(dialog="1@peer")
    rig.incoming(dialog="2@peer")
    rejecter.detach()
    assert rig.driver.commands[1:] == [Answer(call=1, code=code), Answer(call=2, code=code)]


@pytest.mark.parametrize("code", [1000, 200, 299, 700])
def test_a_code_that_is_none(code: int) -> None:
    with pytest.raises(ConfigError, match=f"code: {code} does not refuse a call"):
        Rejecter(code)


def test_reason_and_retry_after(new_rig: Callable[..., Rig]) -> None:
    rejecter = Rejecter(503, reason="Closed", retry_after=60)
    rig = new_rig(controller=rejecter)
    rig.incoming()
    rejecter.detach()
    assert rig.driver.commands[1:] == [
        Answer(call=1, code=503, reason="Closed", headers=[("Retry-After", "60")])
    ]
