"""The page of the JSON result."""

from __future__ import annotations

from bot.json_schema import json_schema
from bot.report.result import Result
from tools.pages.markdown import NOTE, paragraphs
from tools.pages.schema_tables import SchemaTables

__all__ = ["page"]

HEAD = """# The result

`--json FILE` and `result.json` under `--out DIR`, with `"schema": "srtpbot.result/1"`. A number that was not
measured is null, never 0. `srtpbot schema result` prints the JSON Schema.
"""


def page() -> str:
    """The page."""
    tables = SchemaTables(json_schema(Result))
    parts = [NOTE + HEAD]
    for name in tables.structs():
        about = paragraphs(tables.definitions[name].get("description"))
        parts.append(f"## {name}\n\n{about}\n\n{tables.properties(name)}")
    return "\n".join(parts)
