"""``srtpbot schema``: the JSON Schema of what srtpbot writes and reads."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(name="schema")
@click.argument("subject", type=click.Choice(["result", "endpoint", "scenario"]))
def command(subject: str) -> int:
    """Print the JSON Schema of a result, of an endpoint's YAML file or of a scenario."""
    import msgspec

    if subject == "result":
        from bot.report.result import Result

        schema = msgspec.json.schema(Result)
    elif subject == "scenario":
        from bot.scenario.schema import scenario_schema

        schema = scenario_schema()
    else:
        from bot.config import EndpointConfig

        schema = msgspec.json.schema(EndpointConfig)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    click.echo(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
    return 0
