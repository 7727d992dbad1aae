"""The library's thread that reads media packets: waits until it has read all, and lets it rest without calls.

One thread polls all media sockets, with a select() that does not include the socket of a stream that has just
begun. It also reads datagrams of our own, each sent after it has read the one before. The first ends such a
select(). In the round of the second it sees every packet that had arrived, and has handled them before the
round of the third.

The thread polls 100 times a second, with no call too, which is most of what an idle agent costs. So without
calls it waits in the callback of such a datagram until there is one.
"""

from __future__ import annotations

import ctypes
import socket
import threading
from collections.abc import Callable

from bot.agent.native.kept import keep
from bot.agent.native.library import MissingSymbol, Pointer
from bot.agent.native.sip_module import Modules

__all__ = ["MediaThread"]

ROUNDS = 3
SOON_S = 0.1
"""Longest wait that nobody has to be told of."""
PATIENCE_S = 1.0
"""Longest wait for a thread that a busy machine does not run."""
ALWAYS_ASYNC = 1 << 31
"""PJ_IOQUEUE_ALWAYS_ASYNC of pj/ioqueue.h."""
_Read = ctypes.CFUNCTYPE(None, Pointer, Pointer, ctypes.c_ssize_t)


class _Callbacks(ctypes.Structure):
    """``pj_ioqueue_callback`` of pj/ioqueue.h."""

    _fields_ = (
        ("on_read_complete", _Read),
        ("on_write_complete", Pointer),
        ("on_accept_complete", Pointer),
        ("on_connect_complete", Pointer),
    )


class MediaThread:
    """Raises MissingSymbol when the build does not export the functions, or its I/O queue is full."""

    def __init__(self, modules: Modules, waits: Callable[[float], None]) -> None:
        """``waits`` is told the seconds of a longer wait, so that the agent is not taken for hung."""
        self._c, self._waits = modules.c, waits
        self._passed = threading.Event()
        self._awake = threading.Event()
        self._awake.set()
        self._writer, self._reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._key = Pointer()
        self._operation = (Pointer * 64)()  # pj_ioqueue_op_key_t has 34
        self._datagram = ctypes.create_string_buffer(8)
        callbacks = _Callbacks(on_read_complete=_Read(self._read))
        keep(self, callbacks)
        queue = self._c.pjmedia_endpt_get_ioqueue(self._c.pjsua_get_pjmedia_endpt())
        status = self._c.pj_ioqueue_register_sock2(
            modules.pool(),
            queue,
            self._reader.fileno(),
            None,
            None,
            ctypes.byref(callbacks),
            ctypes.byref(self._key),
        )
        if status:
            raise MissingSymbol("the I/O queue for media takes no socket of ours")
        self._receive()

    def catch_up(self) -> None:
        """Wait until every packet is handled that has arrived; from another thread of the library."""
        if not self._awake.is_set():
            return
        for _ in range(ROUNDS):
            self._passed.clear()
            self._writer.send(b"\0")
            if self._passed.wait(SOON_S):
                continue
            self._waits(PATIENCE_S)
            if not self._passed.wait(PATIENCE_S):
                return

    def rest(self) -> None:
        """Let the thread read nothing until ``wake``; only while no call and no media socket exists."""
        if self._awake.is_set():
            self._awake.clear()
            self._writer.send(b"\0")

    def wake(self) -> None:
        """Let it read: a call begins, or the library ends."""
        self._awake.set()

    def _receive(self) -> None:
        size = ctypes.c_ssize_t(len(self._datagram))
        self._c.pj_ioqueue_recv(self._key, self._operation, self._datagram, ctypes.byref(size), ALWAYS_ASYNC)

    def _read(self, key: int, operation: int, size: int) -> None:
        self._receive()
        self._passed.set()
        self._awake.wait()
