"""Lists of header fields in the library's own memory, for responses that its exported C functions make."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from bot.agent.messages import ListNode
from bot.agent.modules import Modules, Name, Pointer
from bot.commands import Header

__all__ = ["ACCEPT", "ALLOW", "SUPPORTED", "HeaderList"]

ACCEPT, ALLOW, SUPPORTED = 0, 4, 36
"""PJSIP_H_ACCEPT, PJSIP_H_ALLOW and PJSIP_H_SUPPORTED of pjsip/sip_msg.h."""


class HeaderList:
    """The library's capabilities of these kinds, and header fields of our own.

    Raises AttributeError when this build does not export what that takes.
    """

    def __init__(
        self, modules: Modules, kinds: Iterable[int] = (), fields: Iterable[Header] = (), *, pool: int = 0
    ) -> None:
        c = modules.c
        c.pjsip_endpt_get_capability.restype = Pointer
        c.pjsip_endpt_get_capability.argtypes = [Pointer, ctypes.c_int, Pointer]
        c.pjsip_hdr_clone.restype = Pointer
        c.pjsip_hdr_clone.argtypes = [Pointer, Pointer]
        c.pjsip_generic_string_hdr_create.restype = Pointer
        c.pjsip_generic_string_hdr_create.argtypes = [Pointer, *[ctypes.POINTER(Name)] * 2]
        pool = pool or modules.pool()
        self._head = ListNode()
        here = ctypes.addressof(self._head)
        self._head.prev = self._head.next = here
        for kind in kinds:
            if capability := c.pjsip_endpt_get_capability(modules.endpoint, kind, None):
                self._append(c.pjsip_hdr_clone(pool, capability))
        for field in fields:
            name, value = (Name(text, len(text)) for text in (part.encode() for part in field))
            self._append(c.pjsip_generic_string_hdr_create(pool, ctypes.byref(name), ctypes.byref(value)))

    @property
    def address(self) -> int:
        """Of the list's head; it lives as long as this object, its headers as long as their pool."""
        return ctypes.addressof(self._head)

    def _append(self, header: int) -> None:
        node, last = ListNode.from_address(header), ListNode.from_address(self._head.prev)
        node.prev, node.next = self._head.prev, self.address
        last.next = self._head.prev = header
