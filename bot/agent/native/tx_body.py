"""Temporary removal of the body of a sent message (pjsip/sip_transport.h), by exported C functions."""

from __future__ import annotations

from bot.agent.native.sip_module import Modules
from bot.agent.native.structs import SentMessage

__all__ = ["HiddenBody"]


class HiddenBody:
    """Removes the body of one message and restores it; the message stays allocated until then.

    Raises MissingSymbol when this build does not export the necessary functions.
    """

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.require("pjsip_tx_data_add_ref", "pjsip_tx_data_dec_ref")
        self._hidden: tuple[int, int | None] | None = None

    def hide(self, address: int) -> None:
        """Remove the body of the message at this address, unless this build has another layout."""
        self.show()
        sent = SentMessage.from_address(address)
        if sent.name.startswith(b"tdta"):
            self._c.pjsip_tx_data_add_ref(address)
            self._hidden = address, sent.message.contents.body
            sent.message.contents.body = None

    def show(self) -> None:
        """Restore the body, if one was removed."""
        if self._hidden is not None:
            (address, body), self._hidden = self._hidden, None
            SentMessage.from_address(address).message.contents.body = body
            self._c.pjsip_tx_data_dec_ref(address)
