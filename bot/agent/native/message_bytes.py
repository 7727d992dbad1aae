"""The complete bytes of the current message in the library's memory.

Its log truncates at NUL or when too long. The library's log first states the length of a message and then
shows it as a C string of bounded length. The message is found by that length and by the logged beginning,
because the offset of its address in ``pjsip_rx_data`` differs between builds.
"""

from __future__ import annotations

import ctypes

from bot.agent.native.sip_module import Modules, Pointer
from bot.agent.native.structs import SentMessage

__all__ = ["Packets"]

BEFORE_THE_LOG = 6
"""PJSIP_MOD_PRIORITY_TRANSPORT_LAYER - 2; the priority of the library's log module is one higher."""
BEFORE_PRINTING = 12
"""Sent messages pass the modules in reverse order, and are printed before the log sees them."""
MOST_BYTES = 40_000
"""Searched bytes of a ``pjsip_rx_data``, its packet included."""
WORD = 8


class Packets:
    """Stores the message that the library processes; used on the pumping thread only."""

    def __init__(self, modules: Modules) -> None:
        self._received = 0
        self._sent = 0
        self._offset = 0
        modules.register(b"mod-srtpbot-rx", BEFORE_THE_LOG, on_request=self._take, on_response=self._take)
        modules.register(b"mod-srtpbot-tx", BEFORE_PRINTING, on_transmit=self._leave)

    def whole(self, beginning: bytes, length: int, *, sent: bool) -> bytes:
        """The message whose ``beginning`` is in the log; only the beginning if the message is not found."""
        start = self._printed(length) if sent else self._arrived(beginning, length)
        if not start or ctypes.string_at(start, len(beginning)) != beginning:
            return beginning
        return ctypes.string_at(start, length)

    def _take(self, rdata: int) -> int:
        self._received = rdata
        return 0

    def _leave(self, tdata: int) -> int:
        self._sent = tdata
        return 0

    def _printed(self, length: int) -> int:
        """The address of a sent message, if it has this length."""
        if not self._sent:
            return 0
        message = SentMessage.from_address(self._sent)
        start, end = message.start or 0, message.current or 0
        return start if message.name.startswith(b"tdta") and end - start == length else 0

    def _arrived(self, beginning: bytes, length: int) -> int:
        """The address of a received message according to its ``msg_info``."""
        if not self._received:
            return 0
        offsets = (self._offset,) if self._offset else range(0, MOST_BYTES, WORD)
        for offset in offsets:
            start = self._start_at(offset, length)
            if start and ctypes.string_at(start, len(beginning)) == beginning:
                self._offset = offset
                return start
        return 0

    def _start_at(self, offset: int, length: int) -> int:
        """The address at this position, if it lies in this ``rx_data`` and the length follows."""
        there = self._received + offset
        start = Pointer.from_address(there).value or 0
        inside = self._received < start < self._received + MOST_BYTES
        return start if inside and ctypes.c_int.from_address(there + WORD).value == length else 0
