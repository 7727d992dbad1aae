"""A call of a packet capture as a scenario: one side of it is played again, the other side is expected."""

from bot.captured.conversion import Converted, Side, convert
from bot.captured.reading import CallOfCapture, calls_of

__all__ = ["CallOfCapture", "Converted", "Side", "calls_of", "convert"]
