"""Telephone-events (RFC 4733) that arrive right before a BYE, which the library would discard.

The library reads RTP on its own thread. A telephone-event waits there for the next turn of the pumping
thread, and is dropped if its call has ended by then. So digits right before a BYE would not be reported.
Packets that are still in a socket are lost in the same way.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.agent.native.media_thread import MediaThread
from bot.agent.native.sip_module import Modules

__all__ = ["PendingCallbacks"]

BEFORE_TRANSACTIONS = 12
"""Before PJSIP_MOD_PRIORITY_TSX_LAYER (16), so that no dialog is locked."""
INSTANCE = "_ZN2pj8Endpoint8instanceEv"
PERFORM = "_ZN2pj8Endpoint18performPendingJobsEv"


class PendingCallbacks:
    """Runs pending callbacks before a BYE reaches its dialog; ``received()`` returns the current message.

    Raises MissingSymbol without the necessary C functions.
    """

    def __init__(self, modules: Modules, received: Callable[[], str], media: MediaThread) -> None:
        c = modules.c
        self._received = received
        self._perform, self._endpoint = c[PERFORM], c[INSTANCE]()
        self._media = media
        modules.register(b"mod-srtpbot-pending", BEFORE_TRANSACTIONS, on_request=self._arrived)

    def run(self) -> None:
        """Wait for the media thread and run all pending callbacks; only on the pumping thread."""
        self._media.catch_up()
        self._perform(self._endpoint)

    def _arrived(self, _: int) -> int:
        if self._received().startswith("BYE "):
            self.run()
        return 0
