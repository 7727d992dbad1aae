"""Fixtures that load a scenario from a text and run it in this process, with real calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.errors import BotError
from bot.ipc.events import ExpectationChecked
from bot.scenario.load import load
from bot.scenario.runner import ScenarioRun
from bot.ua.journal import Entry, Journal

__all__ = ["SHIPPED", "Perform", "Performed", "broken", "perform"]

SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "scenarios"


@dataclass
class Performed:
    """The outcome of a scenario: its error and every expectation that it checked."""

    error: BotError | None = None
    checked: list[ExpectationChecked] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The text of the error; fails the test when the scenario passed."""
        assert self.error is not None, f"it passed: {self.checked}"
        return str(self.error)

    @property
    def failed(self) -> list[ExpectationChecked]:
        """The expectations that did not hold."""
        return [one for one in self.checked if not one.passed]


Perform = Callable[..., Performed]
Meddle = Callable[[ScenarioRun, Entry], None]


@pytest.fixture
def perform(tmp_path: Path) -> Perform:
    """Run the scenario in a text, or a shipped scenario by its name."""

    def do(text: str = "", *, shipped: str = "", meddle: Meddle | None = None, **variables: str) -> Performed:
        path = tmp_path / f"{shipped or 'scenario'}.yaml"
        path.write_text(text or (SHIPPED / f"{shipped}.yaml").read_text())
        [case] = load(str(path), variables)
        journal, done = Journal(), Performed()
        performance = ScenarioRun(case, journal, tmp_path / "out")

        def observe(entry: Entry) -> None:
            if isinstance(entry.event, ExpectationChecked):
                done.checked.append(entry.event)
            if meddle is not None:
                meddle(performance, entry)

        journal.observe(observe)
        try:
            performance.perform()
        except BotError as error:
            done.error = error
        return done

    return do


@pytest.fixture
def broken(perform: Perform) -> Callable[..., Performed]:
    """Run a shipped scenario in which one text is replaced by another."""

    def do(shipped: str, old: str, new: str, **variables: str) -> Performed:
        text = (SHIPPED / f"{shipped}.yaml").read_text()
        assert text.count(old) >= 1, f"{shipped} has no {old!r}"
        text = text.replace(old, new, 1).replace("timeout: 10", "timeout: 2.5", 1)
        return perform(text, **variables)

    return do
