"""bot.config.limits: invalid limits, and the defaults of an endpoint with a controller."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bot.config import EndpointConfig, LimitsConfig
from bot.errors import ConfigError


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, 1e9])
def test_no_number_of_seconds(value: float) -> None:
    with pytest.raises(ConfigError, match=r"limits\.silence_s"):
        EndpointConfig().with_options(limits_silence_s=value)


def test_an_answering_endpoint_ends_silent_calls() -> None:
    decided = LimitsConfig(silence_s=0).for_strangers()
    assert (decided.silence_s, decided.call_length_s, decided.make_room) == (0, 43_200, True)
    assert LimitsConfig().for_strangers().silence_s == 300
    assert LimitsConfig().silence_s is None


def test_part_of_the_settings() -> None:
    options: dict[str, Any] = {"limits_invites_per_s": "7"}  # as the command line has it
    config = EndpointConfig().with_options(**options)
    assert config.limits.invites_per_s == 7
