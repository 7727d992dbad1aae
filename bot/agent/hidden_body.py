"""A message that has left, without its body for a while (pjsip/sip_transport.h), by exported C functions."""

from __future__ import annotations

from bot.agent.messages import SentMessage
from bot.agent.modules import Modules, Pointer

__all__ = ["HiddenBody"]


class HiddenBody:
    """Takes the body off one message and puts it back; the message lives until then.

    Raises AttributeError when this build does not export what that takes.
    """

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.pjsip_tx_data_add_ref.argtypes = c.pjsip_tx_data_dec_ref.argtypes = [Pointer]
        self._hidden: tuple[int, int | None] | None = None

    def hide(self, address: int) -> None:
        """Take the body off the message there, unless this build lays one out in another way."""
        self.show()
        sent = SentMessage.from_address(address)
        if sent.name.startswith(b"tdta"):
            self._c.pjsip_tx_data_add_ref(address)
            self._hidden = address, sent.message.contents.body
            sent.message.contents.body = None

    def show(self) -> None:
        """Put it back, if there is one to put back."""
        if self._hidden is not None:
            (address, body), self._hidden = self._hidden, None
            SentMessage.from_address(address).message.contents.body = body
            self._c.pjsip_tx_data_dec_ref(address)
