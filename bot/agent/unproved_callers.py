"""Callers over UDP that have not proved their address get at most three times the bytes of their INVITE.

The source of a datagram can be forged, and every response goes to it. When nobody acknowledges an INVITE, the
library sends its final response eleven times. So retransmissions and provisional responses that would be too
many bytes are not sent until a request with the tag of this side comes (RFC 3261 12.2), or RTP from the same
address. Retransmissions of the INVITE add to the bytes. The first final response is always sent.
"""

from __future__ import annotations

import ctypes
import re
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bot.agent.admission import in_dialog
from bot.agent.header_lines import CALL_ID_RAW
from bot.agent.native.detour import Detour
from bot.agent.native.library import Exported, MissingSymbol
from bot.agent.native.structs import SentMessage
from bot.agent.native.transports import address_of
from bot.sip import StatusCode, is_provisional

__all__ = ["UnprovedCallers"]

RULE = "unproved-address"
FACTOR = 3
FINAL_BYTES = 800
"""Kept for a final response when 100 (Trying) is sent."""
MOST = 4096
RESPONSE = 1
"""PJSIP_RESPONSE_MSG of pjsip/sip_msg.h."""
SENT = 4
"""The place of the number of bytes sent, among what follows the message; the older function has none."""
TO_TAG = re.compile(rb"\n(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^;,\s]+)", re.IGNORECASE)
INVITE_CSEQ = re.compile(rb"\nCSeq[ \t]*:[ \t]*[0-9]+[ \t]+INVITE[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)


@dataclass
class Caller:
    """Bytes from and to the sender of an INVITE."""

    received: int = 0
    sent: int = 0
    proved: bool = False
    tags: set[bytes] = field(default_factory=set)
    """Those of this side."""
    codes: set[int] = field(default_factory=set)
    """The status codes of the responses so far."""

    def may_get(self, code: int, size: int) -> bool:
        """Whether a response of this size in bytes may be sent; counts a sent response."""
        if self.proved:
            return True
        needless = code in self.codes or is_provisional(code)
        spare = FINAL_BYTES if code == StatusCode.TRYING else 0
        if needless and self.sent + size + spare > FACTOR * self.received:
            return False
        self.codes.add(code)
        self.sent += size
        return True


class UnprovedCallers:
    """Raises MissingSymbol where this build has no way to hold a message back."""

    def __init__(
        self, c: Exported, heard: Callable[[str], bool], reached: Callable[[str, str, str], None]
    ) -> None:
        """``heard``: whether RTP came from the address that the INVITE of this Call-ID came from."""
        c.require("pjsip_tx_data_encode")
        SentMessage.require_layout()
        self._encode = c.pjsip_tx_data_encode
        self._heard, self._reached = heard, reached
        self._callers: OrderedDict[bytes, Caller] = OrderedDict()
        self._detours = [Detour(c, "pjsip_transport_send", self._send)]
        with suppress(MissingSymbol):  # what newer versions send their first response by
            self._detours.append(Detour(c, "pjsip_transport_send2", self._send))
        self._sending = 0
        """The message that is being sent."""

    def received(self, data: bytes) -> None:
        """A message has come by UDP."""
        found = CALL_ID_RAW.search(data)
        if found is None or data.startswith(b"SIP/"):
            return
        caller = self._callers.get(found[1])
        if not in_dialog(data):
            if data.startswith(b"INVITE "):
                self._caller(found[1]).received += len(data)
        elif caller is not None and (tag := TO_TAG.search(data)) and tag[1] in caller.tags:
            caller.proved = True

    def _caller(self, call_id: bytes) -> Caller:
        caller = self._callers.setdefault(call_id, Caller())
        self._callers.move_to_end(call_id)
        if len(self._callers) > MOST:
            self._callers.popitem(last=False)
        return caller

    def _send(self, original: Callable[..., int], transport: int, tdata: int, *rest: Any) -> int:
        """Either of the functions, of which one calls the other with the same message."""
        if tdata == self._sending:
            return original(transport, tdata, *rest)
        sent = SentMessage.from_address(tdata)
        if sent.type != RESPONSE or ctypes.string_at(transport, 3) != b"udp":
            return original(transport, tdata, *rest)
        self._encode(tdata)  # the library prints a message once, unless it is changed after that
        text = sent.printed
        if self._may_leave(text):
            self._sending = tdata
            try:
                return original(transport, tdata, *rest)
            finally:
                self._sending = 0
        self._reached(RULE, address_of(rest[0]), f"more than {FACTOR} times the bytes of its INVITE")
        if rest[SENT:] and rest[SENT]:
            ctypes.c_ssize_t.from_address(rest[SENT]).value = len(text)
        return 0  # as if it were lost on the way

    def _may_leave(self, text: bytes) -> bool:
        call_id = CALL_ID_RAW.search(text)
        caller = self._callers.get(call_id[1]) if call_id is not None else None
        if call_id is None or caller is None or not INVITE_CSEQ.search(text):
            return True
        if tag := TO_TAG.search(text):
            caller.tags.add(tag[1])
        caller.proved = caller.proved or self._heard(call_id[1].decode("latin-1"))
        return caller.may_get(int(text[8:11]), len(text))
