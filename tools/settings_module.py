"""Writes ``bot/config/settings.py``: the keyword arguments of ``Endpoint`` as TypedDicts.

The settings are defined once, as fields of :class:`bot.config.EndpointConfig` and of the structs in it. No
type checker can derive a TypedDict from them, so that this program does it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect as types

from bot.config import AccountConfig, EndpointConfig, TlsConfig
from bot.config.credentials import Credential
from bot.config.limits import LimitsConfig
from bot.config.nat import NatConfig, TurnConfig
from bot.config.subscriptions import Subscription
from bot.json_schema import field_docstrings, first_paragraph

__all__ = ["PATH", "made"]

PATH = Path(__file__).parents[1] / "bot" / "config" / "settings.py"
WIDTH, LONGEST = 104, 100
PREFIXED: dict[str, type[msgspec.Struct]] = {"tls": TlsConfig, "nat": NatConfig, "limits": LimitsConfig}
"""Settings that are also keywords of their own, such as ``tls_ca``."""
NAMES: dict[type, str] = {
    Credential: "CredentialSettings",
    Subscription: "SubscriptionSettings",
    TurnConfig: "TurnSettings",
    TlsConfig: "TlsSettings",
    NatConfig: "NatSettings",
    LimitsConfig: "LimitsSettings",
    AccountConfig: "AccountSettings",
    EndpointConfig: "EndpointSettings",
}
HEAD = '''"""The keyword arguments of ``Endpoint`` as TypedDicts, for type checkers and editors.

Made by ``make reference`` from the fields of ``EndpointConfig``: change those.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from bot.config.account import AccountConfig
    from bot.config.credentials import Credential
    from bot.config.limits import LimitsConfig
    from bot.config.nat import NatConfig, TurnConfig
    from bot.config.subscriptions import Subscription
    from bot.config.tls import TlsConfig
    from bot.model import (
        %(enums)s
    )

__all__ = ["AccountSettings", "EndpointSettings"]
'''


def made() -> str:
    """The text of the module, formatted."""
    classes = "\n\n".join(class_of(struct, name) for struct, name in NAMES.items())
    head = HEAD % {"enums": ",\n        ".join(sorted(enums())) + ","}
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", os.fspath(PATH), "-"]
    text = f"{head}\n\n{classes}\n"
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def class_of(struct: type[msgspec.Struct], name: str) -> str:
    """The TypedDict of a struct."""
    base = "AccountSettings" if struct is EndpointConfig else "TypedDict"
    lines = [f"class {name}({base}, total=False):", f'    """{first_paragraph(struct.__doc__ or "")}"""', ""]
    for key, annotation, text in fields(struct):
        lines.append(f"    {key}: {annotation}")
        lines.extend(docstring(text))
    return "\n".join(lines)


def fields(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    """Name, annotation and description of the keywords that a struct adds to its base class."""
    texts = field_docstrings(struct)
    inherited = set(AccountConfig.__struct_fields__) if struct is EndpointConfig else set()
    for field in struct_info(struct).fields:
        if field.name in inherited:
            continue
        text = texts.get(field.name) or PREFIXED[field.name].__doc__ or ""
        annotation = hint(without_none(field.type), struct)
        if struct in {EndpointConfig, AccountConfig} or without_none(field.type) is not field.type:
            annotation += " | None"  # of a keyword of Endpoint it keeps the default
        yield field.name, annotation, first_paragraph(text)
        if struct is EndpointConfig and field.name in PREFIXED:
            for key, annotation, described in fields(PREFIXED[field.name]):
                optional = annotation.removesuffix(" | None") + " | None"
                yield f"{field.name}_{key}", optional, described


def struct_info(struct: type[msgspec.Struct]) -> types.StructType:
    """What msgspec knows of a struct."""
    info = types.type_info(struct)
    assert isinstance(info, types.StructType)
    return info


def without_none(info: types.Type) -> types.Type:
    """The type without None."""
    if isinstance(info, types.UnionType):
        rest = tuple(one for one in info.types if not isinstance(one, types.NoneType))
        return rest[0] if len(rest) == 1 else types.UnionType(rest)
    return info


def hint(info: types.Type, struct: type[msgspec.Struct]) -> str:
    """The annotation for a type: enumerations take their texts too, structs their settings."""
    match info:
        case types.Metadata(type=inner):
            return hint(inner, struct)
        case types.UnionType(types=members):
            return " | ".join(dict.fromkeys(hint(one, struct) for one in members))
        case types.EnumType(cls=cls):
            return f"{cls.__name__} | Literal[{', '.join(repr(str(one.value)) for one in cls)}]"
        case types.LiteralType(values=values):
            return f"Literal[{', '.join(map(repr, values))}]"
        case types.StructType(cls=cls):
            return f"{cls.__name__} | {NAMES[cls]}"
        case types.VarTupleType(item_type=item) | types.ListType(item_type=item):
            return f"Sequence[{hint(item, struct)}]"
        case types.TupleType(item_types=items):
            return f"tuple[{', '.join(hint(item, struct) for item in items)}]"
        case types.DictType(key_type=key, value_type=value):
            return f"Mapping[{hint(key, struct)}, {hint(value, struct)}]"
        case types.StrType() if struct is TlsConfig:
            return "str | os.PathLike[str]"
    plain = {types.StrType: "str", types.IntType: "int", types.FloatType: "float", types.BoolType: "bool"}
    return plain[type(info)]


def enums() -> set[str]:
    """The names of the enumerations among the settings."""
    found: set[str] = set()
    for struct in NAMES:
        pending = [field.type for field in struct_info(struct).fields]
        while pending:
            match pending.pop():
                case types.EnumType(cls=cls):
                    found.add(cls.__name__)
                case types.UnionType(types=members):
                    pending.extend(members)
                case types.VarTupleType(item_type=item):
                    pending.append(item)
    return found


def docstring(text: str) -> list[str]:
    """A docstring under a field."""
    if len(text) <= LONGEST:
        return [f'    """{text}"""']
    first, *rest = textwrap.wrap(text, WIDTH)
    return [f'    """{first}', *(f"    {line}" for line in rest), '    """']
