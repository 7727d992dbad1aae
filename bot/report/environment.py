"""Where a run took place: versions, platform, the library's build and what each endpoint listened on."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version

from bot.events import AgentReady

__all__ = ["environment"]

PACKAGES = ("srtpbot", "pjsua2-python", "numpy", "soundfile", "soxr", "msgspec")


def environment(agents: Mapping[str, AgentReady]) -> Iterator[str]:
    """A list of names and values."""
    yield "<dl>"
    for name, value in facts(agents):
        yield f"<dt>{escape(name)}<dd>{escape(value)}"
    yield "</dl>"


def facts(agents: Mapping[str, AgentReady]) -> Iterator[tuple[str, str]]:
    """What is known; of the build once, since all endpoints run the same."""
    yield "platform", f"{platform.platform()}, {platform.machine()}"
    yield "Python", sys.version.split()[0]
    yield "packages", ", ".join(installed())
    for agent in list(agents.values())[:1]:
        yield "library", f"PJSIP {agent.version}"
        yield "codecs", ", ".join(str(codec) for codec in agent.codecs)
        yield "crypto suites", ", ".join(agent.suites)
    for name, agent in agents.items():
        heard = ", ".join(f"{one.transport} {one.host}:{one.port}" for one in agent.listeners)
        yield name, f"listened on {heard or 'nothing'}; recordings at {agent.conference_rate} Hz"


def installed() -> Iterator[str]:
    """The packages that a result may depend on."""
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
