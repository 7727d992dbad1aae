"""Whether the library offers and accepts telephone-events (RFC 4733), by an exported C function."""

from __future__ import annotations

import ctypes

from pjsua2 import _pjsua2

from bot.agent.refusal import Refused

__all__ = ["offer_telephone_events"]

HAS_TELEPHONE_EVENT = 0
"""PJMEDIA_ENDPT_HAS_TELEPHONE_EVENT_FLAG of pjmedia/endpoint.h."""


def offer_telephone_events(wanted: bool) -> None:
    """Switch them off unless they are wanted; Refused when this build does not export what that takes."""
    if wanted:
        return
    c = ctypes.CDLL(_pjsua2.__file__)
    try:
        c.pjsua_get_pjmedia_endpt.restype = ctypes.c_void_p
        c.pjmedia_endpt_set_flag.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    except AttributeError:
        raise Refused("native", "this build of the library exports too little to do without them") from None
    flag = ctypes.c_int(0)
    c.pjmedia_endpt_set_flag(c.pjsua_get_pjmedia_endpt(), HAS_TELEPHONE_EVENT, ctypes.byref(flag))
