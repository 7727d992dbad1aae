"""Answers requests in a dialog that the library has no use for and would answer with 500 itself.

OPTIONS gets what the library can do (RFC 3261 11.2), INFO a 200, or 469 when it belongs to a package,
since none was agreed on (RFC 6086 4.2.2). INFO that the library understands is left to it.
"""

from __future__ import annotations

import ctypes

import pjsua2 as pj

from bot.agent.headers import ACCEPT, ALLOW, SUPPORTED, HeaderList
from bot.agent.modules import Modules, Name, Pointer
from bot.agent.trace import printable
from bot.sip import Message

__all__ = ["Replies"]

OK, BAD_INFO_PACKAGE = 200, 469
UNDERSTOOD = {
    "application/dtmf-relay",
    "application/dtmf",
    "application/media_control+xml",
    "application/trickle-ice-sdpfrag",
}


class Replies:
    """Raises AttributeError when this build does not export what answering takes."""

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.pjsip_rdata_get_dlg.restype = Pointer
        c.pjsip_rdata_get_dlg.argtypes = [Pointer]
        c.pjsip_dlg_respond.argtypes = [*[Pointer] * 2, ctypes.c_int, *[Pointer] * 3]
        self._capabilities = HeaderList(modules, [ALLOW, ACCEPT, SUPPORTED])
        self._no_packages = HeaderList(modules, (), [("Recv-Info", "")])

    def answer(self, method: str, request: pj.SipRxData) -> None:
        """Respond to a request that has just arrived in a dialog, if it is one of those."""
        if method == "OPTIONS":
            self._respond(request, OK, "OK", self._capabilities)
        elif method == "INFO":
            message = Message.parse(printable(request.wholeMsg))
            if message.header("Info-Package") is not None:
                self._respond(request, BAD_INFO_PACKAGE, "Bad Info Package", self._no_packages)
            elif message.content_type not in UNDERSTOOD:
                self._respond(request, OK, "OK", None)

    def _respond(self, request: pj.SipRxData, code: int, reason: str, headers: HeaderList | None) -> None:
        rdata = int(request.pjRxData)
        text = Name(reason.encode(), len(reason))
        address = headers.address if headers is not None else None
        dialog = self._c.pjsip_rdata_get_dlg(rdata)
        self._c.pjsip_dlg_respond(dialog, rdata, code, ctypes.byref(text), address, None)
