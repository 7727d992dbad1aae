"""The page of scenario files and their steps."""

from __future__ import annotations

from bot.bots import NAMES, options_of
from bot.config import EndpointConfig
from bot.scenario.schema import scenario_schema
from tools.pages.markdown import NOTE, code, paragraphs, table
from tools.pages.schema_tables import SchemaTables

__all__ = ["page"]

HEAD = """# Scenarios

A scenario is a YAML file for `srtpbot run`. `${NAME}` may stand for any value; `--var`, the environment,
`vars`, `matrix` and `data` give it one. `srtpbot schema scenario` prints the JSON Schema, with which an
editor completes and checks the file.
"""
STEP = """## Steps

Each item of `steps` has one key, the name of the step. Every step has a deadline: `timeout` of the step,
else of the scenario.
"""
LINKS = {"Step": "[step](#steps)", "Sound": "[signal](signals.md) or file"}
OF_ENDPOINTS = frozenset(EndpointConfig.__struct_fields__)


def page() -> str:
    """The page."""
    tables = SchemaTables(scenario_schema(), LINKS)
    parts = [NOTE + HEAD]
    about = paragraphs(tables.definitions["Scenario"].get("description"))
    parts.append(f"## Scenario\n\n{about}\n\n{tables.properties('Scenario', nulls=False)}")
    own = tables.properties("EndpointSpec", leave_out=OF_ENDPOINTS, nulls=False)
    parts.append(
        "## EndpointSpec\n\nAn endpoint of a scenario has every [setting of an endpoint](settings.md), and"
        f" these keys:\n\n{own}"
    )
    parts.append("## Bots\n\nThe values of `as`, and of `srtpbot answer --as`:\n\n" + bots())
    parts.append(STEP)
    for key, value in tables.definitions["Step"]["properties"].items():
        parts.append(step(tables, key, value))
    return "\n".join(parts)


def bots() -> str:
    """The bots with their options."""
    rows = []
    for name in NAMES:
        options = ", ".join(code(option) for option in options_of(name))
        rows.append((code(name), options))
    return table(("bot", "options"), rows)


def step(tables: SchemaTables, key: str, schema: dict[str, object]) -> str:
    """The section of a step."""
    about = f"### {key}\n\n{paragraphs(str(schema.get('description', '')))}\n\n"
    name = struct_of(tables, schema)
    if key == "expect":
        return about + "Its keys are the [expectations](expectations.md).\n"
    if name is None:
        return about + f"Its value is a {tables.kind(schema)}.\n"
    return about + tables.properties(name, nulls=False)


def struct_of(tables: SchemaTables, schema: dict[str, object]) -> str | None:
    """The struct of a step's keys; None for a list of steps."""
    choices = schema.get("anyOf", [schema])
    assert isinstance(choices, list)
    names = [one["$ref"].rpartition("/")[2] for one in choices if "$ref" in one]
    return next((name for name in names if "properties" in tables.definitions[name]), None)
