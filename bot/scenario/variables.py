"""Variables of a scenario: their values from ``vars``, ``data``, ``matrix`` and --var, and ``${...}``."""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bot.config import did_you_mean
from bot.errors import ConfigError

__all__ = ["Values", "combinations", "defined", "rows", "substituted", "titled", "varied"]

Values = dict[str, Any]
_REFERENCE = re.compile(
    r"\$(?P<escaped>\$\{)|\$\{(?:(?P<env>env:)?(?P<name>[A-Za-z_][A-Za-z0-9_-]*)(?P<rest>:-(?P<default>[^}]*))?\})?"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
MOST = 1000
"""Largest number of cases of one file."""


def substituted(value: Any, values: Mapping[str, Any], path: str = "") -> Any:
    """``value`` with every ``${NAME}`` in its texts replaced; raises ConfigError "path: ...".

    A text that consists of one reference becomes the value of the variable, which may be a list or a mapping.
    """
    if isinstance(value, dict):
        return {key: substituted(inner, values, joined(path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [substituted(inner, values, f"{path}[{index}]") for index, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replacement(found: re.Match[str]) -> str:
        return "${" if found["escaped"] else text(resolved(found, values, path), path)

    reference = _REFERENCE.fullmatch(value)
    if reference and reference["name"]:
        variable = resolved(reference, values, path)
        return variable if isinstance(variable, list | dict) else text(variable, path)
    return _REFERENCE.sub(replacement, value)


def resolved(found: re.Match[str], values: Mapping[str, Any], path: str) -> Any:
    """The value of the variable in a reference."""
    name = found["name"]
    if name is None:
        raise ConfigError(
            f"{path}: expected ${{NAME}}, ${{env:NAME}} or ${{NAME:-default}}; $${{ is a literal ${{"
        )
    variables: Mapping[str, Any] = os.environ if found["env"] else values
    value = variables.get(name)
    if value is not None and (value != "" or not found["rest"]):
        return value
    if found["rest"]:
        return found["default"]
    if found["env"]:
        hint = f"set it, or write ${{env:{name}:-default}}"
        raise ConfigError(f"{path}: the environment variable {name} is not set; {hint}")
    if name in values:
        raise ConfigError(f"{path}: the variable {name!r} has no value; give it with --var {name}=...")
    hint = did_you_mean(name, values) or "; define it in vars or with --var"
    raise ConfigError(f"{path}: unknown variable {name!r}{hint}")


def text(value: Any, path: str) -> str:
    """The value of a variable as part of a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        raise ConfigError(f"{path}: a list or a mapping cannot be part of a text; use the variable alone")
    return str(value)


def joined(path: str, key: Any) -> str:
    """The path of a key; a key that is not a name (``X-Test``) is omitted."""
    return ".".join(filter(None, (path, str(key)))) if re.fullmatch(r"\w+", str(key)) else path


def combinations(data: Mapping[str, Any], given: Mapping[str, str], table: list[Values]) -> Iterator[Values]:
    """The values of each case, from ``vars``, ``data``, ``matrix`` and --var; the last one wins.

    A variable in ``given`` replaces its list in the matrix. Raises ConfigError "matrix.x: ...".
    """
    for values in varied(data, given, table):
        yield defined(data.get("vars") or {}, values | dict(given))


def varied(data: Mapping[str, Any], given: Collection[str], table: list[Values]) -> Iterator[Values]:
    """The values of each case from ``data`` and ``matrix``, without the lists of variables in ``given``."""
    matrix = data.get("matrix") or {}
    for key, values in matrix.items() if isinstance(matrix, dict) else ():
        if isinstance(values, list) and not values:
            raise ConfigError(f"matrix.{key}: has no values; add a value")
    axes = [(key, values) for key, values in matrix.items() if key not in given] if matrix else []
    count = len(table or [0])
    for _, values in axes:
        count *= len(values)
    if count > MOST:
        raise ConfigError(f"{'matrix' if axes else 'data'}: expected at most {MOST} cases, got {count}")
    for row in table or [{}]:
        for chosen in itertools.product(*(values for _, values in axes)):
            yield row | dict(zip((key for key, _ in axes), chosen, strict=True))


def defined(vars_: Mapping[str, Any], given: Values) -> Values:
    """The values of ``vars``; a value may use the environment, earlier variables, ``data`` and ``matrix``."""
    values = dict(given)
    for key, value in vars_.items():
        if key not in given:
            values[key] = substituted(value, values, f"vars.{key}")
    return values


def titled(name: str, data: Mapping[str, Any], values: Values, row: int | None) -> str:
    """The name of one case: ``name[codec=PCMA, suite=...]``, ``name[row 2]``."""
    parts = [f"row {row}"] if row is not None else []
    parts += [f"{key}={values[key]}" for key in data.get("matrix") or {}]
    return f"{name}[{', '.join(parts)}]" if parts else name


def rows(path: str) -> list[Values]:
    """The rows of a CSV file, by the names in its first line; raises ConfigError with file and line."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = [(reader.line_num, row) for reader in [csv.reader(file, strict=True)] for row in reader]
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as CSV: {error}") from None
    lines = [(number, row) for number, row in lines if any(cell.strip() for cell in row)]
    if len(lines) < 2:
        raise ConfigError(f"{path}: expected a line of names and at least one line of values")
    names = [cell.strip() for cell in lines[0][1]]
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            problem = "duplicate name" if names.count(name) > 1 else "invalid name of a variable:"
            raise ConfigError(f"{path}:{lines[0][0]}: {problem} {name!r}")
    for number, row in lines[1:]:
        if len(row) != len(names):
            raise ConfigError(f"{path}:{number}: expected {len(names)} values, got {len(row)}")
    return [dict(zip(names, (cell.strip() for cell in row), strict=True)) for _, row in lines[1:]]
