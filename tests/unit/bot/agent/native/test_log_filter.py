"""The machine code that drops lines of the log passes those that are wanted, unchanged."""

from __future__ import annotations

import ctypes
import platform
import sys

import pytest

from bot.agent.native.log_filter import filtered

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="machine code is for x86-64 Linux"
)
LogFunction = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
WORDS = (b" bytes ", b"timeout", b"negotiation")
LINES = [(level, b"%s line" % word) for level in (1, 2, 3, 4, 5) for word in (b"a", *WORDS)]


@pytest.mark.parametrize("count", range(len(WORDS) + 1))
def test_lines_of_a_low_level_or_with_a_word_pass(count: int) -> None:
    passed: list[tuple[int, bytes, int]] = []
    take = LogFunction(lambda level, line, length: passed.append((level, line, length)))
    address = ctypes.cast(take, ctypes.c_void_p).value or 0
    log = LogFunction(filtered(address, 2, WORDS[:count]))
    for level, line in LINES:
        log(level, line, len(line))
    wanted = [
        (level, line) for level, line in LINES if level <= 2 or any(one in line for one in WORDS[:count])
    ]
    assert passed == [(level, line, len(line)) for level, line in wanted]
