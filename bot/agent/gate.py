"""Two SIP modules of our own, in front of the library's user agent and behind it.

In front: an INVITE that the library would not survive gets its answer without a call being made:
a WebRTC offer 488, one more than the sockets suffice for 503. Behind: a request that nobody took
gets 405, or 481 when it belongs to a dialog that is gone (RFC 3261 8.2.1, 12.2.2), where the
library alone would say nothing. The bindings do not reach this part of the library, so its
exported C functions are used; where a build does not export them there is no gate. A REGISTER is taken or
gets 405, as whoever asks for the gate wants it.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable

from bot.agent.headers import ALLOW, HeaderList
from bot.agent.modules import Modules, Pointer
from bot.commands import Header

__all__ = ["Gate"]

BEFORE_USER_AGENT = 63
"""PJSIP_MOD_PRIORITY_APPLICATION less one: transactions and dialogs have had their turn."""
AFTER_EVERYONE = 127
OK = 200
NOT_ACCEPTABLE_HERE, SERVICE_UNAVAILABLE = 488, 503
METHOD_NOT_ALLOWED, DOES_NOT_EXIST = 405, 481
ONLY_IN_DIALOG = {"BYE", "PRACK", "UPDATE", "INFO", "NOTIFY"}
METHOD = re.compile(r"Request msg ([^/]+)/")


class Gate:
    """Asks ``judge`` about each INVITE outside a dialog and answers what the library leaves unanswered.

    ``judge()`` returns the status code to refuse with, or 0 to let it pass; ``register()`` the header
    fields of the 200 to the REGISTER at hand, or None to refuse it. Both are called on the pumping thread.
    """

    def __init__(self, judge: Callable[[], int], register: Callable[[], list[Header] | None]) -> None:
        self._judge = judge
        self._register = register

    def install(self, modules: Modules) -> bool:
        """Register both modules; False when this build does not export what that takes."""
        self._modules, self._c, self._endpoint = modules, modules.c, modules.endpoint
        try:
            self._declare()
            self._allow = HeaderList(modules, [ALLOW])
        except AttributeError:
            return False
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
        c.pjsip_endpt_respond_stateless.argtypes = [Pointer, Pointer, ctypes.c_int, *[Pointer] * 3]

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
        fields = self._register() if method == "REGISTER" else None
        if fields is not None:
            pool = self._modules.pool()
            self._respond(rdata, OK, HeaderList(self._modules, (), fields, pool=pool))
            self._modules.release(pool)
        elif method != "ACK":
            self._respond(rdata, DOES_NOT_EXIST if method in ONLY_IN_DIALOG else METHOD_NOT_ALLOWED)
        return 1

    def _respond(self, rdata: int, code: int, headers: HeaderList | None = None) -> int:
        headers = self._allow if code == METHOD_NOT_ALLOWED else headers
        address = headers.address if headers is not None else None
        self._c.pjsip_endpt_respond_stateless(self._endpoint, rdata, code, None, address, None)
        return 1
