"""Signals and other reasons to end a command, handled on a thread.

Python runs a signal handler in the main thread, between two instructions. A signal that comes right before
the main thread begins to wait would be handled after this wait only. So Python's C handler writes the number
of the signal into a socket (``signal.set_wakeup_fd``), and a thread reads it.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable

from bot.cli.signals import INTERRUPTS

__all__ = ["Interrupts"]

NO_SIGNAL = b"\0"


class Interrupts:
    """The thread that handles interrupts; ``start`` and ``stop`` in the main thread.

    ``interrupted`` handles the first signal, ``again`` the second one, and ``notified`` each ``notify``.
    """

    def __init__(
        self,
        interrupted: Callable[[], None],
        notified: Callable[[], None],
        again: Callable[[], None] = lambda: None,
    ) -> None:
        self._handlers = [interrupted, again]
        self._notified = notified
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)  # as set_wakeup_fd requires
        self._thread = threading.Thread(target=self._run, name="srtpbot-interrupts", daemon=True)

    def start(self) -> None:
        """Handle interrupts from now on."""
        self._thread.start()
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in INTERRUPTS:
            signal.signal(number, lambda *_: None)

    def stop(self) -> None:
        """Ignore interrupts from now on."""
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._writer.shutdown(socket.SHUT_WR)
        self._thread.join()
        self._writer.close()
        self._reader.close()

    def notify(self) -> None:
        """Call ``notified`` on the thread; from any thread, also under a lock."""
        with contextlib.suppress(OSError):  # full: it is called anyway; shut down: the command is ending
            self._writer.send(NO_SIGNAL)

    def _run(self) -> None:
        while numbers := self._reader.recv(64):
            if NO_SIGNAL[0] in numbers:
                self._notified()
            if self._handlers and any(number in numbers for number in INTERRUPTS):
                self._handlers.pop(0)()
