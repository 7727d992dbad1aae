"""The page of expectations: their method, key and option."""

from __future__ import annotations

import inspect

from bot.expectations import (
    CallExpectation,
    EndpointExpectation,
    RecordingExpectation,
    definitions,
)
from bot.scenario.schema import scenario_schema
from tools.pages.markdown import NOTE, code, inline, table
from tools.pages.scenarios import LINKS
from tools.pages.schema_tables import SchemaTables

__all__ = ["page"]

HEAD = """# Expectations

One definition makes the method of `expect(...)`, the key of the `expect` step in scenarios and the option
of `srtpbot call` and `srtpbot answer`. Each waits, fails as soon as it can no longer come true, and says
what was expected and what was observed. Python methods take `timeout` in seconds.
"""
OWNERS = {
    "Of a call": (CallExpectation, "`expect(call)`; in a scenario `expect: {on: NAME, ...}`"),
    "Of a recording": (
        RecordingExpectation,
        "`expect(recording)`; in a scenario `expect: {recording: NAME, ...}`",
    ),
    "Of an endpoint": (EndpointExpectation, "`expect(endpoint)`; in a scenario `expect: {on: NAME, ...}`"),
}


def page() -> str:
    """The page."""
    tables = SchemaTables(scenario_schema(), LINKS)
    keys = tables.definitions["Expect"]["properties"]
    parts = [NOTE + HEAD]
    told: set[str] = set()
    for title, (owner, how) in OWNERS.items():
        rows = []
        for definition in definitions(owner):
            names = {definition.key: definition.option}
            names |= {name: one.option for name, one in definition.companions.items() if name not in told}
            texts = {definition.key: definition.description}
            texts |= {name: one.description for name, one in definition.companions.items()}
            for name, option in names.items():
                method = code(definition.method) if name == definition.key else ""
                value = tables.kind(keys[name]) if name in keys else ""
                rows.append((method, both(name, option), value, inline(texts[name])))
            told |= set(names)
        parts.append(f"## {title}\n\n{how}.\n\n" + table(("method", "key, option", "value", "meaning"), rows))
        parts.append(methods(owner))
    rest = frozenset(told)
    parts.append("## Further keys of the step\n\n" + tables.properties("Expect", leave_out=rest, nulls=False))
    for name in ("Stream", "Mailbox", "Level"):
        parts.append(f"## {name}\n\n{tables.properties(name, nulls=False)}")
    return "\n".join(parts)


def both(key: str, option: str) -> str:
    """The key and the option."""
    return f"{code(key)}, {code(option)}" if option else code(key)


def methods(owner: type) -> str:
    """The methods that have no key."""
    keyed = {definition.method for definition in definitions(owner)}
    keyed |= {definition.negative for definition in definitions(owner)}
    rows = [
        (code(name), inline(" ".join((inspect.getdoc(method) or "").partition("\n\n")[0].split())))
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if name.startswith(("to_", "not_to_")) and name not in keyed
    ]
    return "In Python only:\n\n" + table(("method", "meaning"), rows) if rows else ""
