"""Source guard for media sockets: datagrams from other sources are dropped before the library sees them.

The library switches to any source that sends ten packets in a row, so a stranger who knows the port could
take over a call. The library's calls of ``recvfrom`` are redirected to machine code (see ``packet_notes``).
It compares the source of each datagram with the table here and reads the next datagram if the source is not
accepted. After 256 dropped datagrams the socket is reported as empty, and ``select`` reports it again.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import mmap
import socket
import struct

from bot.agent.native.kept import keep
from bot.agent.native.machine_code import BEGIN
from bot.agent.native.packet_notes import TAKE_A_SLOT, PacketNotes
from bot.agent.native.sip_module import Pointer

__all__ = ["NOBODY", "SOCKETS", "SOURCE_BYTES", "Source", "SourceGuard", "source"]

FREE, OPEN, LATCHED, HEARD = range(4)
"""No guard; any source, each recorded; the negotiated or the latched source; the negotiated source only.

A source is heard when RTP or RTCP arrived from it: a datagram of 8 bytes or more with version 2.
"""
SOCKETS, ENTRY_BYTES = 4096, 512
SEEN = 16
"""Maximum number of strangers stored per entry."""
TABLE, FUNCTION, ERRNO, KIND = "TABLE", "FUNCTION", "ERRNO", "KIND"
GUARD = (
    BEGIN,
    ("81ff00100000", "cmp edi, 4096"),
    ("7323", "jae original"),
    ("4d85c0", "test r8, r8"),
    ("741e", "je original"),
    ("4d85c9", "test r9, r9"),
    ("7419", "je original"),
    ("89f8", "mov eax, edi"),
    ("48c1e009", "shl rax, 9"),
    (f"49bb{TABLE}", "movabs r11, table"),
    ("4901c3", "add r11, rax"),
    ("41833b00", "cmp dword [r11], 0"),
    ("750c", "jne guarded"),
    (f"48b8{FUNCTION}", "original: movabs rax, function"),
    ("ffe0", "jmp rax"),
    ("53", "guarded: push rbx"),
    ("55", "push rbp"),
    ("4154", "push r12"),
    ("4155", "push r13"),
    ("4156", "push r14"),
    ("4157", "push r15"),
    ("4150", "push r8"),
    ("4151", "push r9"),
    ("4883ec08", "sub rsp, 8"),
    ("418b01", "mov eax, dword [r9]"),
    ("890424", "mov dword [rsp], eax"),
    ("4c89db", "mov rbx, r11"),
    ("4989fc", "mov r12, rdi"),
    ("4989f5", "mov r13, rsi"),
    ("4989d6", "mov r14, rdx"),
    ("4989cf", "mov r15, rcx"),
    ("bd00010000", "mov ebp, 256"),
    ("4c8b442410", "again: mov r8, [rsp+16]"),
    ("4c8b4c2408", "mov r9, [rsp+8]"),
    ("8b0424", "mov eax, dword [rsp]"),
    ("418901", "mov dword [r9], eax"),
    ("4c89e7", "mov rdi, r12"),
    ("4c89ee", "mov rsi, r13"),
    ("4c89f2", "mov rdx, r14"),
    ("4c89f9", "mov rcx, r15"),
    (f"48b8{FUNCTION}", "movabs rax, function"),
    ("ffd0", "call rax"),
    ("4885c0", "test rax, rax"),
    ("0f8879010000", "js done"),
    ("4c8b442410", "mov r8, [rsp+16]"),
    ("4d8b10", "mov r10, [r8]"),
    ("31ff", "xor edi, edi"),
    ("31f6", "xor esi, esi"),
    ("664183fa0a", "cmp r10w, 10"),
    ("750b", "jne compare"),
    ("4589d2", "mov r10d, r10d"),
    ("498b7808", "mov rdi, [r8+8]"),
    ("498b7010", "mov rsi, [r8+16]"),
    ("4c3b5308", "compare: cmp r10, [rbx+8]"),
    ("753a", "jne another"),
    ("483b7b10", "cmp rdi, [rbx+16]"),
    ("7534", "jne another"),
    ("483b7318", "cmp rsi, [rbx+24]"),
    ("752e", "jne another"),
    ("833b03", "cmp dword [rbx], 3"),
    ("0f8440010000", "je done"),
    ("4883f808", "cmp rax, 8"),
    ("0f8c36010000", "jl done"),
    ("418a4d00", "mov cl, byte [r13+0]"),
    ("c0e906", "shr cl, 6"),
    ("80f902", "cmp cl, 2"),
    ("0f8526010000", "jne done"),
    ("c70303000000", "mov dword [rbx], 3"),
    ("e9c5000000", "jmp note"),
    ("8b0b", "another: mov ecx, dword [rbx]"),
    ("83f901", "cmp ecx, 1"),
    ("0f8495000000", "je open"),
    ("83f903", "cmp ecx, 3"),
    ("7416", "je foreign"),
    ("4c3b5320", "cmp r10, [rbx+32]"),
    ("7510", "jne foreign"),
    ("483b7b28", "cmp rdi, [rbx+40]"),
    ("750a", "jne foreign"),
    ("483b7330", "cmp rsi, [rbx+48]"),
    ("0f84f5000000", "je done"),
    ("4c3b5338", "foreign: cmp r10, [rbx+56]"),
    ("750c", "jne stranger"),
    ("483b7b40", "cmp rdi, [rbx+64]"),
    ("7506", "jne stranger"),
    ("483b7348", "cmp rsi, [rbx+72]"),
    ("7445", "je dropped"),
    ("48ff4350", "stranger: inc [rbx+80]"),
    ("488b4358", "mov rax, [rbx+88]"),
    ("8d48ff", "lea ecx, [rax-1]"),
    ("83e10f", "and ecx, 15"),
    ("488d0c49", "lea rcx, [rcx+rcx*2]"),
    ("488d4ccb60", "lea rcx, [rbx+rcx*8+96]"),
    ("4c3b11", "cmp r10, [rcx]"),
    ("750c", "jne new"),
    ("483b7908", "cmp rdi, [rcx+8]"),
    ("7506", "jne new"),
    ("483b7110", "cmp rsi, [rcx+16]"),
    ("741d", "je dropped"),
    ("89c1", "new: mov ecx, eax"),
    ("83e10f", "and ecx, 15"),
    ("488d0c49", "lea rcx, [rcx+rcx*2]"),
    ("488d4ccb60", "lea rcx, [rbx+rcx*8+96]"),
    ("4c8911", "mov [rcx], r10"),
    ("48897908", "mov [rcx+8], rdi"),
    ("48897110", "mov [rcx+16], rsi"),
    ("48ff4358", "inc [rbx+88]"),
    ("ffcd", "dropped: dec ebp"),
    ("0f85ecfeffff", "jne again"),
    (f"48b8{ERRNO}", "movabs rax, errno"),
    ("ffd0", "call rax"),
    ("c7000b000000", "mov dword [rax], 11"),
    ("48c7c0ffffffff", "mov rax, -1"),
    ("eb7b", "jmp done"),
    ("4c3b5338", "open: cmp r10, [rbx+56]"),
    ("751f", "jne note"),
    ("483b7b40", "cmp rdi, [rbx+64]"),
    ("7519", "jne note"),
    ("483b7348", "cmp rsi, [rbx+72]"),
    ("7513", "jne note"),
    ("4883bbe001000000", "cmp qword [rbx+480], 0"),
    ("7409", "je note"),
    ("48ff8be0010000", "dec qword [rbx+480]"),
    ("ebb8", "jmp dropped"),
    ("4989c6", "note: mov r14, rax"),
    ("4889f9", "mov rcx, rdi"),
    ("4c89e7", "mov rdi, r12"),
    *TAKE_A_SLOT,
    (f"41c74310{KIND}", "mov dword [r11+16], kind"),
    ("45897314", "mov dword [r11+20], r14d"),
    ("4d895318", "mov [r11+24], r10"),
    ("49894b20", "mov [r11+32], rcx"),
    ("49897328", "mov [r11+40], rsi"),
    ("0f31", "rdtsc"),
    ("48c1e220", "shl rdx, 32"),
    ("4809d0", "or rax, rdx"),
    ("49894308", "mov [r11+8], rax"),
    ("4c89f0", "mov rax, r14"),
    ("4883c408", "done: add rsp, 8"),
    ("4159", "pop r9"),
    ("4158", "pop r8"),
    ("415f", "pop r15"),
    ("415e", "pop r14"),
    ("415d", "pop r13"),
    ("415c", "pop r12"),
    ("5d", "pop rbp"),
    ("5b", "pop rbx"),
    ("c3", "ret"),
)
"""recvfrom(descriptor, ...): a descriptor without an entry costs six instructions."""


class _Source(ctypes.Structure):
    """Family, port and address as in ``sockaddr_in`` and ``sockaddr_in6``, without flow label and scope."""

    _fields_ = (("words", ctypes.c_uint64 * 3),)


class _Entry(ctypes.Structure):
    _fields_ = (
        ("state", ctypes.c_uint64),
        ("negotiated", _Source),
        ("latched", _Source),
        ("former", _Source),
        ("dropped", ctypes.c_uint64),
        ("sources", ctypes.c_uint64),
        ("seen", _Source * SEEN),
        ("late", ctypes.c_uint64),
        ("unused", ctypes.c_ubyte * 24),
    )


WORDS, DROPPED = ENTRY_BYTES // 8, _Entry.dropped.offset // 8
"""Words of an entry, the first of which is its state, and the place of one that is often read."""


Source = bytes
"""The 24 bytes of an address and a port that the table compares."""
SOURCE_BYTES = 24
NOBODY: Source = bytes(SOURCE_BYTES)


def source(host: str, port: int) -> Source:
    """The table form of a numeric address; ``NOBODY`` for an invalid or unspecified address."""
    if not port:
        return NOBODY
    with contextlib.suppress(OSError):
        packed = socket.inet_pton(socket.AF_INET, host)
        inet = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s16x", port, packed)
        return inet if any(packed) else NOBODY
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return NOBODY
    if address.is_unspecified or address.version == 4:
        return NOBODY
    return struct.pack("=H", socket.AF_INET6) + struct.pack("!H4x16s", port, address.packed)


class SourceGuard:
    """The table of the guarded sockets, by descriptor.

    Raises OSError where the build calls ``recvfrom`` directly. A record has ``kind``, the descriptor as the
    object and the source as the data.
    """

    def __init__(self, notes: PacketNotes, kind: int) -> None:
        memory = mmap.mmap(-1, SOCKETS * ENTRY_BYTES)
        self._words = memoryview(memory).cast("Q")
        self._table = (_Entry * SOCKETS).from_buffer(memory)
        system = ctypes.CDLL(None)
        errno = ctypes.cast(system["__errno_location"], Pointer).value or 0
        keep(memory, self._table, system)
        addresses = {TABLE: ctypes.addressof(self._table), ERRNO: errno}
        if not notes.lead_through(GUARD, "recvfrom", kind, addresses):
            raise OSError("this build calls recvfrom directly")

    def open(self, descriptor: int, negotiated: Source, former: Source, late: int = 0) -> None:
        """Guard a socket: any source is accepted and recorded until ``negotiated`` sends.

        After that, late datagrams from the ``former`` source are dropped and not counted; before that, the
        first ``late`` ones.
        """
        entry = self._table[descriptor]
        entry.state = FREE
        for place, value in (
            (entry.negotiated, negotiated),
            (entry.latched, NOBODY),
            (entry.former, former if former != negotiated else NOBODY),
        ):
            ctypes.memmove(ctypes.addressof(place), value, len(value))
        entry.dropped = entry.sources = 0
        entry.late = late if former != negotiated else 0
        entry.state = OPEN

    def latch(self, descriptor: int, latched: Source) -> None:
        """Accept this source, and the negotiated source as soon as it sends."""
        entry = self._table[descriptor]
        ctypes.memmove(ctypes.addressof(entry.latched), latched, len(latched))
        if entry.state == OPEN:
            entry.state = LATCHED

    def close(self, descriptor: int) -> None:
        """Accept every source, without records."""
        self._table[descriptor].state = FREE

    def restrict(self, descriptor: int) -> None:
        """Accept the negotiated source only."""
        self._table[descriptor].state = HEARD

    def is_open(self, descriptor: int) -> bool:
        """Whether every source is still accepted."""
        return self._words[descriptor * WORDS] == OPEN

    def is_heard(self, descriptor: int) -> bool:
        """Whether the negotiated source has sent; it is then the only accepted source."""
        return self._words[descriptor * WORDS] == HEARD

    def established(self, descriptor: int) -> Source:
        """The accepted source; ``NOBODY`` while undecided."""
        entry = self._table[descriptor]
        chosen = {HEARD: entry.negotiated, LATCHED: entry.latched}.get(entry.state)
        return NOBODY if chosen is None else bytes(chosen)

    def dropped(self, descriptor: int) -> int:
        """Number of datagrams dropped since the socket is guarded."""
        return self._words[descriptor * WORDS + DROPPED]

    def strangers(self, descriptor: int) -> set[Source]:
        """The latest dropped sources, at most 16."""
        entry = self._table[descriptor]
        return {bytes(entry.seen[place]) for place in range(min(entry.sources, SEEN))}
