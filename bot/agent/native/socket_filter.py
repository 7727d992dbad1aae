"""A kernel socket filter (classic BPF) that drops datagrams of strangers before they fill the receive buffer.

In a flood the buffer would fill with strangers' packets whenever the reader is late, and lose the peer's.
Only for Linux (socket(7), SO_ATTACH_FILTER).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator

__all__ = ["attach", "detach", "drops"]

SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_MEMINFO = 26, 27, 55
MEMINFO = struct.Struct("=9I")
"""The last one is SK_MEMINFO_DROPS of linux/sock_diag.h."""
LOAD_WORD, LOAD_HALF, AND, JUMP_IF_EQUAL, RETURN = 0x20, 0x28, 0x54, 0x15, 0x06
IP_HEADER, RANDOM = 0xFFF00000, 0xFFFFF000 + 56
"""SKF_NET_OFF, and SKF_AD_OFF + SKF_AD_RANDOM of linux/filter.h."""
SOURCE_4, SOURCE_6 = 12, 8
"""Offsets of the source address in the headers of IPv4 and IPv6."""
TO_PASS = 3
"""Jump distance from the last comparison over the instructions of the random number."""
WHOLE = 0x40000
ONE_IN = 32
"""Of this many packets of a foreign source one passes, to be counted with its source."""
Instruction = tuple[int, int, int, int]


def program(address: bytes, port: int) -> list[Instruction]:
    """A program that passes the datagrams of this address and port, and one in 32 of the others."""
    first = SOURCE_4 if len(address) == 4 else SOURCE_6
    words = struct.unpack(f"!{len(address) // 4}I", address)
    tests = [(LOAD_WORD, (IP_HEADER + first + 4 * n) & 0xFFFFFFFF, word) for n, word in enumerate(words)]
    tests.append((LOAD_HALF, 0, port))
    code: list[Instruction] = []
    for number, (load, where, value) in enumerate(tests):
        left = len(tests) - number - 1
        code += [(load, 0, 0, where), (JUMP_IF_EQUAL, 0 if left else TO_PASS, 2 * left, value)]
    return [
        *code,
        (LOAD_WORD, 0, 0, RANDOM),
        (AND, 0, 0, ONE_IN - 1),
        (JUMP_IF_EQUAL, 0, 1, 0),
        (RETURN, 0, 0, WHOLE),
        (RETURN, 0, 0, 0),
    ]


def attach(descriptor: int, address: bytes, port: int) -> bool:
    """Let the kernel drop packets of other sources; whether this system supports that."""
    code = b"".join(struct.pack("=HBBI", *one) for one in program(address, port))
    held = ctypes.create_string_buffer(code, len(code))
    value = struct.pack("@HP", len(code) // 8, ctypes.addressof(held))
    with contextlib.suppress(OSError), opened(descriptor) as one:
        one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, value)
        return True
    return False


def detach(descriptor: int) -> None:
    """Let everything in again."""
    with contextlib.suppress(OSError), opened(descriptor) as one:
        one.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def drops(descriptor: int) -> int:
    """How many packets the kernel has dropped at this socket since it was made."""
    with contextlib.suppress(OSError, struct.error), opened(descriptor) as one:
        return int(MEMINFO.unpack(one.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size))[-1])
    return 0


@contextlib.contextmanager
def opened(descriptor: int) -> Iterator[socket.socket]:
    """The socket of a descriptor, without taking it over."""
    one = socket.socket(fileno=os.dup(descriptor))
    try:
        yield one
    finally:
        one.close()
