"""Registration of our own SIP modules in the library (pjsip/sip_module.h), by its exported C functions.

The bindings do not expose this part of the library. This module registers SIP modules and does not know
what they do.
"""

from __future__ import annotations

import ctypes
import traceback
from collections.abc import Callable

from bot.agent.native.kept import keep
from bot.agent.native.library import Pointer, exported

__all__ = ["ModuleStructure", "Modules", "Name", "Pointer"]

Handler = Callable[[int], int]
"""A callback with the address of an ``rx_data`` or a ``tx_data``."""

_POOL_BYTES = 1024
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, Pointer)
_Stop = ctypes.CFUNCTYPE(ctypes.c_int)


class Name(ctypes.Structure):
    """``pj_str_t`` of pj/types.h."""

    _fields_ = (("ptr", ctypes.c_char_p), ("slen", ctypes.c_ssize_t))


class ModuleStructure(ctypes.Structure):
    """``pjsip_module`` of pjsip/sip_module.h."""

    _fields_ = (
        ("prev", Pointer),
        ("next", Pointer),
        ("name", Name),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("load", Pointer),
        ("start", Pointer),
        ("stop", Pointer),
        ("unload", Pointer),
        ("on_rx_request", _Callback),
        ("on_rx_response", _Callback),
        ("on_tx_request", _Callback),
        ("on_tx_response", _Callback),
        ("on_tsx_state", Pointer),
    )


class Modules:
    """The library's C functions and the registered modules.

    Raises MissingSymbol when this build does not export the functions for a registration.
    """

    def __init__(self, report: Callable[[str, str], None]) -> None:
        """``report`` receives the name of a module whose handler raised, and the traceback."""
        self._report = report
        c = self.c = exported()
        c.require("pjsip_endpt_create_pool", "pjsip_endpt_release_pool", "pjsip_endpt_register_module")
        self.endpoint: int = c.pjsua_get_pjsip_endpt()

    def pool(self) -> int:
        """A memory pool of the library; ``release`` frees it."""
        return int(self.c.pjsip_endpt_create_pool(self.endpoint, b"srtpbot", _POOL_BYTES, _POOL_BYTES))

    def release(self, pool: int) -> None:
        """Free a pool."""
        self.c.pjsip_endpt_release_pool(self.endpoint, pool)

    def register(
        self,
        name: bytes,
        priority: int,
        *,
        on_request: Handler | None = None,
        on_response: Handler | None = None,
        on_transmit: Handler | None = None,
        on_stop: Callable[[], None] | None = None,
        refusal: int = 0,
    ) -> bool:
        """Register a module; ``refusal`` is the result of a handler that raised.

        ``on_stop`` is called when the library ends, before it unloads any module.
        """

        def guarded(handler: Handler | None) -> object:
            if handler is None:
                return _Callback()

            def call(data: int) -> int:
                try:
                    return handler(data)
                except Exception:  # an exception in a C callback would be lost
                    self._report(name.decode(), traceback.format_exc())
                    return refusal

            return _Callback(call)

        def stopped() -> int:
            if on_stop is not None:
                on_stop()
            return 0

        received, answered, sent = guarded(on_request), guarded(on_response), guarded(on_transmit)
        stop = _Stop(stopped) if on_stop is not None else _Stop()
        module = ModuleStructure(
            name=Name(name, len(name)),
            id=-1,
            priority=priority,
            stop=ctypes.cast(stop, Pointer),
            on_rx_request=received,
            on_rx_response=answered,
            on_tx_request=sent,
            on_tx_response=sent,
        )
        keep(received, answered, sent, stop, module)
        return bool(self.c.pjsip_endpt_register_module(self.endpoint, ctypes.byref(module)) == 0)
