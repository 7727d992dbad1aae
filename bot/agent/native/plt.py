"""The procedure linkage table (PLT) of the library: where its calls of an exported function go.

The layout is that of 64-bit ELF (System V ABI, chapter 5, dynamic linking).
"""

from __future__ import annotations

import ctypes
import struct
import sys
from functools import lru_cache

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

    Returns None if there is no such entry, or if it is not writable: bound at load time, or another system.
    """
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    return linkage_table(library._handle).get(function.encode())


@lru_cache
def linkage_table(handle: int) -> dict[bytes, int]:
    """The entries of a library by the names of the functions; the relocations are read once."""
    loaded = _Loaded.from_address(handle)
    sections = dynamic_section(loaded)
    at_once = sections.get(FLAGS, 0) & FLAG_BOUND_AT_ONCE or sections.get(FLAGS_1, 0) & FLAG_1_BOUND_AT_ONCE
    if at_once or BOUND_AT_ONCE in sections or not {PLT, PLT_SIZE, SYMBOLS, STRINGS} <= set(sections):
        return {}
    table, symbols, strings = (
        sections[tag] + (loaded.base if sections[tag] < loaded.base else 0) for tag in (PLT, SYMBOLS, STRINGS)
    )  # some loaders store relative addresses
    entries: dict[bytes, int] = {}
    for offset, info, _ in RELOCATION.iter_unpack(ctypes.string_at(table, sections[PLT_SIZE])):
        name = ctypes.c_uint32.from_address(symbols + (info >> 32) * SYMBOL_BYTES).value
        entries.setdefault(ctypes.string_at(strings + name), int(loaded.base + offset))
    return entries


def dynamic_section(loaded: _Loaded) -> dict[int, int]:
    """The values of the dynamic section by tag."""
    found: dict[int, int] = {}
    for entry in loaded.dynamic:
        if entry.tag == END:
            break
        found[entry.tag] = entry.value
    return found
