"""How the library lays out a message in memory, as far as we look into it; it changes nothing there."""

from __future__ import annotations

import ctypes

from bot.agent.modules import Name, Pointer

__all__ = ["HeaderField", "ListNode", "SentMessage", "SipMessage"]


class ListNode(ctypes.Structure):
    """The links of a ``pj_list``."""

    _fields_ = (("prev", Pointer), ("next", Pointer))


class HeaderField(ctypes.Structure):
    """``pjsip_hdr`` of pjsip/sip_msg.h."""

    _fields_ = (
        ("list", ListNode),
        ("type", ctypes.c_int),
        ("name", Name),
        ("sname", Name),
        ("vptr", Pointer),
    )


class RequestLine(ctypes.Structure):
    """``pjsip_request_line``, the larger one of the union."""

    _fields_ = (("method", ctypes.c_int), ("name", Name), ("uri", Pointer))


class SipMessage(ctypes.Structure):
    """``pjsip_msg`` of pjsip/sip_msg.h."""

    _fields_ = (("type", ctypes.c_int), ("line", RequestLine), ("headers", HeaderField), ("body", Pointer))


class SentMessage(ctypes.Structure):
    """The beginning of ``pjsip_tx_data`` of pjsip/sip_transport.h."""

    _fields_ = (
        ("list", ListNode),
        ("pool", Pointer),
        ("name", ctypes.c_char * 32),
        ("info", Pointer),
        ("received", ctypes.c_long * 2),
        ("manager", Pointer),
        ("operation", Pointer * 37),
        ("lock", Pointer),
        ("message", ctypes.POINTER(SipMessage)),
    )
