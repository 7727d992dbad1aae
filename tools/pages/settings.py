"""The page of endpoint settings."""

from __future__ import annotations

from bot.config import EndpointConfig
from bot.json_schema import json_schema
from tools.pages.markdown import NOTE, paragraphs
from tools.pages.schema_tables import SchemaTables

__all__ = ["page"]

HEAD = """# Endpoint settings

The same keys in three places: an endpoint file (`--config FILE`), the endpoints of a scenario, and the
keywords of `Endpoint(...)` in Python. The keys of `tls`, `nat` and `limits` are also keywords with a
prefix: `tls_ca`, `nat_stun`, `limits_silence_s`. A key that is left out has its default. `srtpbot schema
endpoint` prints the JSON Schema.
"""
PARTS = (
    "EndpointConfig",
    "AccountConfig",
    "Credential",
    "Subscription",
    "TlsConfig",
    "NatConfig",
    "TurnConfig",
)


def page() -> str:
    """The page."""
    tables = SchemaTables(json_schema(EndpointConfig))
    parts = [NOTE + HEAD]
    names = [*PARTS, *(name for name in tables.structs() if name not in PARTS)]
    for name in names:
        about = paragraphs(tables.definitions[name].get("description"))
        parts.append(f"## {name}\n\n{about}\n\n{tables.properties(name, nulls=False)}")
    return "\n".join(parts)
