"""Where the library's own calls of a function that it exports go: its procedure linkage table.

The layout is that of ELF on 64 bits (System V ABI, chapter 5, dynamic linking).
"""

from __future__ import annotations

import ctypes
import struct
import sys

__all__ = ["linkage_entry"]

END, PLT_SIZE, STRINGS, SYMBOLS, PLT, BOUND_AT_ONCE = 0, 2, 5, 6, 23, 24
FLAGS, FLAG_BOUND_AT_ONCE, FLAGS_1, FLAG_1_BOUND_AT_ONCE = 30, 8, 0x6FFFFFFB, 1
RELOCATION = struct.Struct("<QQq")
SYMBOL_BYTES = 24


class _Tagged(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_int64), ("value", ctypes.c_uint64))


class _Loaded(ctypes.Structure):
    """``struct link_map`` of link.h: what a handle of dlopen points to."""

    _fields_ = (("base", ctypes.c_uint64), ("name", ctypes.c_char_p), ("dynamic", ctypes.POINTER(_Tagged)))


def linkage_entry(library: ctypes.CDLL, function: str) -> int | None:
    """The address of the pointer through which the library calls ``function``.

    None where it has no such entry, or one that cannot be written: bound at once, or on another system.
    """
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    loaded = _Loaded.from_address(library._handle)
    sections = dynamic_section(loaded)
    at_once = sections.get(FLAGS, 0) & FLAG_BOUND_AT_ONCE or sections.get(FLAGS_1, 0) & FLAG_1_BOUND_AT_ONCE
    if at_once or BOUND_AT_ONCE in sections or not {PLT, PLT_SIZE, SYMBOLS, STRINGS} <= set(sections):
        return None
    table, symbols, strings = (
        sections[tag] + (loaded.base if sections[tag] < loaded.base else 0) for tag in (PLT, SYMBOLS, STRINGS)
    )  # some loaders leave them relative
    for one in range(table, table + sections[PLT_SIZE], RELOCATION.size):
        offset, info, _ = RELOCATION.unpack(ctypes.string_at(one, RELOCATION.size))
        name = ctypes.c_uint32.from_address(symbols + (info >> 32) * SYMBOL_BYTES).value
        if ctypes.string_at(strings + name) == function.encode():
            return int(loaded.base + offset)
    return None


def dynamic_section(loaded: _Loaded) -> dict[int, int]:
    """Its values by their tags."""
    found: dict[int, int] = {}
    for entry in loaded.dynamic:
        if entry.tag == END:
            break
        found[entry.tag] = entry.value
    return found
