"""The command about registrations (RFC 3261 10.2)."""

from __future__ import annotations

from bot.agent.handlers.dispatch import carry_out
from bot.agent.session import Session
from bot.ipc import Register

__all__: list[str] = []


@carry_out.register
def register(command: Register, session: Session) -> None:
    """Register an account, or remove its registration."""
    session.accounts.named(command.account).register(on=command.on)
