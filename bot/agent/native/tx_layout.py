"""The layout of a sent message (``pjsip_tx_data`` of pjsip/sip_transport.h), probed on a message of our own.

A build may have other sizes of names, addresses and keys than the default ones. The probe creates a request
that is not sent, and searches it for its name, its method, and its bytes once the library has printed them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Protocol

from bot.agent.native.library import Exported, MissingSymbol
from bot.agent.native.sip_module import Name, Pointer
from bot.agent.native.structs import SentLayout, SentMessage, SipMessage

__all__ = ["probe", "probed"]

WORD = ctypes.sizeof(Pointer)
SEARCHED = range(0, 1024, WORD)
"""Offsets of a ``pjsip_tx_data`` in bytes."""
NEAR_BYTES = 1 << 16
"""The message is in a block of the same pool, near the structure, whose pointers are all valid."""
REQUEST, OTHER_METHOD = 0, 6
"""PJSIP_REQUEST_MSG and PJSIP_OTHER_METHOD of pjsip/sip_msg.h."""
METHOD, URI = b"PROBE", b"sip:probe@127.0.0.1"
NAME = b"tdta"
LONGEST_MESSAGE = 4000


class Printing(Protocol):
    """The functions of the library that print a message."""

    @property
    def pjsip_msg_print(self) -> Callable[..., int]: ...
    @property
    def pjsip_tx_data_encode(self) -> Callable[..., int]: ...


class Method(ctypes.Structure):
    """``pjsip_method`` of pjsip/sip_msg.h."""

    _fields_ = (("id", ctypes.c_int), ("name", Name))


def probe(c: Exported) -> None:
    """Have ``SentMessage`` read messages as this build lays them out.

    Raises MissingSymbol when no layout fits the message.
    """
    c.require(
        "pjsip_endpt_create_request", "pjsip_tx_data_dec_ref", "pjsip_tx_data_encode", "pjsip_msg_print"
    )
    method = Method(OTHER_METHOD, Name(METHOD, len(METHOD)))
    uri, tdata = Name(URI, len(URI)), Pointer()
    there = ctypes.byref(uri)
    status = c.pjsip_endpt_create_request(
        c.pjsua_get_pjsip_endpt(), ctypes.byref(method), *[there] * 4, None, -1, None, ctypes.byref(tdata)
    )
    if status or not tdata.value:
        raise MissingSymbol(f"this build creates no request to probe its messages with: error {status}")
    try:
        SentMessage.layout = probed(c, tdata.value)
    finally:
        c.pjsip_tx_data_dec_ref(tdata)


def probed(c: Printing, address: int) -> SentLayout:
    """The layout of the request at this address; raises MissingSymbol when none fits."""
    name = next((at for at in SEARCHED if ctypes.string_at(address + at, len(NAME)) == NAME), None)
    message = next((at for at in SEARCHED if is_request(address, at)), None)
    if name is None or message is None:
        raise unfitting()
    buffer = ctypes.create_string_buffer(LONGEST_MESSAGE)
    length = c.pjsip_msg_print(word(address + message), buffer, LONGEST_MESSAGE)
    if length <= 0 or c.pjsip_tx_data_encode(address):
        raise unfitting()
    text = buffer.raw[:length]
    start = next((at for at in SEARCHED if is_printed(address + at, text)), None)
    if start is None:
        raise unfitting()
    return SentLayout(pool=name - WORD, name=name, message=message, start=start, current=start + WORD)


def is_request(address: int, offset: int) -> bool:
    """Whether the word at this offset is the address of the request."""
    there = word(address + offset)
    if there % WORD or not 0 < abs(there - address) < NEAR_BYTES:
        return False
    message = SipMessage.from_address(there)
    line = message.line
    return bool(message.type == REQUEST and line.method == OTHER_METHOD and line.name.slen == len(METHOD))


def is_printed(address: int, text: bytes) -> bool:
    """Whether the start and the end of the printed message are here."""
    start, end = word(address), word(address + WORD)
    return start > 0 and end - start == len(text) and ctypes.string_at(start, len(text)) == text


def word(address: int) -> int:
    """The pointer at this address; 0 for NULL."""
    return Pointer.from_address(address).value or 0


def unfitting() -> MissingSymbol:
    """No layout fits."""
    return MissingSymbol("this build lays out a sent message (pjsip_tx_data) in an unknown way")
