"""The public names, and the modules that each import loads."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import bot
import bot.agent
from tests.support import needs

HEAVY = {"numpy", "soundfile", "soxr", "matplotlib", "click", "rich", "media", "pjsua2"}
NOT_IN_THE_AGENT = HEAVY - {"pjsua2"} | {
    "bot.ua.call",
    "bot.cli",
    "bot.ipc.driver",
    "bot.ua.endpoint",
    "bot.expectations.call",
    "bot.ua.journal",
    "bot.report",
}


def loaded_by(*statements: str) -> set[str]:
    """The modules and packages that a fresh interpreter has after the statements."""
    program = "\n".join([*statements, "import sys", "print('\\n'.join(sys.modules))"])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    names = done.stdout.split()
    return {*names, *(name.partition(".")[0] for name in names)}


def test_every_public_name_is_there() -> None:
    """In a fresh interpreter, where no module was imported by its own name before."""
    loaded = loaded_by(
        "import bot, importlib",
        "for name in bot.__all__:",
        "    value = getattr(bot, name)",
        "    assert value.__name__ == name, name",
        "    assert value.__doc__, name",
        "    assert getattr(importlib.import_module(value.__module__), name) is value, name",
        "    assert getattr(bot, name) is value, name",
    )
    assert loaded & HEAVY == set()
    assert not any(name.startswith("bot.agent") for name in loaded)


def test_public_names_are_sorted_and_said_once() -> None:
    assert bot.__all__ == sorted(bot.__all__)
    assert set(bot.__all__) == set(bot._HOME)


def test_other_names_are_not_there() -> None:
    name = "Softphone"
    with pytest.raises(AttributeError, match=f"module 'bot' has no attribute '{name}'"):
        getattr(bot, name)


def test_every_module_says_what_it_exports() -> None:
    for found in pkgutil.walk_packages(bot.__path__, "bot."):
        if found.name.startswith(("bot.agent", "bot.cli")) or found.ispkg:
            continue
        module = importlib.import_module(found.name)
        assert module.__doc__, found.name
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_importing_bot_costs_nothing() -> None:
    loaded = loaded_by("import bot")
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("bot")} == {"bot"}
    assert "msgspec" not in loaded


def test_reports_and_bots_need_no_audio_and_no_library() -> None:
    reports = ["bot.report.result", "bot.report.junit", "bot.report.event_log", "bot.report.summary"]
    loaded = loaded_by("import bot.bots", *(f"import {name}" for name in reports))
    assert loaded & HEAVY == set()


@needs.calls
def test_the_agent_is_small() -> None:
    names = [found.name for found in pkgutil.walk_packages(bot.agent.__path__, "bot.agent.")]
    assert {
        "bot.agent.agent",
        "bot.agent.loop",
        "bot.agent.trace",
        "bot.agent.workarounds.request_gate",
    } <= set(names)
    loaded = loaded_by(*(f"import {name}" for name in names))
    assert loaded & NOT_IN_THE_AGENT == set()


@pytest.mark.parametrize("name", ["workarounds.socket_budget", "loop", "callbacks"])
def test_what_the_agent_counts_and_pumps_with_knows_no_library(name: str) -> None:
    assert "pjsua2" not in loaded_by(f"import bot.agent.{name}")
