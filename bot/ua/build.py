"""Capabilities of the library build, measured once by an agent process before the first call."""

from __future__ import annotations

from functools import lru_cache

from bot.config import WITHOUT, Capabilities, EndpointConfig, codec_problem
from bot.config import check_build as check_settings
from bot.errors import ConfigError
from bot.ua.endpoint import Endpoint

__all__ = ["build", "check_build", "check_codec"]


@lru_cache(maxsize=1)
def build() -> Capabilities:
    """The capabilities of the build; raises NativeError when no agent starts."""
    with Endpoint(name="build", bind="127.0.0.1") as endpoint:
        return endpoint.started.build


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
