"""A scenario whose variables get values of their own for each call of a load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bot.config import Place, explain
from bot.errors import ConfigError
from bot.scenario.case import Case
from bot.scenario.load import load, table_of, with_defaults
from bot.scenario.model import Step, Varying
from bot.scenario.variables import Values, defined, substituted, varied

__all__ = ["Template"]


class Steps(msgspec.Struct, frozen=True):
    """The part of a scenario file that differs from call to call."""

    steps: list[Step]


@dataclass(frozen=True)
class Template:
    """A valid scenario file; the rows of its ``data`` and the combinations of its ``matrix`` take turns."""

    cases: tuple[Case, ...]
    """The cases with the values of the first call."""
    data: Mapping[str, Any]
    place: Place
    turns: tuple[Values, ...]
    """The values of each case from ``data`` and ``matrix``."""
    given: Mapping[str, str]

    @classmethod
    def of(cls, file: str, given: Mapping[str, str], own: Mapping[str, str]) -> Template:
        """The template of a file; ``given`` values hold for all calls, ``own`` ones for the first.

        Both replace those of the file. Raises ConfigError "file:line: key: ...".
        """
        from bot.config.yaml_reader import read

        fixed = {**given, **own}
        cases = load(file, fixed)
        data, place = read(file)
        table = table_of(file, msgspec.convert(data, Varying, strict=False))
        return cls(tuple(cases), data, with_defaults(place), tuple(varied(data, fixed, table)), given)

    def case(self, number: int, own: Mapping[str, str]) -> Case:
        """The case of the call with this number, from 1, and these values; raises ConfigError."""
        index = (number - 1) % len(self.cases)
        case = self.cases[index]
        try:
            values = defined(self.data.get("vars") or {}, {**self.turns[index], **self.given, **own})
            filled = {"steps": substituted(self.data["steps"], values, "steps")}
            steps = msgspec.convert(filled, Steps, strict=False).steps
        except (msgspec.ValidationError, ConfigError) as error:
            raise explain(error, self.data, Steps, case.file, self.place) from None
        scenario = msgspec.structs.replace(case.scenario, steps=steps)
        return replace(case, values=values, scenario=scenario)
