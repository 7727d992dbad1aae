"""REFERs (RFC 3515) that wait for the parent: each is an event, and a command decides about it.

Without a decision the settings of the endpoint count after a while.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable

from bot.agent.legs import Legs
from bot.agent.loop import Loop
from bot.agent.native.sip_module import Modules
from bot.agent.workarounds.held_refers import Refers
from bot.ipc import AnswerRefer, TransferRequested, Wired
from bot.sip import Message, redact

__all__ = ["Decisions"]

PATIENCE_S = 20.0
"""Less than the 32 s after which a request has failed (timer F, RFC 3261 17.1.2)."""
REFER_TO = ("Refer-To", "r")
IN_BRACKETS = re.compile(r"<([^>]*)>")


class Decisions:
    """Asks the parent about each REFER in a call; raises MissingSymbol where this build cannot hold any."""

    def __init__(
        self,
        modules: Modules,
        received: Callable[[], str],
        loop: Loop,
        legs: Legs,
        report: Callable[[Wired], None],
    ) -> None:
        self.code = 0
        """The status code for the REFER that the library deals with now; 0 leaves it to the settings."""
        self._loop = loop
        self._legs = legs
        self._report = report
        self._numbers = itertools.count(1)
        self._refers = Refers(modules, received, self._ask)

    def decide(self, command: AnswerRefer) -> None:
        """Let the library answer the REFER with the code of the command."""
        self._release(command.refer, command.code)

    def close(self) -> None:
        """Drop the REFERs that still wait."""
        self._refers.close()

    def _ask(self, message: Message) -> int | None:
        leg = self._legs.of_dialog(message.call_id or "")
        if leg is None:
            return None
        number = next(self._numbers)
        value = next((one for name in REFER_TO if (one := message.header(name))), "")
        inner = IN_BRACKETS.search(value)
        target = inner[1] if inner else value.strip()
        self._report(
            TransferRequested(
                at=time.monotonic(),
                call=leg.number,
                refer=number,
                refer_to=redact(target.partition("?")[0]),
                referred_by=redact(message.header("Referred-By") or message.header("b") or ""),
                replaces="replaces=" in target.lower(),
            )
        )
        self._loop.after(PATIENCE_S, lambda: self._release(number, 0))
        return number

    def _release(self, number: int, code: int) -> None:
        self.code = code
        try:
            self._refers.release(number)
        finally:
            self.code = 0
