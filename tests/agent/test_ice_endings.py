"""The library's own calls are led to where they are harmless; in a process of its own, as an agent is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
READ_FOR_NOBODY = """
import ctypes
from pjsua2 import _pjsua2
from bot.agent.ice_endings import INVALID_OPERATION, READ_FROM_RELAY, guard_relay
from bot.agent.linkage import linkage_entry

library = ctypes.CDLL(_pjsua2.__file__)
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


@pytest.mark.skipif(sys.platform != "linux", reason="the linkage of ELF")
def test_nothing_is_read_for_a_relay_session_that_is_gone() -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    run = subprocess.run(
        [sys.executable, "-c", READ_FOR_NOBODY], env=environment, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "4\n"), run.stderr
