"""Resolution of host names from peers on worker threads; the pump only uses finished results.

The numbers of names, of threads and of remembered answers are bounded. A name server that does not answer
holds up its own thread alone.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

__all__ = ["Resolver"]

THREADS, MOST_WAITING, MOST_KNOWN, LONGEST_NAME = 4, 64, 1024, 253
FRESH_S, FAILED_S = 300.0, 30.0
"""Seconds for which an answer is used without asking again, and a failure."""

Addresses = tuple[str, ...]
Lookup = Callable[[str], Addresses]


def system_lookup(name: str) -> Addresses:
    """The addresses of a name as the system resolves it; raises OSError."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True)
class Answer:
    """The addresses of a name; none after a failure."""

    addresses: Addresses
    at: float

    def is_fresh(self, now: float) -> bool:
        """Whether it is used without asking again."""
        return now - self.at < (FRESH_S if self.addresses else FAILED_S)


class Resolver:
    """Answers by name; ``soon`` runs a job on the pumping thread, and is called from any thread."""

    def __init__(self, soon: Callable[[Callable[[], None]], None], lookup: Lookup = system_lookup) -> None:
        self._soon, self._lookup = soon, lookup
        self._known: OrderedDict[str, Answer] = OrderedDict()
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._names: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._threads = 0

    def is_known(self, name: str) -> bool:
        """Whether there is an address, or a recent failure."""
        answer = self._known.get(name)
        return answer is not None and (bool(answer.addresses) or answer.is_fresh(time.monotonic()))

    def addresses(self, name: str) -> Addresses:
        """The known addresses; a name that is not known, or no more fresh, is asked for."""
        answer = self._known.get(name)
        if answer is None or not answer.is_fresh(time.monotonic()):
            self.ask(name)
        return answer.addresses if answer is not None else ()

    def ask(self, name: str, done: Callable[[], None] = lambda: None) -> bool:
        """Resolve a name, then call ``done`` on the pumping thread; False when too many are waiting."""
        if name in self._waiting:
            self._waiting[name].append(done)
            return True
        if len(self._waiting) >= MOST_WAITING or len(name) > LONGEST_NAME:
            return False
        self._waiting[name] = [done]
        if self._threads < min(THREADS, len(self._waiting)):
            self._threads += 1
            threading.Thread(target=self._work, name="srtpbot-resolver", daemon=True).start()
        self._names.put(name)
        return True

    def _work(self) -> None:
        while True:
            name = self._names.get()
            try:
                addresses = self._lookup(name)
            except (OSError, UnicodeError):
                addresses = ()
            self._soon(partial(self._resolved, name, addresses))

    def _resolved(self, name: str, addresses: Addresses) -> None:
        before = self._known.pop(name, None)
        if not addresses and before is not None and before.addresses:
            addresses = before.addresses
        self._known[name] = Answer(addresses, time.monotonic())
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        for done in self._waiting.pop(name, ()):
            done()
