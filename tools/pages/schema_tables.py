"""Tables of the properties in a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tools.pages.markdown import code, inline, table

__all__ = ["SchemaTables"]

KINDS = {"string": "text", "boolean": "yes or no", "null": "null", "object": "mapping", "array": "list"}


class SchemaTables:
    """The structs of a schema as tables, one under the other."""

    def __init__(self, schema: dict[str, Any], links: Mapping[str, str] | None = None) -> None:
        """``links`` are the structs that are described elsewhere."""
        self.definitions: dict[str, Any] = schema["$defs"]
        self._links = dict(links or {})

    def properties(self, name: str, *, leave_out: frozenset[str] = frozenset(), nulls: bool = True) -> str:
        """The table of a struct; ``nulls`` shows where null may stand."""
        definition = self.definitions[name]
        required = set(definition.get("required", ()))
        return table(
            ("key", "value", "default", "meaning"),
            (
                (
                    code(key),
                    self.kind(value, nulls=nulls),
                    "required" if key in required else self.default(value),
                    inline(value.get("description", "")),
                )
                for key, value in definition.get("properties", {}).items()
                if key not in leave_out
            ),
        )

    def default(self, schema: dict[str, Any]) -> str:
        """The default; empty for none, since its description says what applies."""
        value = schema.get("default")
        if isinstance(value, bool):
            return code("true" if value else "false")
        if value is None or (not value and not isinstance(value, int | float)):
            return ""
        text = value if isinstance(value, str) else json.dumps(value)
        return code(text) if len(text) < 60 else "all"

    def kind(self, schema: dict[str, Any], *, nulls: bool = False) -> str:
        """What a value may be."""
        if reference := schema.get("$ref"):
            return self.named(reference.rpartition("/")[2])
        if choices := schema.get("anyOf"):
            kinds = [self.kind(one, nulls=nulls) for one in choices if not is_variable(one)]
            if "yes or no" in kinds:
                kinds = [kind for kind in kinds if kind != "`no`, `yes`"]
            return " or ".join(dict.fromkeys(kind for kind in kinds if nulls or kind != "null"))
        if "const" in schema:
            return code(str(schema["const"]))
        if values := schema.get("enum"):
            return ", ".join(code(str(value)) for value in values)
        return self.plain(schema, nulls=nulls)

    def plain(self, schema: dict[str, Any], *, nulls: bool) -> str:
        """The kind of a value without alternatives."""
        kind = str(schema.get("type", "anything"))
        if kind == "array":
            items = schema.get("items")
            return f"list of {self.kind(items, nulls=nulls)}" if items else "list"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"mapping to {self.kind(schema['additionalProperties'], nulls=nulls)}"
        low, high = schema.get("minimum"), schema.get("maximum")
        word = KINDS.get(kind, kind)
        if low is not None and high is not None:
            return f"{word}, {low} to {high}"
        if low is not None:
            return f"{word}, {low} or more"
        return word

    def named(self, name: str) -> str:
        """A struct as a link to its table, an enumeration as its values."""
        if name in self._links:
            return self._links[name]
        definition = self.definitions[name]
        if values := definition.get("enum"):
            return ", ".join(code(str(value)) for value in values)
        return f"[{name}](#{name.lower()})"

    def structs(self) -> list[str]:
        """The names of the definitions that have properties."""
        return [name for name, definition in self.definitions.items() if "properties" in definition]


def is_variable(schema: dict[str, Any]) -> bool:
    """Whether it is the alternative ``${NAME}``, which scenarios have everywhere."""
    return bool(schema.get("type") == "string" and str(schema.get("pattern", "")).startswith("\\$"))
