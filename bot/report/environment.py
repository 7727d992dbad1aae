"""Environment of a run: versions, platform, library build, addresses of the endpoints."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

import msgspec

from bot.config import Capabilities
from bot.ipc import AgentReady

__all__ = ["EnvironmentResult", "environment", "environment_result", "version_of"]

PACKAGES = ("srtpbot", "pjsua2-python", "numpy", "soundfile", "soxr", "msgspec")


class EnvironmentResult(msgspec.Struct, kw_only=True):
    """Environment of a run."""

    platform: str
    """Operating system and processor architecture."""
    python: str
    """Version of Python."""
    packages: list[str]
    """Names and versions of packages on which the result may depend."""
    build: Capabilities | None
    """Capabilities of the library build; null if no endpoint has started."""


def environment_result(agents: Mapping[str, AgentReady]) -> EnvironmentResult:
    """The environment with the library build, which all endpoints share."""
    first = next(iter(agents.values()), None)
    return EnvironmentResult(
        platform=f"{platform.platform()}, {platform.machine()}",
        python=sys.version.split()[0],
        packages=list(installed()),
        build=first.build if first is not None else None,
    )


def environment(agents: Mapping[str, AgentReady]) -> Iterator[tuple[str, str]]:
    """Names and values of the environment; all endpoints have the same library build."""
    yield "platform", f"{platform.platform()}, {platform.machine()}"
    yield "Python", sys.version.split()[0]
    yield "packages", ", ".join(installed())
    for agent in list(agents.values())[:1]:
        build = agent.build
        yield "library", f"PJSIP {build.version}, {build.calls} calls in an endpoint, {build.io_queue}"
        yield "codecs", ", ".join(map(str, build.codecs))
        yield "crypto suites", ", ".join(build.suites)
        yield "keying", ", ".join(build.keyings)
        yield "TLS", f"up to {build.tls or 'none'}; {build.tls_library or 'unknown library'}"
        yield "IPv6", "yes" if build.ipv6 else "no"
    for name, agent in agents.items():
        listeners = ", ".join(
            f"{listener.transport} {listener.host}:{listener.port}" for listener in agent.listeners
        )
        yield name, f"listened on {listeners or 'nothing'}; recordings at {agent.conference_rate} Hz"


def installed() -> Iterator[str]:
    """Versions of the packages on which a result may depend."""
    for name in PACKAGES:
        if found := version_of(name):
            yield f"{name} {found}"


def version_of(name: str) -> str:
    """The version of a package; empty for a package that is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
