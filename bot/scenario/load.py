"""Loader of scenario files: reads YAML, replaces variables, validates each case."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from bot.config import EndpointConfig, Place, explain, load_config
from bot.config.srtp import without_srtp
from bot.config.yaml_reader import read
from bot.errors import ConfigError
from bot.scenario.case import Case
from bot.scenario.model import EndpointSpec, Scenario, Varying
from bot.scenario.variables import Values, combinations, rows, substituted, titled
from bot.ua import check_build

__all__ = ["load", "variables"]

_OWN = {"config", "as", "options", "name"}
SETTINGS = {field.encode_name for field in msgspec.structs.fields(EndpointConfig)} - {"name"}
"""Keys of endpoint files."""
_REFERENCES = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_-]*)(?::-[^}]*)?\}")


def load(file: str, given: Mapping[str, str]) -> list[Case]:
    """All cases of a scenario file; raises ConfigError "file:line: key: ..."."""
    data, place = read(file)
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: expected a mapping with endpoints and steps")
    if "steps" not in data and "endpoints" not in data and data.keys() & SETTINGS:
        raise ConfigError(
            f"{file}: the settings of an endpoint, not a scenario; use it as --config, or in a scenario as "
            f"config: {os.path.basename(file)}"
        )
    place = with_defaults(place)
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
    """The rows of the CSV file ``data``."""
    if varying.data is None:
        return []
    try:
        return rows(os.path.join(os.path.dirname(file), substituted(varying.data, {}, "data")))
    except ConfigError as error:
        raise ConfigError(f"data: {error}") from None


def filled_in(data: dict[Any, Any], values: Values) -> dict[Any, Any]:
    """The document with its variables replaced and ``defaults`` merged into the endpoints."""
    varying = set(Varying.__struct_fields__)
    filled = {
        key: value if key in varying else substituted(value, values, str(key)) for key, value in data.items()
    }
    defaults, endpoints = filled.get("defaults"), filled.get("endpoints")
    if isinstance(defaults, dict) and isinstance(endpoints, dict):
        filled["endpoints"] = {
            name: without_srtp(defaults, spec) | spec
            if isinstance(spec, dict)
            else defaults
            if spec is None
            else spec
            for name, spec in endpoints.items()
        }
    elif isinstance(endpoints, dict):
        filled["endpoints"] = {name: {} if spec is None else spec for name, spec in endpoints.items()}
    return filled


def with_defaults(place: Place) -> Place:
    """The lines of the document; a setting that an endpoint has from ``defaults`` is where that says it."""
    defaults, endpoints = place.inside.get("defaults"), place.inside.get("endpoints")
    if defaults is None or endpoints is None:
        return place
    merged = {name: Place(one.line, defaults.inside | one.inside) for name, one in endpoints.inside.items()}
    return Place(place.line, place.inside | {"endpoints": Place(endpoints.line, merged)})


@dataclass(frozen=True)
class Reading:
    """A document with its variables replaced."""

    file: str
    place: Place
    values: Values
    filled: dict[Any, Any]

    def case(self, name: str, title: str) -> Case:
        """One case, converted and validated."""
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
            raise clearer(explain(error, self.filled, Scenario, self.file, self.place)) from None
        return case


def clearer(error: ConfigError) -> ConfigError:
    """The error with a better message for ``soft`` in a step that is not an expect step."""
    place, soft, rest = str(error).rpartition("soft: unknown key")
    if not soft or rest:
        return error
    return ConfigError(f"{place}soft: only an expect step can be soft; remove the key")


def config_of(file: str, key: str, spec: EndpointSpec, given: Mapping[str, Any]) -> EndpointConfig:
    """The settings of an endpoint: the settings of its ``config`` file, overridden by its own settings."""
    own = {name: getattr(spec, name) for name in given if name not in _OWN}
    try:
        if "name" in given:
            raise ConfigError("name: the key of an endpoint is its name; remove this key")
        folder = os.path.dirname(file)
        base = (
            load_config(os.path.join(folder, spec.config), check_build) if spec.config else EndpointConfig()
        )
        if "tls" in own:
            own["tls"] = spec.tls.in_folder(folder)
            own["tls"].check_files()
        config = base.with_options(**own, name=key)
        check_build(config)
        return config
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
    for element in inside:
        yield from texts(element)
