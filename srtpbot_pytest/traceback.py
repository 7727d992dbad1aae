"""Tracebacks without the frames of srtpbot."""

from __future__ import annotations

from types import TracebackType

import pytest

from srtpbot_pytest.ours import loaded

__all__ = ["shorten"]

INTERNAL = {"bot", "media", "srtpbot_pytest", "contextlib"}


def shorten(raised: pytest.ExceptionInfo[BaseException]) -> None:
    """Remove the frames of srtpbot from the traceback of a BotError."""
    errors = loaded("bot.errors")
    if errors is None or not isinstance(raised.value, errors.BotError):
        return
    step: TracebackType | None = raised.tb
    steps: list[TracebackType] = []
    while step is not None:
        steps.append(step)
        step = step.tb_next
    chain: TracebackType | None = None
    for step in reversed(steps):
        if not is_internal(step.tb_frame.f_globals.get("__name__", "")):
            chain = TracebackType(chain, step.tb_frame, step.tb_lasti, step.tb_lineno)
    if chain is not None:
        raised.traceback = type(raised.traceback)(chain)


def is_internal(module: str) -> bool:
    """Whether a module belongs to srtpbot, or is contextlib."""
    return module.partition(".")[0] in INTERNAL
