"""Reading YAML into msgspec types with errors that name file, line and key; it knows no type of its own.

A ``__post_init__`` or ``finish`` that raises a ConfigError "key: what is wrong" gets file and line added.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

from .errors import ConfigError

__all__ = ["Place", "did_you_mean", "explain", "line_of", "load", "loads", "read"]

T = TypeVar("T")
Step = str | int
"""A key of a mapping or an index of a list."""

_MAX_BYTES = 1_000_000
_MAX_VALUES = 100_000
_MAX_DEPTH = 50
_SECRET_KEY = re.compile(r"passw|passphrase|secret|token|credential", re.IGNORECASE)


def load(path: str | os.PathLike[str], type_: type[T], finish: Callable[[T], T] | None = None) -> T:
    """Read the YAML file at ``path`` into ``type_``, as :func:`loads` does."""
    name = os.fspath(path)
    return loads(_text_of(name), name, type_, finish)


def read(path: str | os.PathLike[str]) -> tuple[Any, Place]:
    """The plain values of the YAML file at ``path`` with every ``${...}`` as written, and their places."""
    name = os.fspath(path)
    return _Reader(name, variables=False).read(_text_of(name))


def _text_of(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{name}: is a directory, expected a YAML file") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"{name}: has more than {_MAX_BYTES} bytes; that is no file of settings")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: byte 0x{content[error.start]:02x} is not UTF-8") from None


def loads(text: str, name: str, type_: type[T], finish: Callable[[T], T] | None = None) -> T:
    """Read the YAML document ``text``, called ``name`` in errors, into ``type_``.

    Plain values are those of YAML 1.2, so ``off`` and ``yes`` are text. ``${NAME}`` and
    ``${NAME:-default}`` in text come from the environment; ``$${`` is a literal ``${``.
    ``finish`` may change or refuse the result.
    """
    data, place = _Reader(name).read(text)
    try:
        value = msgspec.convert(data, type_, strict=False)
        return finish(value) if finish else value
    except (msgspec.ValidationError, ConfigError) as error:
        raise explain(error, data, type_, name, place) from None


# --- YAML ---------------------------------------------------------------------------------------------------


class Place(msgspec.Struct):
    """Where a value stands, and where what it contains stands."""

    line: int
    inside: dict[Step, Place] = {}


class _Loader(yaml.SafeLoader):
    """The scalars of YAML 1.2's core schema, and the merge key."""


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
    """Turns the nodes of one document into plain values and their places."""

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
            raise ConfigError(f"{self._name}:{line}: has a control character in it") from None
        except RecursionError:
            raise ConfigError(f"{self._name}: is nested too deeply") from None

    def _error(self, node: yaml.Node, what: str) -> ConfigError:
        return ConfigError(f"{self._name}:{_line(node)}: {what}")

    def _syntax_error(self, error: yaml.MarkedYAMLError, text: str) -> ConfigError:
        mark = error.problem_mark or error.context_mark
        number = mark.line if mark else 0
        where = f"{self._name}:{number + 1}"
        problem = error.problem or "something is missing"
        if "another document" in problem:
            return ConfigError(f"{where}: a second document begins here, expected only one")
        if "'\\t'" in problem:
            return ConfigError(f"{where}: a tab may not stand here in YAML; use spaces")
        lines = text.splitlines()
        if any(_SECRET_KEY.search(line) for line in lines[max(number - 1, 0) : number + 1]):
            problem = "a value with special characters stands in quotes"
        return ConfigError(f"{where}: not valid YAML: {problem}")

    def _value(self, node: yaml.Node, depth: int) -> tuple[Any, Place]:
        self._values += 1
        if self._values > _MAX_VALUES:
            raise self._error(node, f"has more than {_MAX_VALUES} values once its aliases are expanded")
        if depth > _MAX_DEPTH:
            raise self._error(node, "is nested too deeply")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), Place(_line(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            items = [self._value(item, depth + 1) for item in node.value]
            return [value for value, _ in items], Place(
                _line(node), dict(enumerate(place for _, place in items))
            )
        raise self._error(node, "has a tag (!...), which means nothing here")

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind not in _SCALARS:
            raise self._error(node, "has a tag (!...); a value that begins with ! stands in quotes")
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
                raise self._error(key_node, "a key is a single word, not a list or a mapping")
            if key_node.tag == _TAG + "merge":
                for merged, inside in self._merged(value_node, depth):
                    data = merged | data
                    places = inside | places
                continue
            key = self._scalar(key_node)
            if key in first:
                raise self._error(key_node, f"{key}: the same key stands in line {first[key]} already")
            first[key] = _line(key_node)
            data[key], place = self._value(value_node, depth + 1)
            places[key] = Place(first[key], place.inside)
        return data, Place(_line(node), places)

    def _merged(self, node: yaml.Node, depth: int) -> Iterable[tuple[dict[Any, Any], dict[Step, Place]]]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            data, place = self._value(source, depth + 1)
            if not isinstance(data, dict):
                raise self._error(source, "<<: merges mappings only")
            yield data, place.inside


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


# --- errors -------------------------------------------------------------------------------------------------

_WHERE = re.compile(r" - at (`key` in )?`\$(.*)`\Z")
_STEP = re.compile(r"\.([^.\[\]]+)|\[([0-9]+|\.\.\.)\]")
_KEYED = re.compile(r"([A-Za-z_]\w*(?:\.\w+|\[[0-9]+\])*): (.+)", re.DOTALL)
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.+)`")
_MISMATCH = re.compile(r"Expected `([^`]+)`(?:, got `[^`]+`|( .+))", re.DOTALL)
_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping (key: value)",
    "null": "nothing",
}


def explain(
    error: msgspec.ValidationError | ConfigError,
    data: Any,
    type_: Any,
    name: str = "",
    place: Place | None = None,
) -> ConfigError:
    """``error``, raised when ``data`` was converted to ``type_``, in the words of who wrote ``data``."""
    where = _WHERE.search(str(error))
    message = str(error)[: where.start()] if where else str(error)
    steps = list(_steps(where[2], str(error), data, type_)) if where else []
    cause = error if isinstance(error, ConfigError) else error.__cause__
    if isinstance(cause, ConfigError):
        keyed = _KEYED.fullmatch(message)
        if keyed:
            steps += [int(index) if index else key for key, index in _STEP.findall("." + keyed[1])]
            message = keyed[2]
    elif where and where[1]:
        message = "a key that is not text stands in quotes"
    elif field := _FIELD.fullmatch(message):
        known, _ = _kinds_at(type_, data, steps)
        if field[1].startswith("missing"):
            message = f"the key {field[2]!r} is missing"
        else:
            steps.append(field[2])
            message = f"unknown key{did_you_mean(field[2], _keys(known))}"
    else:
        message = _mismatch(message, data, type_, steps)
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    line = f":{line_of(place, steps)}" if place else ""
    return ConfigError(": ".join(part for part in (name + line, key, message) if part))


def _steps(path: str, message: str, data: Any, type_: Any) -> Iterable[Step]:
    """The keys and indices of a path of msgspec's, which does not name the keys of a dict."""
    steps: list[Step] = []
    for key, index in _STEP.findall(path):
        step: Step | None = key or (int(index) if index != "..." else _blamed(steps, message, data, type_))
        if step is None:
            return
        steps.append(step)
        yield step


def _blamed(steps: list[Step], message: str, data: Any, type_: Any) -> Step | None:
    """The key of the dict at ``steps`` that causes ``message``: the one that does so alone."""
    entries = _at(data, steps)
    for key in entries if isinstance(entries, dict) else ():
        try:
            msgspec.convert(_replaced(data, steps, {key: entries[key]}), type_, strict=False)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(key)
    return None


def _replaced(data: Any, steps: list[Step], value: Any) -> Any:
    if not steps:
        return value
    copy = data.copy()
    copy[steps[0]] = _replaced(data[steps[0]], steps[1:], value)
    return copy


def _at(data: Any, steps: list[Step]) -> Any:
    for step in steps:
        try:
            data = data[step]
        except (LookupError, TypeError):
            return None
    return data


def line_of(place: Place, steps: Iterable[Step]) -> int:
    """The line of what stands at ``steps``, or of the nearest thing around it."""
    for step in steps:
        inside = place.inside.get(step)
        if inside is None:
            break
        place = inside
    return place.line


def _mismatch(message: str, data: Any, type_: Any, steps: list[Step]) -> str:
    kinds, secret = _kinds_at(type_, data, steps)
    value = _at(data, steps)
    secret |= isinstance(value, str) and bool(_SECRET_KEY.search(value))  # "password geheim", without a colon
    got = "another kind of value" if secret else _shown(value)
    choices = [str(choice) for kind in kinds for choice in _choices(kind)]
    if not choices and message.startswith("Invalid value") and steps:
        parents, _ = _kinds_at(type_, data, steps[:-1])
        choices = [str(kind.tag) for kind in parents if isinstance(kind, inspect.StructType) and kind.tag]
    if choices:
        near = did_you_mean(value, choices) if isinstance(value, str) and not secret else ""
        return f"expected one of {', '.join(choices)}, got {got}{near}"
    found = _MISMATCH.fullmatch(message)
    if not found:
        return message.replace("`", "")
    names = [each for each in found[1].split(" | ") if each != "null"] or ["null"]
    expected = " or ".join(_NAMES.get(each, each) for each in names) + (found[2] or "")
    if ", got " in expected:
        return f"expected {expected}"
    hint = ""
    if "str" in names and isinstance(value, int | float):
        hint = " (put it in quotes)"
    elif names == ["array"] and isinstance(value, str | int | float):
        hint = " (a list of one is written [...])"
    return f"expected {expected}, got {got}{hint}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return repr(value)[:60]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return "nothing"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'that'?)``, when one of the known words is near."""
    spelt = {each.casefold().replace("-", "_"): each for each in known}
    near = difflib.get_close_matches(word.casefold().replace("-", "_"), spelt, n=1)
    return f" (did you mean {spelt[near[0]]!r}?)" if near else ""


# --- what a type allows, by msgspec.inspect -----------------------------------------------------------------


def _kinds(kind: inspect.Type) -> list[inspect.Type]:
    """The members of a union, without annotations but for those that mark a secret."""
    if isinstance(kind, inspect.UnionType):
        return [each for member in kind.types for each in _kinds(member)]
    if isinstance(kind, inspect.Metadata):
        secret = bool(kind.extra and kind.extra.get("secret"))
        return [*_kinds(kind.type), *([kind] if secret else [])]
    return [kind]


def _kinds_at(type_: Any, data: Any, steps: list[Step]) -> tuple[list[inspect.Type], bool]:
    """What may stand at ``steps``, and whether it is a secret."""
    kinds = _tagged(_kinds(inspect.type_info(type_)), data)
    secret = False
    for depth, step in enumerate(steps, start=1):
        kinds = [each for kind in kinds for inner in _inside(kind, step) for each in _kinds(inner)]
        secret |= any(isinstance(kind, inspect.Metadata) for kind in kinds)
        secret |= isinstance(step, str) and bool(_SECRET_KEY.search(step))
        kinds = _tagged(kinds, _at(data, steps[:depth]))
    return kinds, secret


def _tagged(kinds: list[inspect.Type], data: Any) -> list[inspect.Type]:
    """Of a tagged union only the struct that the tag in ``data`` selects."""
    chosen: list[inspect.Type] = [
        kind
        for kind in kinds
        if isinstance(kind, inspect.StructType)
        and kind.tag_field
        and isinstance(data, dict)
        and data.get(kind.tag_field) == kind.tag
    ]
    return chosen or kinds


def _inside(kind: inspect.Type, step: Step) -> list[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        return [field.type for field in kind.fields if field.encode_name == step]
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [kind.item_type]
    if isinstance(kind, inspect.TupleType) and isinstance(step, int):
        return list(kind.item_types[step : step + 1])
    return []


def _keys(kinds: list[inspect.Type]) -> list[str]:
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    return [field.encode_name for struct in structs for field in struct.fields]


def _choices(kind: inspect.Type) -> list[Any]:
    if isinstance(kind, inspect.EnumType):
        return [member.value for member in kind.cls]
    if isinstance(kind, inspect.LiteralType):
        return list(kind.values)
    return []
