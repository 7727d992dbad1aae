"""Offers of a=crypto with session parameters that the library does not support (RFC 4568 6.3).

An answerer must not accept a crypto attribute with an unsupported session parameter (5.1.2, 6.3.7). The
library ignores session parameters: it accepts UNENCRYPTED_SRTP without repeating it, and KDR without
deriving new keys. So the name of such an attribute is overwritten in the library's memory before its user
agent looks for keys. The library then uses the next attribute, or refuses the stream. The journal has the
original message.
"""

from __future__ import annotations

import ctypes
import re

from bot.agent.native.sip_module import Modules, Pointer

__all__ = ["SessionParameters", "unsupported"]

AFTER_THE_LOG = 14
"""PJSIP_MOD_PRIORITY_TSX_LAYER - 2: after the log has written the message, before a dialog reads it."""
CRYPTO = re.compile(
    rb"^(a=)crypto:[ \t]*\d+[ \t]+\S+[ \t]+[^ \t\r\n]+([^\r\n]*)", re.MULTILINE | re.IGNORECASE
)
HIDDEN = b"x-used"
"""Replaces "crypto" with the same length; unknown attributes are ignored (RFC 8866 5.13)."""
WITHOUT_EFFECT = re.compile(rb"(WSH|FEC_ORDER|FEC_KEY)=|-", re.IGNORECASE)
"""A hint (6.3.6), parameters of unused FEC (6.3.4, 6.3.5), and parameters that may be ignored (6.3.7)."""


class _SdpInfo(ctypes.Structure):
    """The beginning of ``pjsip_rdata_sdp_info`` of pjsip-ua/sip_inv.h."""

    _fields_ = (("address", Pointer), ("length", ctypes.c_ssize_t))


class SessionParameters:
    """Hides the crypto attributes that may not be accepted from the library."""

    def __init__(self, modules: Modules) -> None:
        """Raises MissingSymbol without the necessary C functions."""
        self._c = modules.c
        self._c.require("pjsip_rdata_get_sdp_info")
        modules.register(b"mod-srtpbot-crypto", AFTER_THE_LOG, on_request=self._hide)

    def _hide(self, rdata: int) -> int:
        found = self._c.pjsip_rdata_get_sdp_info(rdata)
        description = _SdpInfo.from_address(found) if found else _SdpInfo()
        if description.address:
            start, length = description.address, description.length
            for offset in unsupported(ctypes.string_at(start, length)):
                ctypes.memmove(start + offset, HIDDEN, len(HIDDEN))
        return 0


def unsupported(description: bytes) -> list[int]:
    """The byte positions of the names of attributes with an unsupported session parameter."""
    return [
        line.end(1)
        for line in CRYPTO.finditer(description)
        if any(not WITHOUT_EFFECT.match(parameter) for parameter in line[2].split())
    ]
