"""Capabilities of the library build, measured once by an agent process before the first call."""

from __future__ import annotations

from functools import lru_cache

from bot.config import WITHOUT, Capabilities, EndpointConfig, codec_problem
from bot.config import check_build as check_settings
from bot.errors import ConfigError
from bot.ua.endpoint import Endpoint

__all__ = ["build", "calls_of_agent", "check_build", "check_codec"]

MOST_CALLS = 64
"""Calls of one of many agents, whatever the build takes: an agent that dies costs all of them."""


@lru_cache(maxsize=1)
def build() -> Capabilities:
    """The capabilities of the build; raises NativeError when no agent starts."""
    with Endpoint(name="build", bind="127.0.0.1") as endpoint:
        return endpoint.started.build


def calls_of_agent(config: EndpointConfig, calls: int) -> int:
    """How many of so many calls at once one of many agents takes; raises NativeError when none starts."""
    return min(calls, build().calls or 1, config.max_calls or MOST_CALLS, MOST_CALLS)


def check_codec(key: str, name: str) -> None:
    """Raise ConfigError "KEY: ..." unless the build has a codec of that name."""
    problem = codec_problem(name, build().codecs)
    if problem is not None:
        raise ConfigError(f"{key}: {problem}")


def check_build(config: EndpointConfig) -> None:
    """Raise ConfigError "KEY: ..." for settings that the build cannot carry out, codecs among them."""
    check_settings(config, build)
    for index, name in enumerate(config.codecs):
        check_codec(f"codecs[{index}]", name.removeprefix(WITHOUT))
