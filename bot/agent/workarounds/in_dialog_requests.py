"""Responses to in-dialog requests that the library does not handle and would answer with 500.

OPTIONS gets the library's capabilities (RFC 3261 11.2). INFO gets 200, or 469 if it belongs to an INFO
package, since no package was negotiated (RFC 6086 4.2.2). INFO that the library understands is left to it. Of
the bodies with a digit that is application/dtmf-relay alone; the others are reported here, and get 400 if
there is no digit in them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.native.header_list import ACCEPT, ALLOW, SUPPORTED, HeaderList
from bot.agent.native.sip_module import Modules, Name
from bot.agent.trace import printable
from bot.sip import Message, StatusCode, carries_digit, digit_of

__all__ = ["Replies"]

UNDERSTOOD = {
    "application/dtmf-relay",
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

    def answer(self, method: str, request: pj.SipRxData, heard: Callable[[str, float | None], None]) -> None:
        """Respond to an in-dialog request that has just arrived, if it is OPTIONS or INFO.

        ``heard`` takes the digit in an INFO, and its duration in ms if that is known.
        """
        if method == "OPTIONS":
            self._respond(request, StatusCode.OK, "OK", self._capabilities)
        elif method == "INFO":
            self._answer_info(request, heard)

    def _answer_info(self, request: pj.SipRxData, heard: Callable[[str, float | None], None]) -> None:
        message = Message.parse(printable(request.wholeMsg))
        kind = message.content_type or ""
        if message.header("Info-Package") is not None:
            self._respond(request, StatusCode.BAD_INFO_PACKAGE, "Bad Info Package", self._no_packages)
        elif kind not in UNDERSTOOD:
            found = digit_of(message)
            if found is None and carries_digit(kind):
                self._respond(request, StatusCode.BAD_REQUEST, "No Digit In The Body", None)
                return
            self._respond(request, StatusCode.OK, "OK", None)
            if found is not None:
                heard(*found)

    def _respond(self, request: pj.SipRxData, code: int, reason: str, headers: HeaderList | None) -> None:
        rdata = int(request.pjRxData)
        text = Name(reason.encode(), len(reason))
        address = headers.address if headers is not None else None
        dialog = self._c.pjsip_rdata_get_dlg(rdata)
        self._c.pjsip_dlg_respond(dialog, rdata, code, ctypes.byref(text), address, None)
