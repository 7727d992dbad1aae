"""CANCEL of an outgoing re-INVITE (RFC 3261 9.1), by the library's exported C functions.

The bindings cancel only the first INVITE of a call. The library can delay a CANCEL itself, but without a
provisional response it would send the CANCEL for the next re-INVITE. So the caller delays it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.callbacks import CommandRefused
from bot.agent.native.sip_module import Modules, Pointer
from bot.sip import is_final, is_provisional

__all__ = ["Canceller", "OpenReinvite"]


class Canceller:
    """Sends CANCEL requests; raises MissingSymbol when this build does not export the necessary functions."""

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.require("pjsip_tsx_get_dlg", "pjsip_dlg_get_inv_session")
        c.require("pjsip_inv_cancel_reinvite", "pjsip_inv_send_msg")

    def cancel(self, transaction: int) -> None:
        """Send CANCEL for the re-INVITE of that transaction, which has received a provisional response.

        Raises Refused when the library does not send it.
        """
        dialog, message = self._c.pjsip_tsx_get_dlg(transaction), Pointer()
        session = self._c.pjsip_dlg_get_inv_session(dialog) if dialog else None
        if not session:
            raise CommandRefused("call", "the re-INVITE is over")
        status = self._c.pjsip_inv_cancel_reinvite(session, ctypes.byref(message))
        if not status and message:
            status = self._c.pjsip_inv_send_msg(session, message)
        if status:
            raise CommandRefused("call", pj.Endpoint.instance().utilStrError(status))


class OpenReinvite:
    """The pending re-INVITE of this side, and the CANCEL that waits for its provisional response."""

    def __init__(self) -> None:
        self._transaction: int | None = None
        self._provisional = False
        self._waiting: Callable[[int], None] | None = None

    def observe(self, transaction: int, code: int) -> None:
        """The re-INVITE's transaction has a new status code; 0 before any response."""
        if is_final(code):
            if transaction == self._transaction:
                self._transaction = self._waiting = None
            return
        self._transaction, self._provisional = transaction, is_provisional(code)
        if self._provisional and self._waiting is not None:
            send, self._waiting = self._waiting, None
            send(transaction)

    def cancel(self, send: Callable[[int], None]) -> None:
        """Send a CANCEL for it, at once or after the first provisional response (RFC 3261 9.1).

        Raises CommandRefused without such a re-INVITE.
        """
        if self._transaction is None:
            raise CommandRefused("call", "it was answered before, so there is nothing to cancel")
        if self._provisional:
            send(self._transaction)
        else:
            self._waiting = send
