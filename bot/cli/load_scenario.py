"""Option ``load --scenario``: the scenario, the settings of its endpoint, and what contradicts it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import click
from click.core import ParameterSource

from bot.cli.case_selection import given_values
from bot.config import EndpointConfig
from bot.errors import ConfigError
from bot.load.fitting import check_fits, longest_s
from bot.load.plan import Length, Plan
from bot.load.run import Target
from bot.load.scripted import own_values
from bot.scenario.template import Template

__all__ = ["scenario_of", "settings_of", "with_length_of"]

INSTEAD = {
    "config_file": "write config: FILE into the scenario's endpoint",
    "verify": "an expect step of the scenario verifies the audio",
    "length": "the steps of the scenario say how long a call lasts",
    "play": "use a play step",
    "dtmf": "use a dtmf step",
    "dtmf_method": "use a dtmf step",
    "header_texts": "write headers: into the call step",
    "ring_timeout": "write ring_timeout: into the call step",
}
"""What to do instead of an option that contradicts a scenario."""


def scenario_of(options: dict[str, Any], target: Target) -> Template | None:
    """The scenario of ``--scenario``; raises ConfigError for a file that does not fit a load."""
    file, texts = options.pop("scenario_file"), options.pop("given")
    if file is None:
        if texts:
            raise ConfigError("--var: needs --scenario FILE, whose variables it sets")
        return None
    refuse_contradictions()
    user = target.users[0] if target.users else None
    uri = user.to if user is not None and user.to else target.uri
    own = own_values(1, 0, 0, uri=uri, user=user.id if user is not None else "")
    template = Template.of(file, given_values(texts, [file]), own)
    for case in template.cases:
        check_fits(case, uri)
        if case.endpoints != template.cases[0].endpoints:
            raise ConfigError(
                f"{file}: the settings of its endpoint differ between the values of matrix or data; use the "
                "same ones, those of all agents of a load"
            )
    return template


def refuse_contradictions() -> None:
    """Raise ConfigError for a given option that a scenario replaces."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = str(parameter.name)
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        instead = "use an expect step" if name.startswith("expect_") else INSTEAD.get(name)
        if instead is not None:
            raise ConfigError(f"{parameter.opts[0]} and --scenario: {instead}; remove {parameter.opts[0]}")


def settings_of(template: Template) -> EndpointConfig:
    """The settings of the scenario's endpoint."""
    case = template.cases[0]
    [config] = case.endpoints.values()
    return config.with_options(detect_inband_dtmf=True) if case.listeners else config


def with_length_of(plan: Plan, template: Template) -> Plan:
    """The plan with the lengths of the scenario's calls, as far as its steps say them."""
    case = template.cases[0]
    seconds = math.ceil(max(longest_s(one) for one in template.cases))
    return replace(plan, length=Length(seconds, seconds), verify=0.0, scenario=case.file)
