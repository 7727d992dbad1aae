"""The pages of the reference in ``docs/reference``, each made from the code that it describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tools.pages import commands, expectations, python_api, result, scenarios, settings, signals

__all__ = ["PAGES"]

PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands.page,
    "settings.md": settings.page,
    "scenarios.md": scenarios.page,
    "expectations.md": expectations.page,
    "signals.md": signals.page,
    "result.md": result.page,
    "python.md": python_api.page,
}
"""Each page by the name of its file."""
