"""SIP modules of our own among the library's (pjsip/sip_module.h), by its exported C functions.

The bindings do not reach this part of the library. This module knows how one is registered and
nothing of what it does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from pjsua2 import _pjsua2

__all__ = ["Modules", "Name", "Pointer"]

Pointer = ctypes.c_void_p
Handler = Callable[[int], int]
"""Takes the address of an ``rx_data`` or a ``tx_data``."""

_POOL_BYTES = 1024
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, Pointer)


class Name(ctypes.Structure):
    """``pj_str_t`` of pj/types.h."""

    _fields_ = (("ptr", ctypes.c_char_p), ("slen", ctypes.c_ssize_t))


class _Module(ctypes.Structure):
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
        ("on_rx_response", Pointer),
        ("on_tx_request", _Callback),
        ("on_tx_response", _Callback),
        ("on_tsx_state", Pointer),
    )


class Modules:
    """The library's C functions and the modules that were registered with them.

    Raises AttributeError when this build does not export what registering takes.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._kept: list[object] = []
        c = self.c = ctypes.CDLL(_pjsua2.__file__)
        c.pjsua_get_pjsip_endpt.restype = Pointer
        c.pjsip_endpt_create_pool.restype = Pointer
        c.pjsip_endpt_create_pool.argtypes = [Pointer, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t]
        c.pjsip_endpt_release_pool.argtypes = [Pointer, Pointer]
        c.pjsip_endpt_register_module.argtypes = [Pointer, Pointer]
        self.endpoint: int = c.pjsua_get_pjsip_endpt()

    def pool(self) -> int:
        """Memory of the library's, which ``release`` gives back."""
        return int(self.c.pjsip_endpt_create_pool(self.endpoint, b"srtpbot", _POOL_BYTES, _POOL_BYTES))

    def release(self, pool: int) -> None:
        """Give a pool back."""
        self.c.pjsip_endpt_release_pool(self.endpoint, pool)

    def register(
        self,
        name: bytes,
        priority: int,
        *,
        on_request: Handler | None = None,
        on_transmit: Handler | None = None,
        refusal: int = 0,
    ) -> bool:
        """Register a module; ``refusal`` is what a handler that raised is taken to have returned."""

        def guarded(handler: Handler | None) -> object:
            if handler is None:
                return _Callback()

            def call(data: int) -> int:
                try:
                    return handler(data)
                except Exception as error:  # what a C callback raises would be lost
                    self._report(f"{name.decode()}: {type(error).__name__}: {error}")
                    return refusal

            return _Callback(call)

        received, sent = guarded(on_request), guarded(on_transmit)
        module = _Module(
            name=Name(name, len(name)),
            id=-1,
            priority=priority,
            on_rx_request=received,
            on_tx_request=sent,
            on_tx_response=sent,
        )
        self._kept += [received, sent, module]
        return bool(self.c.pjsip_endpt_register_module(self.endpoint, ctypes.byref(module)) == 0)
