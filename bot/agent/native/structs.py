"""Memory layout of a message in the library, as far as this process reads it."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar, NamedTuple

from bot.agent.native.library import MissingSymbol
from bot.agent.native.sip_module import Name, Pointer

__all__ = ["HeaderField", "ListNode", "SentLayout", "SentMessage", "SipMessage"]


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
    """``pjsip_request_line``, the larger member of the union."""

    _fields_ = (("method", ctypes.c_int), ("name", Name), ("uri", Pointer))


class SipMessage(ctypes.Structure):
    """``pjsip_msg`` of pjsip/sip_msg.h."""

    _fields_ = (("type", ctypes.c_int), ("line", RequestLine), ("headers", HeaderField), ("body", Pointer))


class SentLayout(NamedTuple):
    """Offsets of the members of ``pjsip_tx_data`` of pjsip/sip_transport.h, in bytes."""

    pool: int
    name: int
    message: int
    start: int
    """Of the printed message."""
    current: int
    """Of its end."""


class SentMessage:
    """A ``pjsip_tx_data``, by the layout of this build."""

    layout: ClassVar[SentLayout | None] = None
    """None until it is probed (``tx_layout``)."""

    def __init__(self, address: int) -> None:
        self._address, self._at = address, self.require_layout()

    @classmethod
    def require_layout(cls) -> SentLayout:
        """The layout of this build; raises MissingSymbol where it is unknown."""
        if cls.layout is None:
            raise MissingSymbol("the layout of a sent message (pjsip_tx_data) is unknown in this build")
        return cls.layout

    @classmethod
    def from_address(cls, address: int) -> SentMessage:
        """The message at this address."""
        return cls(address)

    @property
    def name(self) -> bytes:
        """The first bytes of its name, which is ``tdta`` and its address."""
        return ctypes.string_at(self._address + self._at.name, 4)

    @property
    def pool(self) -> int | None:
        """The address of its pool."""
        return self._pointer(self._at.pool)

    @property
    def message(self) -> Any:
        """A pointer to its ``SipMessage``; false for NULL."""
        return ctypes.POINTER(SipMessage).from_address(self._address + self._at.message)

    @property
    def type(self) -> int | None:
        """0 for a request, 1 for a response (``pjsip_msg_type_e``); None without a message."""
        message = self._pointer(self._at.message)
        return ctypes.c_int.from_address(message).value if message else None

    @property
    def printed(self) -> bytes:
        """The message as it was printed; empty before that, and once it has changed."""
        start, end = self.start or 0, self.current or 0
        return ctypes.string_at(start, end - start) if start < end else b""

    @property
    def start(self) -> int | None:
        """The address of the printed message."""
        return self._pointer(self._at.start)

    @property
    def current(self) -> int | None:
        """The address of its end."""
        return self._pointer(self._at.current)

    def _pointer(self, offset: int) -> int | None:
        return Pointer.from_address(self._address + offset).value
