"""Calls with a silent peer: the library keeps their slot for 32 s without ACK, and for 32 s after BYE.

These are timers H and F of RFC 3261 17, seen in PJSIP 2.15.1. With four slots, a stranger can occupy them
all. So ``pjsip_inv_terminate`` ends such a session here, which also stops the retransmissions of the
response to its INVITE. A BYE that was sent continues by itself. Sessions are found by the tags of their
dialogs, because an ended session is no longer in memory.
"""

from __future__ import annotations

import ctypes
import re
from typing import NamedTuple

from bot.agent.header_lines import CALL_ID
from bot.agent.native.sip_module import Modules, Name
from bot.sip import StatusCode

__all__ = ["Dialog", "Sessions", "dialog_of_response"]

BEFORE_PRINTING = 12
"""Like ``native.message_bytes``."""
CANCELLED = 70014
"""PJ_ECANCELLED."""
TO, FROM = (
    re.compile(rf"\n(?:{name})[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^;\s]+)", re.IGNORECASE)
    for name in ("To|t", "From|f")
)


class Dialog(NamedTuple):
    """The identifiers of a dialog (RFC 3261 12)."""

    call_id: str
    local: str
    """The tag of this side."""
    remote: str


def dialog_of_response(text: str) -> Dialog | None:
    """The dialog of a response of this side; None when it creates none."""
    call_id, local, remote = CALL_ID.search(text), TO.search(text), FROM.search(text)
    return Dialog(call_id[1], local[1], remote[1]) if call_id and local and remote else None


class Sessions:
    """The library's INVITE sessions; raises MissingSymbol when this build does not export them."""

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.require("pjsip_ua_find_dialog", "pjsip_dlg_get_inv_session", "pjsip_inv_terminate")
        self._mute = False
        modules.register(b"mod-srtpbot-mute", BEFORE_PRINTING, on_transmit=self._leave)

    def of(self, dialog: Dialog) -> int:
        """The session of a dialog; 0 without one."""
        texts = [one.encode("utf-8", "surrogateescape") for one in dialog]
        names = [ctypes.byref(Name(text, len(text))) for text in texts]
        found = self._c.pjsip_ua_find_dialog(*names, 0)
        return (self._c.pjsip_dlg_get_inv_session(found) or 0) if found else 0

    def terminate(self, dialog: Dialog) -> bool:
        """End the session of a dialog, if there is one, and notify its call."""
        session = self.of(dialog)
        if session:
            self._mute = True
            try:
                self._c.pjsip_inv_terminate(session, int(StatusCode.REQUEST_TIMEOUT), 1)
            finally:
                self._mute = False
        return bool(session)

    def _leave(self, tdata: int) -> int:
        """Suppress the BYE of a session without an ACK (RFC 3261 15): its peer may not exist."""
        return CANCELLED if self._mute else 0
