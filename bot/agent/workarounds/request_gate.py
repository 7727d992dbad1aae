"""SIP modules of our own, before and after the library's user agent.

Before: an INVITE that would crash the library is answered without creating a call. A WebRTC offer gets 488;
an INVITE for which no sockets are left gets 503. An INVITE that may get a place soon waits. After: a request
that nobody handled gets 405, or 481 if it belongs to an ended dialog (RFC 3261 8.2.1, 12.2.2); the library
would not answer it. The bindings do not expose this part of the library, so its exported C functions are
used. Where a build does not export them there is no gate. A REGISTER is accepted or gets 405, as the owner of
the gate decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from bot.agent.native.header_list import ALLOW, HeaderList
from bot.agent.native.sip_module import Modules
from bot.ipc import Header
from bot.sip import StatusCode

__all__ = ["BEFORE_USER_AGENT", "RequestGate"]

BEHIND_TRANSACTIONS = 31
"""PJSIP_MOD_PRIORITY_UA_PROXY_LAYER - 1: the dialog layer answers a CANCEL without a transaction with 481."""
BEFORE_USER_AGENT = 63
"""PJSIP_MOD_PRIORITY_APPLICATION - 1: after the transaction layer and the dialog layer."""
AFTER_EVERYONE = 127
ONLY_IN_DIALOG = {"BYE", "PRACK", "UPDATE", "INFO", "NOTIFY"}
METHOD = re.compile(r"Request msg ([^/]+)/")


class Room(Protocol):
    """Where INVITEs wait for a place; both methods take the address and the text of a request."""

    def hold(self, rdata: int, text: str) -> bool:
        """Let an INVITE wait; False when it may not."""

    def cancel(self, rdata: int, text: str) -> bool:
        """Answer a CANCEL; False when its INVITE does not wait."""


class RequestGate:
    """Calls ``judge`` for each INVITE outside a dialog and answers requests that the library ignores.

    ``judge()`` returns the status code of the refusal, 0 to accept, or 100 to let it wait in ``room``.
    ``register()`` returns the header fields of the 200 to the current REGISTER, or None to refuse it. Both
    are called on the pumping thread.
    """

    def __init__(
        self,
        judge: Callable[[], int],
        register: Callable[[], list[Header] | None],
        room: Room | None,
        received: Callable[[], str],
    ) -> None:
        """``received`` returns the current message."""
        self._judge = judge
        self._register = register
        self._room, self._received = room, received

    def install(self, modules: Modules) -> bool:
        """Register the modules; raises MissingSymbol for a build without the functions."""
        self._modules, self._c, self._endpoint = modules, modules.c, modules.endpoint
        self._c.require("pjsip_rx_data_get_info", "pjsip_endpt_respond_stateless")
        self._allow = HeaderList(modules, [ALLOW])
        return all(
            [
                modules.register(b"mod-srtpbot-cancel", BEHIND_TRANSACTIONS, on_request=self._cancelled),
                modules.register(b"mod-srtpbot-front", BEFORE_USER_AGENT, on_request=self._front),
                modules.register(b"mod-srtpbot-back", AFTER_EVERYONE, on_request=self._back),
            ]
        )

    def _method(self, rdata: int) -> str:
        found = METHOD.match(self._c.pjsip_rx_data_get_info(rdata).decode("utf-8", "replace"))
        return found[1] if found else ""

    def _front(self, rdata: int) -> int:
        room = self._room
        if self._method(rdata) != "INVITE":
            return 0
        code = self._judge()
        if code == StatusCode.TRYING:
            waits = room is not None and room.hold(rdata, self._received())
            return 1 if waits else self._respond(rdata, StatusCode.BUSY_HERE)
        return self._respond(rdata, code) if code else 0

    def _cancelled(self, rdata: int) -> int:
        room, is_cancel = self._room, self._method(rdata) == "CANCEL"
        return int(is_cancel and room is not None and room.cancel(rdata, self._received()))

    def _back(self, rdata: int) -> int:
        method = self._method(rdata)
        fields = self._register() if method == "REGISTER" else None
        if fields is not None:
            pool = self._modules.pool()
            self._respond(rdata, StatusCode.OK, HeaderList(self._modules, (), fields, pool=pool))
            self._modules.release(pool)
        elif method != "ACK":
            gone = method in ONLY_IN_DIALOG
            self._respond(rdata, StatusCode.CALL_DOES_NOT_EXIST if gone else StatusCode.METHOD_NOT_ALLOWED)
        return 1

    def _respond(self, rdata: int, code: int, headers: HeaderList | None = None) -> int:
        headers = self._allow if code == StatusCode.METHOD_NOT_ALLOWED else headers
        address = headers.address if headers is not None else None
        self._c.pjsip_endpt_respond_stateless(self._endpoint, rdata, code, None, address, None)
        return 1
