"""A case of a scenario file: the scenario with the values of a row of ``data`` and of ``matrix``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from bot.config import EndpointConfig, Place, line_of
from bot.model import DtmfMethod
from bot.scenario.expect_model import Expect
from bot.scenario.model import Path, Scenario, walk
from bot.scenario.variables import Values

__all__ = ["Case", "shown"]


@dataclass(frozen=True)
class Case:
    """One scenario with one set of values; it has one result."""

    name: str
    """Name of the scenario and its values: ``echo[codec=PCMA]``."""
    scenario_name: str
    file: str
    values: Values
    scenario: Scenario
    endpoints: Mapping[str, EndpointConfig]
    place: Place

    @property
    def folder(self) -> str:
        """The folder of the file; paths in the scenario are relative to it."""
        return os.path.dirname(self.file)

    @property
    def listeners(self) -> set[str]:
        """The endpoints that need the detection of in-band digits for an expect step."""
        expect_steps = [step.action for _, step in walk(self.scenario) if isinstance(step.action, Expect)]
        return {
            on.partition(".")[0]
            for expect in expect_steps
            if expect.value("method") is DtmfMethod.INBAND
            for on in expect.subjects
        }

    def where(self, path: Path) -> str:
        """The place of a step in an error message: ``echo.yaml:12: steps[3]``."""
        return f"{self.file}:{self.line(path)}: {shown(path)}"

    def line(self, path: Path) -> int:
        """The line of a step in its file."""
        return line_of(self.place, path)


def shown(path: Path) -> str:
    """A path as text: ``steps[3].play``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
