"""Responses to in-dialog requests that the library does not handle and would answer with 500.

OPTIONS gets the library's capabilities (RFC 3261 11.2). INFO gets 200, or 469 if it belongs to an INFO
package, since no package was negotiated (RFC 6086 4.2.2). INFO that the library understands is left to it.
"""

from __future__ import annotations

import ctypes

import pjsua2 as pj

from bot.agent.native.header_list import ACCEPT, ALLOW, SUPPORTED, HeaderList
from bot.agent.native.sip_module import Modules, Name
from bot.agent.trace import printable
from bot.sip import Message, StatusCode

__all__ = ["Replies"]

UNDERSTOOD = {
    "application/dtmf-relay",
    "application/dtmf",
    "application/media_control+xml",
    "application/trickle-ice-sdpfrag",
}


class Replies:
    """Sends the responses; raises MissingSymbol without the necessary C functions."""

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.require("pjsip_rdata_get_dlg", "pjsip_dlg_respond")
        self._capabilities = HeaderList(modules, [ALLOW, ACCEPT, SUPPORTED])
        self._no_packages = HeaderList(modules, (), [("Recv-Info", "")])

    def answer(self, method: str, request: pj.SipRxData) -> None:
        """Respond to an in-dialog request that has just arrived, if it is OPTIONS or INFO."""
        if method == "OPTIONS":
            self._respond(request, StatusCode.OK, "OK", self._capabilities)
        elif method == "INFO":
            message = Message.parse(printable(request.wholeMsg))
            if message.header("Info-Package") is not None:
                self._respond(request, StatusCode.BAD_INFO_PACKAGE, "Bad Info Package", self._no_packages)
            elif message.content_type not in UNDERSTOOD:
                self._respond(request, StatusCode.OK, "OK", None)

    def _respond(self, request: pj.SipRxData, code: int, reason: str, headers: HeaderList | None) -> None:
        rdata = int(request.pjRxData)
        text = Name(reason.encode(), len(reason))
        address = headers.address if headers is not None else None
        dialog = self._c.pjsip_rdata_get_dlg(rdata)
        self._c.pjsip_dlg_respond(dialog, rdata, code, ctypes.byref(text), address, None)
