"""Handlers of the commands, in a file for each subject; the type of a command selects its handler."""

from bot.agent.handlers import calls, media, registration, renegotiation, requests, transfers
from bot.agent.handlers.dispatch import carry_out

__all__ = ["calls", "carry_out", "media", "registration", "renegotiation", "requests", "transfers"]
