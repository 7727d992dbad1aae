"""One definition of an expectation for Python, scenarios and the command line.

A method of an expectation class says everything: its name and its docstring, what is observed, when it holds,
and when it is hopeless. The decorator ``expectation`` gives it a key in the ``expect`` step of scenarios and,
if wanted, an option of ``call`` and ``answer``::

    @expectation("max_loss_pct", option="--expect-loss", metavar="PCT")
    def to_have_loss(self, *, at_most: Percent, timeout: float = TIMEOUT_S) -> None:

The first paragraph of the docstring is the description in the JSON Schema and the help of the option. The
types and the limits of values come from the annotations (``msgspec.Meta``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["Companion", "Definition", "Judgement", "definitions", "expectation"]

Method = TypeVar("Method", bound=Callable[..., None])
MARK = "_definitions"
WAITING = ("timeout", "during")
"""Parameters in seconds: how long to wait, or how long something has to stay absent."""


@dataclass(frozen=True)
class Companion:
    """A key that qualifies the key of a definition, and is another parameter of its method."""

    value: Any
    """The type of the value; bool is a yes/no key."""
    description: str
    parameter: str = ""
    """The parameter of the method; default: the key."""
    convert: Callable[[Any], Any] = lambda value: value
    """The argument for a value."""
    default: Any = None
    """The argument without the key; None: the default of the method."""
    option: str = ""
    """The option of ``call`` and ``answer``."""
    metavar: str = ""
    option_default: str = ""
    """The default in the help of the option."""


@dataclass(frozen=True)
class Judgement:
    """A call of a method of an expectation class."""

    method: str
    arguments: Mapping[str, Any]
    optional: Mapping[str, Any]
    """Arguments for those parameters that the method has."""

    def __call__(self, expectation: object, *, timeout: float, during: float = 0.0) -> None:
        """Judge the subject of ``expectation``; times in seconds."""
        method = getattr(expectation, self.method)
        accepted = inspect.signature(method).parameters
        optional = {**self.optional, "timeout": timeout, "during": during}
        method(**self.arguments, **{name: value for name, value in optional.items() if name in accepted})


@dataclass(frozen=True)
class Definition:
    """How a method of an expectation class appears in scenarios and on the command line."""

    key: str
    """The key in the ``expect`` step."""
    method: str = ""
    """The name of the method."""
    parameter: str | None = None
    """The parameter that gets the value of the key; None for a key whose value is no argument."""
    value: Any = None
    """The type of the value; None for a yes/no key."""
    each: Callable[[Any], Iterable[Mapping[str, Any]]] | None = None
    """The arguments of each call of the method, for a value."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Constant arguments."""
    companions: Mapping[str, Companion] = field(default_factory=dict)
    """Further keys, which are parameters too."""
    negative: str = ""
    """The method for the value ``negative_value``."""
    negative_value: Any = False
    check: Callable[..., object] | None = None
    """Raises ConfigError for an unsatisfiable value."""
    check_needs_build: bool = False
    """Whether ``check`` starts an agent process; the check of an option must not."""
    option: str = ""
    """The option of ``call`` and ``answer``."""
    metavar: str = ""
    description: str = ""
    is_absence: bool = False
    """Whether it watches for a forbidden event for ``during`` seconds."""

    @property
    def is_yes_or_no(self) -> bool:
        """Whether the key has the values yes and no."""
        return self.value is None

    def checked(self, value: Any, companions: Mapping[str, Any], folder: str = "") -> None:
        """Raise ConfigError for an unsatisfiable value; ``check`` gets those arguments that it has."""
        if self.check is not None:
            optional = {**companions, "folder": folder}
            accepted = inspect.signature(self.check).parameters
            self.check(value, **{name: one for name, one in optional.items() if name in accepted})

    def judgements(self, value: Any, companions: Mapping[str, Any], folder: str = "") -> list[Judgement]:
        """The calls of the method for a value; ``folder`` has the files that the value names."""
        method = self.negative if self.negative and value == self.negative_value else self.method
        shared = {}
        for name, companion in self.companions.items():
            given = companions.get(name)
            argument = companion.default if given is None else companion.convert(given)
            if argument is not None:
                shared[companion.parameter or name] = argument
        if self.each is not None:
            calls = list(self.each(value))
        else:
            calls = [{} if self.parameter is None else {self.parameter: value}]
        optional = {**self.fixed, "folder": folder}
        return [Judgement(method, {**shared, **arguments}, optional) for arguments in calls]


@dataclass(frozen=True)
class Declared:
    """The arguments of the decorator."""

    definition: Definition
    parameter: str | None


def expectation(
    key: str,
    *,
    parameter: str | None = "",
    value: Any = None,
    each: Callable[[Any], Iterable[Mapping[str, Any]]] | None = None,
    also: Mapping[str, Companion] | None = None,
    fixed: Mapping[str, Any] | None = None,
    negative: str = "",
    negative_value: Any = False,
    check: Callable[..., object] | None = None,
    check_needs_build: bool = False,
    option: str = "",
    metavar: str = "",
    description: str = "",
) -> Callable[[Method], Method]:
    """Define the key of an expectation in scenarios, and its option.

    The key's value is the argument of ``parameter``, the first one unless named; with None and without
    ``value`` the key is yes or no, and ``negative`` names the method for no. A structured value has ``each``,
    which makes the arguments of one or more calls of it. ``also`` has parameters that are keys too; ``fixed``
    has arguments that are always the same. ``value`` replaces the annotation of the parameter, and
    ``description`` the docstring. ``check`` raises ConfigError for an unsatisfiable value, before any
    call; it may have parameters named like the keys of ``also``, and ``folder``.
    """

    def mark(method: Method) -> Method:
        definition = Definition(
            key=key,
            value=value,
            each=each,
            fixed=fixed or {},
            companions=also or {},
            negative=negative,
            negative_value=negative_value,
            check=check,
            check_needs_build=check_needs_build,
            option=option,
            metavar=metavar,
            description=description,
        )
        declared = [Declared(definition, parameter), *getattr(method, MARK, ())]
        setattr(method, MARK, tuple(declared))
        return method

    return mark


def definitions(owner: type) -> list[Definition]:
    """The definitions of an expectation class and of its bases, in the order of the bases."""
    found: dict[str, Definition] = {}
    for kind in owner.__mro__:
        for name, method in vars(kind).items():
            for declared in getattr(method, MARK, ()):
                found.setdefault(declared.definition.key, completed(declared, name, method))
    return list(found.values())


def completed(declared: Declared, name: str, method: Callable[..., None]) -> Definition:
    """The definition, completed by the signature and the docstring of the method."""
    hints = get_type_hints(method, include_extras=True)
    parameters = [one for one in inspect.signature(method).parameters if one not in {"self", *WAITING}]
    parameter = declared.parameter
    if parameter == "":
        parameter = parameters[0] if parameters else None
    own = declared.definition
    kind = own.value or (None if parameter is None else required(hints[parameter]))
    return replace(
        own,
        method=name,
        parameter=parameter,
        value=kind,
        description=own.description or first_sentence(method),
        is_absence="during" in hints,
    )


def required(hint: Any) -> Any:
    """The annotation without None."""
    if get_origin(hint) not in {Union, UnionType}:
        return hint
    kinds = [one for one in get_args(hint) if one is not NoneType]
    return reduce(or_, kinds)


def first_sentence(method: Callable[..., None]) -> str:
    """The first paragraph of the docstring, in one line."""
    return " ".join((inspect.getdoc(method) or "").partition("\n\n")[0].split())
