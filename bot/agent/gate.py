"""Two SIP modules of our own, in front of the library's user agent and behind it.

In front: an INVITE that the library would not survive gets its answer without a call being made:
a WebRTC offer 488, one more than the sockets suffice for 503. Behind: a request that nobody took
gets 405, or 481 when it belongs to a dialog that is gone (RFC 3261 8.2.1, 12.2.2), where the
library alone would say nothing. The bindings do not reach this part of the library, so its
exported C functions are used; where a build does not export them there is no gate.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable

from bot.agent.modules import Modules, Pointer

__all__ = ["Gate"]

BEFORE_USER_AGENT = 63
"""PJSIP_MOD_PRIORITY_APPLICATION less one: transactions and dialogs have had their turn."""
AFTER_EVERYONE = 127
HEADER_ALLOW = 4
"""PJSIP_H_ALLOW of pjsip/sip_msg.h."""
NOT_ACCEPTABLE_HERE, SERVICE_UNAVAILABLE = 488, 503
METHOD_NOT_ALLOWED, DOES_NOT_EXIST = 405, 481
ONLY_IN_DIALOG = {"BYE", "PRACK", "UPDATE", "INFO", "NOTIFY"}
METHOD = re.compile(r"Request msg ([^/]+)/")


class _List(ctypes.Structure):
    """The head of a ``pj_list``."""

    _fields_ = (("prev", Pointer), ("next", Pointer))


class Gate:
    """Asks ``judge`` about each INVITE outside a dialog and answers what the library leaves unanswered.

    ``judge()`` returns the status code to refuse with, or 0 to let it pass. It is called on the
    pumping thread.
    """

    def __init__(self, judge: Callable[[], int]) -> None:
        self._judge = judge

    def install(self, modules: Modules) -> bool:
        """Register both modules; False when this build does not export what that takes."""
        self._c, self._endpoint = modules.c, modules.endpoint
        try:
            self._declare()
        except AttributeError:
            return False
        self._allow = self._allowed_methods(modules.pool())
        return all(
            [
                modules.register(b"mod-srtpbot-front", BEFORE_USER_AGENT, on_request=self._front),
                modules.register(b"mod-srtpbot-back", AFTER_EVERYONE, on_request=self._back),
            ]
        )

    def _declare(self) -> None:
        c = self._c
        c.pjsip_rx_data_get_info.restype = ctypes.c_char_p
        c.pjsip_rx_data_get_info.argtypes = [Pointer]
        c.pjsip_endpt_get_capability.restype = Pointer
        c.pjsip_endpt_get_capability.argtypes = [Pointer, ctypes.c_int, Pointer]
        c.pjsip_hdr_clone.restype = Pointer
        c.pjsip_hdr_clone.argtypes = [Pointer, Pointer]
        c.pjsip_endpt_respond_stateless.argtypes = [Pointer, Pointer, ctypes.c_int, *[Pointer] * 3]

    def _allowed_methods(self, pool: int) -> ctypes.Array[_List]:
        """A list of headers that holds the library's Allow; a header begins with its list node."""
        capability = self._c.pjsip_endpt_get_capability(self._endpoint, HEADER_ALLOW, None)
        head = (_List * 1)()
        here = ctypes.addressof(head)
        header = self._c.pjsip_hdr_clone(pool, capability) if capability else here
        head[0].prev = head[0].next = header
        _List.from_address(header).prev = _List.from_address(header).next = here
        return head

    def _method(self, rdata: int) -> str:
        found = METHOD.match(self._c.pjsip_rx_data_get_info(rdata).decode("utf-8", "replace"))
        return found[1] if found else ""

    def _front(self, rdata: int) -> int:
        if self._method(rdata) != "INVITE":
            return 0
        code = self._judge()
        return self._respond(rdata, code) if code else 0

    def _back(self, rdata: int) -> int:
        method = self._method(rdata)
        if method != "ACK":
            self._respond(rdata, DOES_NOT_EXIST if method in ONLY_IN_DIALOG else METHOD_NOT_ALLOWED)
        return 1

    def _respond(self, rdata: int, code: int) -> int:
        headers = self._allow if code == METHOD_NOT_ALLOWED else None
        self._c.pjsip_endpt_respond_stateless(self._endpoint, rdata, code, None, headers, None)
        return 1
