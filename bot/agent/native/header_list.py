"""Lists of header fields in the library's memory, for responses that its exported C functions create."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from bot.agent.native.sip_module import Modules, Name
from bot.agent.native.structs import ListNode
from bot.ipc import Header

__all__ = ["ACCEPT", "ALLOW", "SUPPORTED", "HeaderList"]

ACCEPT, ALLOW, SUPPORTED = 0, 4, 36
"""PJSIP_H_ACCEPT, PJSIP_H_ALLOW and PJSIP_H_SUPPORTED of pjsip/sip_msg.h."""


class HeaderList:
    """The library's capability headers of these kinds, and header fields of our own.

    Raises MissingSymbol when this build does not export the necessary functions.
    """

    def __init__(
        self, modules: Modules, kinds: Iterable[int] = (), fields: Iterable[Header] = (), *, pool: int = 0
    ) -> None:
        c = modules.c
        c.require("pjsip_endpt_get_capability", "pjsip_hdr_clone", "pjsip_generic_string_hdr_create")
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
        """The address of the list head.

        The list lives as long as this object, its header fields as long as their pool.
        """
        return ctypes.addressof(self._head)

    def _append(self, header: int) -> None:
        node, last = ListNode.from_address(header), ListNode.from_address(self._head.prev)
        node.prev, node.next = self._head.prev, self.address
        last.next = self._head.prev = header
