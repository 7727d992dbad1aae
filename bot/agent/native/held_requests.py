"""Requests that are withheld from the library's modules and given to them later.

A request is cloned before it has a transaction or a dialog, and the clone goes on at the module after the
one that withheld it (``pjsip_endpt_process_rx_data``).
"""

from __future__ import annotations

import ctypes
import re
from typing import NamedTuple

from bot.agent.native.received import Origin
from bot.agent.native.sip_module import Modules, Pointer
from bot.sip import Message

__all__ = ["HeldRequests", "Transaction"]

BRANCH = re.compile(r";\s*branch=([^;,\s]+)", re.IGNORECASE)


class Transaction(NamedTuple):
    """The common identity of a request, its retransmissions and its CANCEL (RFC 3261 9.1, 17.2.3)."""

    call_id: str | None
    number: int
    """Of the CSeq."""
    branch: str | None

    @classmethod
    def of(cls, message: Message) -> Transaction:
        """The transaction of a request."""
        branch = BRANCH.search(message.header("Via") or message.header("v") or "")
        number, _ = message.cseq or (0, "")
        return cls(message.call_id, number, branch[1] if branch else None)


class _Parameters(ctypes.Structure):
    """``pjsip_process_rdata_param`` of pjsip/sip_endpoint.h."""

    _fields_ = (
        ("priority", ctypes.c_uint),
        ("module", Pointer),
        ("index", ctypes.c_uint),
        ("silent", ctypes.c_int),
    )


class HeldRequests:
    """The clones of a module's held requests; raises MissingSymbol without the necessary C functions."""

    def __init__(self, modules: Modules, priority: int) -> None:
        """``priority`` is that of the module."""
        self._priority = priority
        c = self._c = modules.c
        self._endpoint = modules.endpoint
        self._origin = Origin()
        c.require("pjsip_rx_data_clone", "pjsip_rx_data_free_cloned", "pjsip_endpt_process_rx_data")

    def hold(self, rdata: int) -> int:
        """Clone a request; the address of the clone, 0 when that fails."""
        clone = Pointer()
        if not self._origin.holds_text(rdata) or self._c.pjsip_rx_data_clone(rdata, 0, ctypes.byref(clone)):
            return 0
        return clone.value or 0

    def release(self, clone: int) -> None:
        """Let the library process a request now."""
        start, handled = _Parameters(priority=self._priority + 1, silent=1), ctypes.c_int()
        self._c.pjsip_endpt_process_rx_data(self._endpoint, clone, ctypes.byref(start), ctypes.byref(handled))
        self.drop(clone)

    def drop(self, clone: int) -> None:
        """Forget a request."""
        self._c.pjsip_rx_data_free_cloned(clone)
