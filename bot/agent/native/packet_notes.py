"""Records of received packets, taken below the bindings without Python in the audio path.

The library counts packets but does not identify them. So the functions that each packet passes are
redirected to a few machine instructions. These copy the beginning of the packet into a ring buffer in
memory and continue with the function. The pumping thread reads the ring. A packet costs some nanoseconds; a
Python callback would take about 25 us and double the processor time of a call. The code is for x86-64 with
the System V calling convention. Elsewhere nothing is recorded, and the facts that depend on records are
unknown.
"""

from __future__ import annotations

import ctypes
import struct
import time
from collections.abc import Mapping
from itertools import takewhile
from operator import itemgetter

from bot.agent.native.kept import keep
from bot.agent.native.machine_code import BEGIN, Instructions, MachineCode
from bot.agent.native.plt import linkage_entry
from bot.agent.native.sip_module import Pointer

__all__ = ["SLOTS", "TAKE_A_SLOT", "Note", "PacketNotes"]

SLOTS = 8192
SLOT = struct.Struct("<QQiI40s")
"""Layout of a record: receiving object, time stamp counter, kind, length, bytes."""
COUNTER = itemgetter(1)
"""It is written last, and read before the bytes; it is cleared after reading."""
RING, FUNCTION, KIND = "RING", "FUNCTION", "KIND"
TAKE_A_SLOT = (
    (f"49bb{RING}", "movabs r11, ring"),
    ("b801000000", "mov eax, 1"),
    ("f0490fc103", "lock xadd [r11], rax"),
    (f"25{(SLOTS - 1).to_bytes(4, 'little').hex()}", "and eax, SLOTS - 1"),
    ("ffc0", "inc eax"),
    ("48c1e006", "shl rax, 6"),
    ("4901c3", "add r11, rax"),
    ("49893b", "mov [r11], rdi"),
)
WRITE_BYTES = (
    ("f3410f7f4318", "movdqu [r11+24], xmm0"),
    ("f3410f7f4b28", "movdqu [r11+40], xmm1"),
    ("49894338", "mov [r11+56], rax"),
)
READ_CLOCK = (("0f31", "rdtsc"), ("48c1e220", "shl rdx, 32"), ("4809d0", "or rax, rdx"))
WRITE_CLOCK = (*READ_CLOCK, ("49894308", "mov [r11+8], rax"))
NOTE_CALL = (
    BEGIN,
    ("51", "push rcx"),
    ("52", "push rdx"),
    *TAKE_A_SLOT,
    (f"41c74310{KIND}", "mov dword [r11+16], kind"),
    ("41895314", "mov [r11+20], edx"),
    ("f30f6f06", "movdqu xmm0, [rsi]"),
    ("f30f6f4e10", "movdqu xmm1, [rsi+16]"),
    ("488b4620", "mov rax, [rsi+32]"),
    *WRITE_BYTES,
    *WRITE_CLOCK,
    ("5a", "pop rdx"),
    ("59", "pop rcx"),
    (f"48b8{FUNCTION}", "movabs rax, function"),
    ("ffe0", "jmp rax"),
)
"""f(object, packet, length, ...): records the first 40 bytes of the packet, then runs the function."""
NOTE_FAILURE = (
    BEGIN,
    ("57", "push rdi"),
    ("56", "push rsi"),
    ("ff32", "push [rdx]"),
    (f"48b8{FUNCTION}", "movabs rax, function"),
    ("ffd0", "call rax"),
    ("5a", "pop rdx"),
    ("5e", "pop rsi"),
    ("5f", "pop rdi"),
    ("85c0", "test eax, eax"),
    ("7501", "jnz +1"),
    ("c3", "ret"),
    ("89c1", "mov ecx, eax"),
    *TAKE_A_SLOT,
    ("41894b10", "mov [r11+16], ecx"),
    ("41895314", "mov [r11+20], edx"),
    ("4863d2", "movsxd rdx, edx"),
    ("f30f6f06", "movdqu xmm0, [rsi]"),
    ("f30f6f4c16e8", "movdqu xmm1, [rsi+rdx-24]"),
    ("488b4416f8", "mov rax, [rsi+rdx-8]"),
    *WRITE_BYTES,
    *WRITE_CLOCK,
    ("8d41f7", "lea eax, [rcx-9]"),
    ("83f801", "cmp eax, 1"),
    ("89c8", "mov eax, ecx"),
    ("7705", "ja +5"),
    ("b801000000", "mov eax, 1"),
    ("c3", "ret"),
)
"""f(object, packet, length *): when it fails, its status as the kind, 16 bytes and the last 24.

The status of a replayed packet (9, 10) is replaced by the general failure 1. Otherwise the library would
reset its receiver and accept the packet during the first 100 packets; RFC 3711 3.3.2 demands to discard it.
"""
TELL_CLOCK = (BEGIN, *READ_CLOCK, ("c3", "ret"))


Note = tuple[int, int, int, int, bytes]
"""A packet that passed a function: receiving object, time stamp counter, kind, length, first bytes."""


class PacketNotes:
    """The ring buffer and the functions that write into it; both are kept until the process ends.

    Raises OSError if the system provides no executable memory, or on another processor.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._code = MachineCode()
        self._library = library
        self._ring = ctypes.create_string_buffer(SLOT.size * (SLOTS + 1))
        self._memory = memoryview(self._ring).cast("B")
        self._count = ctypes.c_uint64.from_buffer(self._ring)
        keep(self._ring)
        self._read = 0
        self.missed = 0
        """Notes that were overwritten before they were read."""
        self._clock = ctypes.CFUNCTYPE(ctypes.c_uint64)(self._assembled(TELL_CLOCK))
        self._since: tuple[int, float] = self._clock(), time.monotonic()
        self._tick = 0.0
        """Seconds of a step of the time stamp counter."""

    def note_calls(self, function: str, kind: int) -> bool:
        """Record each packet that is passed to a function; returns whether this build permits that."""
        return self.lead_through(NOTE_CALL, function, kind)

    def note_failures(self, function: str) -> bool:
        """Record each packet that a function rejects, with its status (above 0) as the kind."""
        return self.lead_through(NOTE_FAILURE, function, 0)

    def read(self, most: int = SLOTS) -> list[Note]:
        """The records since the last call, in order, at most so many; ``time_of`` knows their times."""
        end = self._count.value
        if end == self._read:
            return []
        self.missed += max(0, end - self._read - SLOTS)
        ticks, started = self._since
        self._tick = (time.monotonic() - started) / max(1, self._clock() - ticks)
        number = max(self._read, end - SLOTS)
        end = min(end, number + most)
        found: list[Note] = []
        while number < end:
            place = number % SLOTS
            count = min(end - number, SLOTS - place)
            begin = (place + 1) * SLOT.size
            part = SLOT.iter_unpack(self._memory[begin : begin + count * SLOT.size])
            written = list(takewhile(COUNTER, part))
            self._memory[begin : begin + len(written) * SLOT.size] = bytes(len(written) * SLOT.size)
            found += written
            number += len(written)
            self._read = number
            if len(written) < count:  # the next record is being written
                break
        return found

    def time_of(self, counter: int) -> float:
        """The time of the monotonic clock of a record that was read last, by its counter."""
        ticks, started = self._since
        return started + (counter - ticks) * self._tick

    def lead_through(
        self, template: Instructions, function: str, kind: int, addresses: Mapping[str, int] | None = None
    ) -> bool:
        """Redirect the library's calls of a function to instructions that contain more ``addresses``."""
        entry = linkage_entry(self._library, function)
        if entry is None:
            return False
        original = ctypes.cast(self._library[function], Pointer).value or 0
        Pointer.from_address(entry).value = self._assembled(template, original, kind, addresses)
        return True

    def _assembled(
        self,
        template: Instructions,
        function: int = 0,
        kind: int = 0,
        addresses: Mapping[str, int] | None = None,
    ) -> int:
        """The address of the instructions with the placeholders filled in."""
        values = {RING: (ctypes.addressof(self._ring), 8), FUNCTION: (function, 8), KIND: (kind, 4)}
        values |= {name: (value, 8) for name, value in (addresses or {}).items()}
        return self._code.assembled(template, values)
