"""bot.agent.native.names: a wait for the name server is announced, and told when it was long."""

from __future__ import annotations

from typing import cast

import pytest

from bot.agent.native import names
from bot.agent.native.library import Exported
from bot.agent.native.names import LONGEST_S, NO_SUCH_NAME, Names

FOUND = 0


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The names of a library whose functions nobody intercepts; pbx.example is one of the settings."""
    monkeypatch.setattr(names, "Detour", lambda *given, **options: None)
    found = Names(cast(Exported, None))
    found.learn('{"registrar": "sip:pbx.example"}')
    return found


@pytest.mark.parametrize(
    ("name", "answer", "waits"),
    [(b"pbx.example", FOUND, [LONGEST_S]), (b"192.0.2.1", FOUND, []), (b"other.example", NO_SUCH_NAME, [])],
)
def test_a_wait_for_the_name_server_is_announced(
    name: bytes, answer: int, waits: list[float], known: Names
) -> None:
    announced: list[float] = []
    known.on_wait = announced.append
    assert known._addresses(lambda *given: FOUND, name, None, 0) == answer
    assert announced == waits


@pytest.mark.parametrize("slow", [False, True])
def test_a_slow_name_server_is_told(slow: bool, known: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []
    known.on_slow = lambda name, seconds: told.append((name, seconds))
    monkeypatch.setattr(names, "SLOW_S", -1.0 if slow else 1e9)
    assert known._host(lambda name: 7, b"pbx.example") == 7
    assert [name for name, _ in told] == (["pbx.example"] if slow else [])
