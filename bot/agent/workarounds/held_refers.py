"""REFER requests that wait for a decision of the parent, held before the library processes them.

The library asks for the answer to a REFER in a callback, and the pumping thread must not wait there for
another process. So a REFER is withheld before it has a transaction. After the decision it is returned to
the library at the same place (``held_requests``). Until then its retransmissions are dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.agent.native.held_requests import HeldRequests, Transaction
from bot.agent.native.sip_module import Modules
from bot.sip import Message

__all__ = ["Refers"]

BEHIND_TRANSACTIONS = 31
"""PJSIP_MOD_PRIORITY_UA_PROXY_LAYER - 1: after the transaction layer, before the dialog layer."""
MOST = 16
"""Maximum number of held REFERs; the library answers any further REFER by the settings."""


class Refers:
    """Holds REFERs in dialogs; raises MissingSymbol without the necessary C functions.

    ``asks(message)`` is called for each REFER. It returns the number under which the REFER waits, or None
    when it needs no decision. All calls are on the pumping thread.
    """

    def __init__(
        self, modules: Modules, received: Callable[[], str], asks: Callable[[Message], int | None]
    ) -> None:
        self._received = received
        self._asks = asks
        self._held: dict[int, tuple[int, Transaction]] = {}
        self._requests = HeldRequests(modules, BEHIND_TRANSACTIONS)
        modules.register(b"mod-srtpbot-refer", BEHIND_TRANSACTIONS, on_request=self._arrived)

    def release(self, number: int) -> None:
        """Let the library process a REFER now; does nothing if it is not held any more."""
        address, _ = self._held.pop(number, (0, None))
        if address:
            self._requests.release(address)

    def close(self) -> None:
        """Drop all held REFERs; call it before the library ends."""
        for address, _ in self._held.values():
            self._requests.drop(address)
        self._held.clear()

    def _arrived(self, rdata: int) -> int:
        text = self._received()
        if not text.startswith("REFER "):
            return 0
        message = Message.parse(text)
        if ";tag=" not in (message.header("To") or message.header("t") or ""):
            return 0
        request = Transaction.of(message)
        if any(held == request for _, held in self._held.values()):
            return 1
        number = self._asks(message) if len(self._held) < MOST else None
        if number is None:
            return 0
        clone = self._requests.hold(rdata)
        if not clone:
            return 0
        self._held[number] = (clone, request)
        return 1
