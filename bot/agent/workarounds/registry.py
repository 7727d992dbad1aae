"""The registry of workarounds: which ones are active on this build of the library, and why others are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from bot.agent.native.library import MissingSymbol
from bot.config import WorkaroundState

__all__ = ["Registry"]

T = TypeVar("T")


class Registry:
    """Installs the agent's parts that work below the bindings, and stores the outcome of each."""

    def __init__(self, version: str) -> None:
        """``version`` is that of the library, such as ``2.15.1`` or ``2.17-dev``."""
        self._version = numbers(version)
        self.states: list[WorkaroundState] = []

    def install(
        self, name: str, make: Callable[[], T], *, mended_in: str = "", wanted: bool = True
    ) -> T | None:
        """Install and return the result of ``make``.

        None if this build cannot support it or does not need it. ``mended_in`` is the first version of
        PJSIP without the fault; empty if every version has it. ``wanted`` is whether the settings need the
        workaround.
        """
        if mended_in and self._version >= numbers(mended_in):
            self.leave_out(name, f"mended in PJSIP {mended_in}")
            return None
        if not wanted:
            self.leave_out(name, "the settings do not need it")
            return None
        try:
            made = make()
        except (MissingSymbol, OSError) as missing:
            self.states.append(WorkaroundState(name=name, state="not possible", reason=str(missing)))
            return None
        self.states.append(WorkaroundState(name=name, state="active"))
        return made

    def leave_out(self, name: str, reason: str) -> None:
        """This build does not need the workaround."""
        self.states.append(WorkaroundState(name=name, state="not needed", reason=reason))


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparison."""
    return tuple(map(int, re.findall(r"\d+", version.partition("-")[0])))
