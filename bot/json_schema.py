"""JSON Schema (draft 2020-12) of a msgspec type, with a description of every property.

The description of a property is the docstring under its field, else the description in the annotation of
the field, else the docstring of the struct that is its type.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect as types

__all__ = ["field_docstrings", "first_paragraph", "json_schema"]


def json_schema(type_: Any) -> dict[str, Any]:
    """The schema of ``type_``, whose ``$defs`` have a description for each property."""
    schema = msgspec.json.schema(type_)
    definitions = schema["$defs"]
    for definition in definitions.values():
        if "description" in definition:  # releases of msgspec differ in the indentation that they keep
            definition["description"] = inspect.cleandoc(definition["description"])
    for struct in structs(type_):
        docstrings = field_docstrings(struct)
        properties = definitions[struct.__name__]["properties"]
        for field in msgspec.structs.fields(struct):
            properties[field.encode_name] = described(
                properties[field.encode_name], docstrings.get(field.name), definitions
            )
    return schema


def described(schema: dict[str, Any], docstring: str | None, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a property, with its description as the first key."""
    members = [dict(member) for member in schema.get("anyOf", [])]
    annotated = [text for part in (schema, *members) if (text := part.pop("description", None))]
    if members:
        schema["anyOf"] = members
    of_type = [
        definitions[part["$ref"].rpartition("/")[2]].get("description")
        for part in (schema, *members)
        if "$ref" in part
    ]
    text = next(filter(None, (docstring, *annotated, *of_type)), None)
    return schema if text is None else {"description": text, **schema}


def field_docstrings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The docstring under each field of a struct and of its base classes, by the name of the field."""
    found: dict[str, str] = {}
    for cls in reversed(struct.__mro__):
        if not issubclass(cls, msgspec.Struct) or cls is msgspec.Struct:
            continue
        try:
            source = inspect.getsource(cls)
        except (OSError, TypeError):  # made by msgspec.defstruct
            continue
        definition = ast.parse(textwrap.dedent(source)).body[0]
        if not isinstance(definition, ast.ClassDef):
            continue
        for field, below in zip(definition.body, definition.body[1:], strict=False):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = inspect.cleandoc(text)
    return found


def first_paragraph(docstring: str) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(inspect.cleandoc(docstring).partition("\n\n")[0].split())


def structs(type_: Any) -> set[type[msgspec.Struct]]:
    """The structs that values of ``type_`` consist of."""
    found: set[type[msgspec.Struct]] = set()
    pending = [types.type_info(type_)]
    while pending:
        info = pending.pop()
        if isinstance(info, types.StructType):
            if info.cls in found:
                continue
            found.add(info.cls)
        pending.extend(components(info))
    return found


def components(info: types.Type) -> Iterator[types.Type]:
    """The types that a type is made of: fields, items, keys, values, members."""
    if isinstance(info, types.StructType):
        yield from (field.type for field in info.fields)
    elif isinstance(info, types.UnionType):
        yield from info.types
    elif isinstance(info, types.TupleType):
        yield from info.item_types
    elif isinstance(info, types.ListType | types.VarTupleType):
        yield info.item_type
    elif isinstance(info, types.DictType):
        yield from (info.key_type, info.value_type)
    elif isinstance(info, types.Metadata):
        yield info.type
