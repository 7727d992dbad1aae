"""The table of handlers: a function with ``@carry_out.register`` handles the type of its first argument."""

from __future__ import annotations

from functools import singledispatch

from bot.agent.session import Session
from bot.ipc.commands import Command

__all__ = ["carry_out"]


@singledispatch
def carry_out(command: Command, session: Session) -> None:
    """Carry out a command; raises CommandRefused or ``pjsua2.Error`` when it cannot be done."""
    raise NotImplementedError(f"no handler for {type(command).__name__}")
