"""From a scenario's file to the cases that it describes, each checked; nothing here makes a call."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from bot.config import EndpointConfig, load_config
from bot.document import Place, explain, line_of, read
from bot.errors import ConfigError
from bot.model import DtmfMethod
from bot.scenario.expected import Expect
from bot.scenario.model import EndpointSpec, Path, Scenario, Varying, walk
from bot.scenario.variables import Values, combinations, rows, substituted, titled

__all__ = ["Case", "load", "shown", "variables"]

_OWN = {"config", "as", "options", "name"}
_REFERENCES = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_-]*)(?::-[^}]*)?\}")


@dataclass(frozen=True)
class Case:
    """One scenario with one set of values, which makes one result."""

    name: str
    """The scenario's name and what varies: ``echo[codec=PCMA]``."""
    scenario_name: str
    file: str
    values: Values
    scenario: Scenario
    endpoints: Mapping[str, EndpointConfig]
    place: Place

    @property
    def folder(self) -> str:
        """Where the paths in it begin."""
        return os.path.dirname(self.file)

    @property
    def listeners(self) -> set[str]:
        """The endpoints that in-band digits are expected of, and that listen for them therefore."""
        expected = [step.said for _, step in walk(self.scenario) if isinstance(step.said, Expect)]
        return {
            on.partition(".")[0] for one in expected if one.method is DtmfMethod.INBAND for on in one.subjects
        }

    def where(self, path: Path) -> str:
        """``echo.yaml:12: steps[3]``."""
        return f"{self.file}:{line_of(self.place, path)}: {shown(path)}"


def shown(path: Path) -> str:
    """A place as a reader finds it, ``steps[3].play``."""
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path).removeprefix(".")


def load(file: str, given: Mapping[str, str]) -> list[Case]:
    """Every case of a scenario's file; raises ConfigError "file:line: key: ..." for what cannot be meant."""
    data, place = read(file)
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: expected a mapping with endpoints and steps")
    refuse = partial(explain, data=data, type_=Scenario, name=file, place=place)
    try:
        varying = msgspec.convert(data, Varying, strict=False)
        table = table_of(file, varying)
        sets = list(combinations(data, given, table))
    except (msgspec.ValidationError, ConfigError) as error:
        raise refuse(error) from None
    cases = []
    for index, values in enumerate(sets):
        row = index // max(1, len(sets) // len(table)) + 1 if table else None
        try:
            filled = filled_in(data, values)
        except ConfigError as error:
            raise refuse(error) from None
        name = str(filled.get("name") or os.path.splitext(os.path.basename(file))[0])
        cases.append(Reading(file, place, values, filled).case(name, titled(name, data, values, row)))
    return cases


def table_of(file: str, varying: Varying) -> list[Values]:
    """The rows of ``data``."""
    if varying.data is None:
        return []
    try:
        return rows(os.path.join(os.path.dirname(file), substituted(varying.data, {}, "data")))
    except ConfigError as error:
        raise ConfigError(f"data: {error}") from None


def filled_in(data: dict[Any, Any], values: Values) -> dict[Any, Any]:
    """The document with its variables replaced and the endpoints' defaults in their places."""
    varying = set(Varying.__struct_fields__)
    filled = {key: one if key in varying else substituted(one, values, str(key)) for key, one in data.items()}
    defaults, endpoints = filled.get("defaults"), filled.get("endpoints")
    if isinstance(defaults, dict) and isinstance(endpoints, dict):
        filled["endpoints"] = {
            name: defaults | spec if isinstance(spec, dict) else defaults if spec is None else spec
            for name, spec in endpoints.items()
        }
    elif isinstance(endpoints, dict):
        filled["endpoints"] = {name: {} if spec is None else spec for name, spec in endpoints.items()}
    return filled


@dataclass(frozen=True)
class Reading:
    """A document with its variables replaced."""

    file: str
    place: Place
    values: Values
    filled: dict[Any, Any]

    def case(self, name: str, title: str) -> Case:
        """One case, converted and checked."""
        from bot.scenario.check import check

        try:
            scenario = msgspec.convert(self.filled, Scenario, strict=False)
            endpoints = {
                key: config_of(self.file, key, spec, self.filled["endpoints"][key])
                for key, spec in scenario.endpoints.items()
            }
            case = Case(title, name, self.file, self.values, scenario, endpoints, self.place)
            check(case)
        except (msgspec.ValidationError, ConfigError) as error:
            raise explain(error, self.filled, Scenario, self.file, self.place) from None
        return case


def config_of(file: str, key: str, spec: EndpointSpec, given: Mapping[str, Any]) -> EndpointConfig:
    """The settings of an endpoint: those of its ``config`` file, and what it says itself."""
    own = {name: getattr(spec, name) for name in given if name not in _OWN}
    try:
        if "name" in given:
            raise ConfigError("name: an endpoint's name is its key; leave this out")
        folder = os.path.dirname(file)
        base = load_config(os.path.join(folder, spec.config)) if spec.config else EndpointConfig()
        if "tls" in own:
            own["tls"] = spec.tls.in_folder(folder)
            own["tls"].check_files()
        return base.with_options(**own, name=key)
    except ConfigError as error:
        within = (
            "config: " if spec.config and str(error).startswith(os.path.join(folder, spec.config)) else ""
        )
        raise ConfigError(f"endpoints.{key}.{within}{error}") from None


def variables(file: str) -> set[str]:
    """The names of the variables that a file defines or uses."""
    data, _ = read(file)
    if not isinstance(data, dict):
        return set()
    named = {
        str(key)
        for part in ("vars", "matrix")
        for key in data.get(part) or ()
        if isinstance(data.get(part), dict)
    }
    return named | {name for value in texts(data) for name in _REFERENCES.findall(value)}


def texts(value: Any) -> Iterator[str]:
    """Every text in a document."""
    inside: Iterable[Any] = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    if isinstance(value, str):
        yield value
    for one in inside:
        yield from texts(one)
