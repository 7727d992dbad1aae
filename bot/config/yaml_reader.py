"""Reader of YAML files into msgspec types; its errors have file, line and key.

A ConfigError "key: problem" from ``__post_init__`` or ``finish`` gets file and line too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from bot.config.diagnostics import _SECRET_KEY, Place, Step, explain
from bot.errors import ConfigError

__all__ = ["load", "loads", "read"]

T = TypeVar("T")
"""A key of a mapping or an index of a list."""

_MAX_BYTES = 1_000_000
_MAX_VALUES = 100_000
_MAX_DEPTH = 50


def load(path: str | os.PathLike[str], type_: type[T], finish: Callable[[T], T] | None = None) -> T:
    """Read the YAML file at ``path`` into ``type_``; see :func:`loads`."""
    name = os.fspath(path)
    return loads(_text_of(name), name, type_, finish)


def read(path: str | os.PathLike[str]) -> tuple[Any, Place]:
    """The plain values of the YAML file at ``path`` and their places; ``${...}`` is not replaced."""
    name = os.fspath(path)
    return _Reader(name, variables=False).read(_text_of(name))


def _text_of(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{name}: is a directory, expected a YAML file") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"{name}: expected a settings file of at most {_MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: byte 0x{content[error.start]:02x} is not UTF-8") from None


def loads(text: str, name: str, type_: type[T], finish: Callable[[T], T] | None = None) -> T:
    """Read the YAML document ``text`` into ``type_``; ``name`` is its name in error messages.

    Plain values follow YAML 1.2, so ``off`` and ``yes`` are text. ``${NAME}`` and ``${NAME:-default}`` are
    environment variables; ``$${`` is a literal ``${``. ``finish`` may replace or refuse the result.
    """
    data, place = _Reader(name).read(text)
    try:
        value = msgspec.convert(data, type_, strict=False)
        return finish(value) if finish else value
    except (msgspec.ValidationError, ConfigError) as error:
        raise explain(error, data, type_, name, place) from None


class _Loader(yaml.SafeLoader):
    """Loader of the core schema of YAML 1.2, with the merge key ``<<``."""


_Loader.yaml_implicit_resolvers = {}
_TAG = "tag:yaml.org,2002:"
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})\\Z"), list(_first))

_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "bool": {"true": True, "false": False}.__getitem__,
    "null": lambda text: None,
    "int": lambda text: int(text, 0) if text[:2] in ("0x", "0o") else int(text),
    "float": lambda text: float(text.replace(".inf", "inf").replace(".nan", "nan")),
    "merge": str,
}
_VARIABLE = re.compile(
    r"\$(?P<escaped>\$\{)|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:-(?P<default>[^}]*))?\})?"
)


class _Reader:
    """Converter of the nodes of one document into plain values and their places."""

    def __init__(self, name: str, *, variables: bool = True) -> None:
        self._name = name
        self._variables = variables
        self._values = 0

    def read(self, text: str) -> tuple[Any, Place]:
        try:
            node = _Loader(text).get_single_node()
            if node is None:
                raise ConfigError(f"{self._name}: is empty, expected 'key: value' lines")
            return self._value(node, 0)
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error, text) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(f"{self._name}:{line}: contains a control character; remove it") from None
        except RecursionError:
            raise ConfigError(f"{self._name}: expected at most {_MAX_DEPTH} levels of nesting") from None

    def _error(self, node: yaml.Node, what: str) -> ConfigError:
        return ConfigError(f"{self._name}:{_line(node)}: {what}")

    def _syntax_error(self, error: yaml.MarkedYAMLError, text: str) -> ConfigError:
        mark = error.problem_mark or error.context_mark
        number = mark.line if mark else 0
        where = f"{self._name}:{number + 1}"
        problem = error.problem or "something is missing"
        if "another document" in problem:
            return ConfigError(f"{where}: expected one document, a second document starts here")
        if "'\\t'" in problem:
            return ConfigError(f"{where}: YAML does not allow tabs in the indentation; use spaces")
        lines = text.splitlines()
        if any(_SECRET_KEY.search(line) for line in lines[max(number - 1, 0) : number + 1]):
            problem = "put a value with special characters in quotes"
        return ConfigError(f"{where}: not valid YAML: {problem}")

    def _value(self, node: yaml.Node, depth: int) -> tuple[Any, Place]:
        self._values += 1
        if self._values > _MAX_VALUES:
            raise self._error(node, f"expected at most {_MAX_VALUES} values, with aliases expanded")
        if depth > _MAX_DEPTH:
            raise self._error(node, f"expected at most {_MAX_DEPTH} levels of nesting")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), Place(_line(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            items = [self._value(item, depth + 1) for item in node.value]
            return [value for value, _ in items], Place(
                _line(node), dict(enumerate(place for _, place in items))
            )
        raise self._error(node, "unexpected tag (!...); remove it")

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind not in _SCALARS:
            raise self._error(node, "unexpected tag (!...); put a value that begins with ! in quotes")
        text: str = node.value
        try:
            return _SCALARS[kind](self._expanded(node) if kind == "str" else text.lower())
        except (ValueError, KeyError):
            raise self._error(node, f"is not a valid {kind}") from None

    def _expanded(self, node: yaml.ScalarNode) -> str:
        def value(found: re.Match[str]) -> str:
            if found["escaped"]:
                return "${"
            name = found["name"]
            if name is None:
                raise self._error(node, "expected ${NAME} or ${NAME:-default}; $${ is a literal ${")
            set_to = os.environ.get(name)
            if found["rest"]:
                return set_to or found["default"]
            if set_to is None:
                hint = f"set it, or write ${{{name}:-default}}"
                raise self._error(node, f"the environment variable {name} is not set; {hint}")
            return set_to

        return _VARIABLE.sub(value, node.value) if self._variables else str(node.value)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> tuple[Any, Place]:
        data: dict[Any, Any] = {}
        places: dict[Step, Place] = {}
        first: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "expected text as the key, got a list or a mapping")
            if key_node.tag == _TAG + "merge":
                for merged, inside in self._merged(value_node, depth):
                    data = merged | data
                    places = inside | places
                continue
            key = self._scalar(key_node)
            if key in first:
                raise self._error(key_node, f"{key}: duplicate key, see line {first[key]}")
            first[key] = _line(key_node)
            data[key], place = self._value(value_node, depth + 1)
            places[key] = Place(first[key], place.inside)
        return data, Place(_line(node), places)

    def _merged(self, node: yaml.Node, depth: int) -> Iterable[tuple[dict[Any, Any], dict[Step, Place]]]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            data, place = self._value(source, depth + 1)
            if not isinstance(data, dict):
                raise self._error(source, "<<: expected a mapping or a list of mappings")
            yield data, place.inside


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
