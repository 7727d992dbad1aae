"""Switch for offering and accepting telephone-events (RFC 4733), set by an exported C function."""

from __future__ import annotations

import ctypes

from bot.agent.callbacks import CommandRefused
from bot.agent.native.library import MissingSymbol, exported

__all__ = ["offer_telephone_events"]

HAS_TELEPHONE_EVENT = 0
"""PJMEDIA_ENDPT_HAS_TELEPHONE_EVENT_FLAG of pjmedia/endpoint.h."""


def offer_telephone_events(wanted: bool) -> None:
    """Disable telephone-events unless ``wanted``; raises Refused without the necessary C function."""
    if wanted:
        return
    c = exported()
    try:
        c.require("pjsua_get_pjmedia_endpt", "pjmedia_endpt_set_flag")
    except MissingSymbol:
        raise CommandRefused(
            "native", "this build of the library exports too little to do without them"
        ) from None
    flag = ctypes.c_int(0)
    c.pjmedia_endpt_set_flag(c.pjsua_get_pjmedia_endpt(), HAS_TELEPHONE_EVENT, ctypes.byref(flag))
