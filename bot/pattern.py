"""Regular expressions of a user on text from the network: their time is limited.

A peer chooses the text, and a pattern such as ``(a|aa)+$`` takes exponential time on some texts. Python's
``re`` cannot be interrupted. The ``regex`` module has the same syntax, groups and look-around included, and a
time limit; RE2 would be linear, but has neither look-around nor back-references, which users need.
"""

from __future__ import annotations

import time
from typing import Any, Final

from bot.errors import BotError, ConfigError
from bot.harmless import harmless

__all__ = ["Pattern", "SlowPattern"]

SEARCH_S: Final = 0.1
"""Processor time of one search."""
TOTAL_S: Final = 0.5
"""Of all searches of a pattern: a message may have hundreds of header fields."""
REMEMBERED: Final = 256
"""Cache of results: a condition is evaluated again at each event."""


class SlowPattern(BotError):
    """The time limit of a pattern has passed: whether the text matches is not known."""


class Pattern:
    """A regular expression. Raises ConfigError when the text is not one."""

    def __init__(self, text: str, *, multiline: bool = False) -> None:
        import regex  # 20 ms, and most agents need none

        self.text = text
        try:
            self._compiled: Any = regex.compile(
                text, regex.MULTILINE if multiline else 0, cache_pattern=False
            )
        except (regex.error, OverflowError, RecursionError) as error:
            raise ConfigError(f"{text!r} is not a regular expression: {error}") from None
        self._left_s = TOTAL_S
        self._known: dict[str, bool] = {}

    def found_in(self, text: str) -> bool:
        """Whether the expression matches somewhere in the text; raises SlowPattern."""
        if text not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[text] = self._search(text)
        return self._known[text]

    def replaced_in(self, text: str, replacement: str) -> tuple[str, int]:
        """The text with each match replaced, and how many there were; raises SlowPattern."""
        try:
            changed, count = self._compiled.subn(replacement, text, timeout=TOTAL_S)
        except TimeoutError:
            raise self._slow(text) from None
        return changed, count

    def _search(self, text: str) -> bool:
        if self._left_s <= 0:
            raise self._slow(text)
        began = time.thread_time()
        try:
            found = self._compiled.search(text, timeout=min(SEARCH_S, self._left_s), concurrent=True)
        except (TimeoutError, MemoryError):
            self._left_s = 0
            raise self._slow(text) from None
        self._left_s -= time.thread_time() - began
        return found is not None

    def _slow(self, text: str) -> SlowPattern:
        shown = harmless(text, 60)
        return SlowPattern(
            f"/{self.text}/ takes too long on {shown!r}: stopped after {SEARCH_S:g} s; "
            "simplify the expression, nested repetitions take exponential time"
        )
