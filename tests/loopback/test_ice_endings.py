"""The library's own calls are led to where they are harmless; in a process of its own, as an agent is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import import_path

PROJECT = Path(__file__).resolve().parent.parent.parent
READ_FOR_NOBODY = """
import ctypes
from bot.agent.native.library import exported
from bot.agent.workarounds.ice_teardown import INVALID_OPERATION, READ_FROM_RELAY, guard_relay
from bot.agent.native.plt import linkage_entry

library = exported()
assert linkage_entry(library, "no_such_function") is None
entry = linkage_entry(library, READ_FROM_RELAY)
assert entry is not None
guard_relay(library)
read = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 2, ctypes.c_size_t, ctypes.c_void_p)
used = ctypes.c_size_t(0)
called = read(ctypes.c_void_p.from_address(entry).value)
assert called(None, b"data", 4, ctypes.addressof(used)) == INVALID_OPERATION
print(used.value)
"""

SENT_BY_NOBODY = """
import ctypes
from bot.agent.native.library import exported
from bot.agent.native.plt import linkage_entry
from bot.agent.workarounds.ice_teardown import SEND, guard_sending

library = exported()
entry = linkage_entry(library, SEND)
send = ctypes.CFUNCTYPE(
    ctypes.c_int, *[ctypes.c_void_p] * 3, *[ctypes.c_uint] * 2, ctypes.c_void_p, ctypes.c_uint
)
guard_sending(library)
called = send(ctypes.c_void_p.from_address(entry).value)
socket = address = ctypes.addressof(ctypes.create_string_buffer(4096))
print(
    called(None, None, b"data", 4, 0, address, 16),
    called(socket, None, None, 4, 0, address, 16),
    called(socket, None, b"data", 4, 0, None, 16),
    called(socket, None, b"data", 4, 0, address, 0),
)
"""


def said_by(script: str) -> str:
    """What a script prints that calls the library as an agent does."""
    environment = {**os.environ, "PYTHONPATH": import_path()}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the linkage of ELF")
def test_nothing_is_sent_by_a_socket_that_is_closed() -> None:
    assert said_by(SENT_BY_NOBODY) == "70004 70004 70004 70004\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the linkage of ELF")
def test_nothing_is_read_for_a_relay_session_that_is_gone() -> None:
    assert said_by(READ_FOR_NOBODY) == "4\n"
