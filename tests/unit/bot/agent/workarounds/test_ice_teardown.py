"""bot.agent.workarounds.ice_teardown: streams that are stopped, and streams that continue."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from bot.agent.native.sip_module import Modules
from bot.agent.workarounds.ice_teardown import IceTeardown

CALL = {"one@h": [11, 12], "two@h": [21]}


class Function:
    """Stands for one of the library's, and notes whom it was called with."""

    def __init__(self, name: str, calls: list[tuple[str, int]]) -> None:
        self._name, self._calls = name, calls

    def __call__(self, stream: int, direction: int) -> None:
        self._calls.append((self._name, stream))


class Wiretap:
    """Stands for ``Modules``: its library notes, and the handler is for the test to call."""

    def __init__(self) -> None:
        self.c = self
        self.calls: list[tuple[str, int]] = []
        self.pjmedia_stream_pause = Function("pause", self.calls)
        self.pjmedia_stream_resume = Function("resume", self.calls)
        self.handler: Callable[[int], int] = lambda rdata: -1

    def require(self, *names: str) -> None:
        assert all(hasattr(self, name) for name in names)

    def register(self, name: bytes, priority: int, *, on_request: Callable[[int], int]) -> bool:
        self.handler = on_request
        return True


@pytest.mark.parametrize("method", ["BYE", "CANCEL"])
def test_what_ends_a_call_stops_its_streams_for_the_time_being(method: str) -> None:
    modules, streams = Wiretap(), {name: list(ids) for name, ids in CALL.items()}
    later: list[Callable[[], None]] = []
    text = f"{method} sip:a@h SIP/2.0\r\nCall-ID: one@h\r\n\r\n"
    IceTeardown(cast("Modules", modules), lambda: text, lambda name: streams.get(name, []), later.append)
    assert modules.handler(0) == 0  # the library sees it too
    assert modules.calls == [("pause", 11), ("pause", 12)]

    streams["one@h"] = [12, 13]  # 11 has ended; 13 is new
    [after] = later
    after()
    assert modules.calls[2:] == [("resume", 12)]


@pytest.mark.parametrize("start", ["INFO sip:a@h SIP/2.0", "SIP/2.0 200 OK", "BYE sip:a@h SIP/2.0"])
def test_nothing_is_stopped_by_anything_else(start: str) -> None:
    modules = Wiretap()
    text = f"{start}\r\nCall-ID: three@h\r\nCSeq: 1 BYE\r\n\r\n"
    later: list[Callable[[], None]] = []
    IceTeardown(cast("Modules", modules), lambda: text, lambda name: CALL.get(name, []), later.append)
    assert modules.handler(0) == 0
    assert modules.calls == []
    assert later == []
