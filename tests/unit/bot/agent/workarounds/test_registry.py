"""bot.agent.workarounds.registry: active, unneeded and impossible workarounds."""

from __future__ import annotations

import pytest

from bot.agent.native.library import MissingSymbol
from bot.agent.workarounds.registry import Registry
from bot.config import WorkaroundState


def missing() -> str:
    raise MissingSymbol("this build of the library does not export pjsip_x")


def test_active() -> None:
    registry = Registry("2.15.1")
    assert registry.install("one", lambda: "made") == "made"
    assert registry.states == [WorkaroundState(name="one", state="active")]


def test_not_possible_says_which_function() -> None:
    registry = Registry("2.15.1")
    assert registry.install("one", missing) is None
    [state] = registry.states
    assert (state.state, "pjsip_x" in state.reason) == ("not possible", True)


@pytest.mark.parametrize(
    ("version", "is_active"),
    [("2.15.1", True), ("2.16", True), ("2.9", True), ("2.17-dev", False), ("2.17.1", False), ("3.0", False)],
)
def test_off_where_the_fault_is_mended(version: str, is_active: bool) -> None:
    registry = Registry(version)
    assert (registry.install("one", lambda: "made", mended_in="2.17") == "made") == is_active
    [state] = registry.states
    assert state.state == ("active" if is_active else "not needed")
    assert ("2.17" in state.reason) != is_active


def test_off_where_the_settings_do_not_need_it() -> None:
    registry = Registry("2.15.1")
    assert registry.install("one", lambda: "made", wanted=False) is None
    assert registry.states[0].state == "not needed"


def test_a_typo_is_no_missing_function() -> None:
    registry = Registry("2.15.1")
    with pytest.raises(AttributeError):
        registry.install("one", lambda: getattr(registry, "no_such_" + "thing"))
