"""Drops the lines of the library's log that nobody wants before Python sees them.

A call has some hundred lines besides its SIP messages, which the library logs at the same level. Each would
cost several microseconds in Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from bot.agent.native.kept import keep
from bot.agent.native.library import Exported, Pointer
from bot.agent.native.machine_code import BEGIN, Instructions, MachineCode

__all__ = ["filter_log", "filtered"]

FUNCTION, LEVEL, WORD, SEARCH = "FUNCTION", "LEVEL", "WORD", "SEARCH"
SEARCH_BYTES, DROP_BYTES = 32, 5
"""Lengths of the code that looks for a word, and of the code that drops a line."""


def log_filter(words: int) -> Instructions:
    """f(level, line, length): runs the function for a low level, or if the line has one of the words."""
    search = []
    for number in range(words):
        found = SEARCH_BYTES * (words - 1 - number) + DROP_BYTES
        search += [
            ("488b7c2408", "mov rdi, [rsp+8]"),
            (f"48be{WORD}{number}", "movabs rsi, word"),
            (f"48b8{SEARCH}", "movabs rax, strstr"),
            ("ffd0", "call rax"),
            ("4885c0", "test rax, rax"),
            (f"75{found:02x}", "jnz found"),
        ]
    return (
        BEGIN,
        (f"81ff{LEVEL}", "cmp edi, level"),
        (f"7e{3 + SEARCH_BYTES * words + DROP_BYTES + 3:02x}", "jle wanted"),
        ("57", "push rdi"),
        ("56", "push rsi"),
        ("52", "push rdx"),
        *search,
        ("4883c418", "add rsp, 24"),
        ("c3", "ret"),
        ("5a", "found: pop rdx"),
        ("5e", "pop rsi"),
        ("5f", "pop rdi"),
        (f"48b8{FUNCTION}", "wanted: movabs rax, function"),
        ("ffe0", "jmp rax"),
    )


MOST_WORDS = 3
"""More of them are too far for the short jump."""


def filtered(function: int, level: int, words: Sequence[bytes]) -> int:
    """The address of a log function that passes lines up to a level, and others with one of three words.

    Raises OSError where no machine code can be run.
    """
    assert len(words) <= MOST_WORDS
    texts = [ctypes.create_string_buffer(word) for word in words]
    keep(*texts)
    strstr = ctypes.cast(ctypes.CDLL(None)["strstr"], Pointer).value or 0
    values = {FUNCTION: (function, 8), LEVEL: (level, 4), SEARCH: (strstr, 8)}
    values |= {f"{WORD}{number}": (ctypes.addressof(text), 8) for number, text in enumerate(texts)}
    return MachineCode().assembled(log_filter(len(texts)), values)


def filter_log(c: Exported, level: int, words: Sequence[bytes]) -> None:
    """Drop other lines of the library's log; raises MissingSymbol or OSError where that is not possible."""
    c.require("pj_log_get_log_func", "pj_log_set_log_func")
    c.pj_log_set_log_func(filtered(c.pj_log_get_log_func(), level, words))
