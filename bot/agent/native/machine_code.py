"""Machine code in place of C functions that are called too often for Python.

The code is for x86-64 with the System V calling convention.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
from collections.abc import Mapping

from bot.agent.native.kept import keep

__all__ = ["BEGIN", "Instructions", "MachineCode"]

BYTES_OF_CODE = 4096
Instructions = tuple[tuple[str, str], ...]
"""Machine code in hexadecimal with named placeholders, and the same code in assembly language."""
BEGIN = ("f30f1efa", "endbr64")


class MachineCode:
    """Executable memory, which is kept until the process ends.

    Raises OSError if the system provides none, or on another processor.
    """

    def __init__(self) -> None:
        if platform.machine() not in {"x86_64", "AMD64"} or platform.system() != "Linux":
            raise OSError("there is machine code for x86-64 Linux only")
        self._code = mmap.mmap(-1, BYTES_OF_CODE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        keep(self._code)

    def assembled(self, template: Instructions, values: Mapping[str, tuple[int, int]]) -> int:
        """The address of the instructions; ``values`` has a number and its bytes for each placeholder."""
        text = "".join(code for code, _ in template)
        for name, (value, size) in values.items():
            text = text.replace(name, value.to_bytes(size, "little", signed=value < 0).hex())
        place = self._start + self._code.tell()
        self._code.write(bytes.fromhex(text))
        return place
