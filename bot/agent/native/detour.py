"""Redirection of the library's own C function calls to Python, by its procedure linkage table (PLT).

It serves functions that run once per message or per call. Functions that run for every packet are
redirected to machine code instead (``packet_notes``).
"""

from __future__ import annotations

import ctypes
import os
import traceback
from collections.abc import Callable
from typing import Any

from bot.agent.native.library import OPTIONAL, PROTOTYPES, SYSTEM, Exported, MissingSymbol, Pointer
from bot.agent.native.plt import linkage_entry

__all__ = ["Detour"]


class Detour:
    """Lets ``handler(original, *arguments)`` stand in for a function; ``original`` calls it.

    Raises MissingSymbol where this build has no way to do that. When the handler raises, the function is
    called.
    """

    def __init__(
        self,
        library: Exported,
        function: str,
        handler: Callable[..., Any],
        *,
        home: ctypes.CDLL | None = None,
    ) -> None:
        entry = linkage_entry(library, function)
        if entry is None:
            raise MissingSymbol(
                f"this build of the library does not call {function} by a table that can be changed"
            )
        prototype = ctypes.CFUNCTYPE(*(SYSTEM if home else PROTOTYPES | OPTIONAL)[function])
        address = ctypes.cast((home or library)[function], Pointer).value or 0
        original = prototype(address)
        self._entry, self._address = entry, address

        def call(*given: Any) -> Any:
            try:
                return handler(original, *given)
            except Exception:  # an exception in a C callback would be lost, and its result would mean success
                os.write(2, f"{function}: {traceback.format_exc()}".encode("utf-8", "replace"))
                return original(*given)

        self._kept = prototype(call), original
        Pointer.from_address(entry).value = ctypes.cast(self._kept[0], Pointer).value

    def end(self) -> None:
        """Restore the direct call of the function."""
        Pointer.from_address(self._entry).value = self._address
