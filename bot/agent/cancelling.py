"""CANCEL of an outgoing re-INVITE (RFC 3261 9.1), by the library's exported C functions.

The bindings cancel the first INVITE of a call only. The library can hold a CANCEL back itself, but when no
provisional response lets it go it would send it for the next re-INVITE; so whoever uses this holds it back.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.modules import Modules, Pointer
from bot.agent.refusal import Refused

__all__ = ["Canceller", "OpenReinvite"]

PROVISIONAL, FINAL = 100, 200


class Canceller:
    """Raises AttributeError when this build does not export what cancelling takes."""

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.pjsip_tsx_get_dlg.restype = c.pjsip_dlg_get_inv_session.restype = Pointer
        c.pjsip_tsx_get_dlg.argtypes = c.pjsip_dlg_get_inv_session.argtypes = [Pointer]
        c.pjsip_inv_cancel_reinvite.argtypes = [Pointer, Pointer]
        c.pjsip_inv_send_msg.argtypes = [Pointer, Pointer]

    def cancel(self, transaction: int) -> None:
        """Send CANCEL for the re-INVITE of that transaction, which has had a provisional response.

        Refused when the library does not do it.
        """
        dialog, message = self._c.pjsip_tsx_get_dlg(transaction), Pointer()
        session = self._c.pjsip_dlg_get_inv_session(dialog) if dialog else None
        if not session:
            raise Refused("call", "the re-INVITE is over")
        status = self._c.pjsip_inv_cancel_reinvite(session, ctypes.byref(message))
        if not status and message:
            status = self._c.pjsip_inv_send_msg(session, message)
        if status:
            raise Refused("call", pj.Endpoint.instance().utilStrError(status))


class OpenReinvite:
    """A call's own re-INVITE that has no final response, and the CANCEL that waits for a provisional one."""

    def __init__(self) -> None:
        self._transaction: int | None = None
        self._provisional = False
        self._waiting: Callable[[int], None] | None = None

    def observe(self, transaction: int, code: int) -> None:
        """The re-INVITE's transaction has this status code now; 0 before any response."""
        if code >= FINAL:
            if transaction == self._transaction:
                self._transaction = self._waiting = None
            return
        self._transaction, self._provisional = transaction, code >= PROVISIONAL
        if self._provisional and self._waiting is not None:
            send, self._waiting = self._waiting, None
            send(transaction)

    def cancel(self, send: Callable[[int], None]) -> None:
        """Send a CANCEL for it, at once or as soon as there is a provisional response (RFC 3261 9.1).

        Refused when there is no such re-INVITE.
        """
        if self._transaction is None:
            raise Refused("call", "it was answered before, so there is nothing to cancel")
        if self._provisional:
            send(self._transaction)
        else:
            self._waiting = send
