"""The command ``srtpbot schema``: JSON Schemas of results, endpoint files and scenario files."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(name="schema")
@click.argument("subject", type=click.Choice(["result", "load", "endpoint", "scenario"]))
def command(subject: str) -> int:
    """Print the JSON Schema of a result, the result of a load, an endpoint file or a scenario."""
    import msgspec

    from bot.json_schema import json_schema

    if subject == "result":
        from bot.report.result import Result

        schema = json_schema(Result)
    elif subject == "load":
        from bot.load.result import LoadResult

        schema = json_schema(LoadResult)
    elif subject == "scenario":
        from bot.scenario.schema import scenario_schema

        schema = scenario_schema()
    else:
        from bot.config import EndpointConfig

        schema = json_schema(EndpointConfig)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    click.echo(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
    return 0
