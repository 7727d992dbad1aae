"""Answers OPTIONS in a dialog with what the library can do (RFC 3261 11.2), where it would say 500 itself."""

from __future__ import annotations

import ctypes

from bot.agent.headers import ACCEPT, ALLOW, SUPPORTED, HeaderList
from bot.agent.modules import Modules, Pointer

__all__ = ["Capabilities"]

OK = 200


class Capabilities:
    """Raises AttributeError when this build does not export what answering takes."""

    def __init__(self, modules: Modules) -> None:
        c = self._c = modules.c
        c.pjsip_rdata_get_dlg.restype = Pointer
        c.pjsip_rdata_get_dlg.argtypes = [Pointer]
        c.pjsip_dlg_respond.argtypes = [*[Pointer] * 2, ctypes.c_int, *[Pointer] * 3]
        self._headers = HeaderList(modules, [ALLOW, ACCEPT, SUPPORTED])

    def answer(self, rdata: int) -> None:
        """Respond to the OPTIONS at that address, whose dialog lives."""
        dialog = self._c.pjsip_rdata_get_dlg(rdata)
        self._c.pjsip_dlg_respond(dialog, rdata, OK, None, self._headers.address, None)
