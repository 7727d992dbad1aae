"""The host names that the library resolves; a resolution would block its only event loop.

Its calls of ``getaddrinfo`` and ``gethostbyname`` are intercepted. Numeric addresses, the name of this
machine and the names in the user's settings are resolved there and then: the pump waits for the name server,
which is announced, so that the agent is not taken for hung, and told when it was long. For a name from the
network the address that is already known is handed on, or none.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from bot.agent.native.detour import Detour
from bot.agent.native.library import Exported, MissingSymbol
from bot.agent.native.sip_module import Name, Pointer
from bot.agent.resolver import Resolver
from bot.sip.intake import is_address

__all__ = ["Names"]

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
MOST = 4096
LONGEST_S, SLOW_S = 35.0, 1.0
"""Three name servers that are asked twice, 5 s each (resolv.conf); and how long a wait is told."""
NO_SUCH_NAME = socket.EAI_NONAME
HOST_NOT_FOUND = 1
CANNOT_RESOLVE = 70018
"""PJ_ERESOLVE of pj/errno.h."""
HOST_OF_TARGET = 8
"""The offset of the host in ``pjsip_host_info`` of pjsip/sip_types.h."""
Resolved = ctypes.CFUNCTYPE(None, ctypes.c_int, Pointer, Pointer)
"""``pjsip_resolver_callback``."""


Answer = TypeVar("Answer")


class Hints(ctypes.Structure):
    """The beginning of ``struct addrinfo``."""

    _fields_ = (("flags", ctypes.c_int), ("family", ctypes.c_int))


class Names:
    """Raises MissingSymbol where this build has no way to stand between the library and the resolver."""

    def __init__(self, c: Exported) -> None:
        self._own = OrderedDict.fromkeys(("localhost", socket.gethostname().lower()))
        self.resolver: Resolver | None = None
        """Resolver of names from the network; without it they are not resolved."""
        self.on_wait: Callable[[float], None] = lambda seconds: None
        """Called before the pump waits for a name server, with the longest wait in seconds."""
        self.on_slow: Callable[[str, float], None] = lambda name, seconds: None
        """Called after a long wait, with the name and the seconds."""
        system = ctypes.CDLL(None)
        self._error = system["__h_errno_location"]
        self._error.restype = ctypes.POINTER(ctypes.c_int)
        self._detours = [
            Detour(c, "getaddrinfo", self._addresses, home=system),
            Detour(c, "gethostbyname", self._host, home=system),
        ]
        with contextlib.suppress(MissingSymbol):
            self._detours.append(Detour(c, "pjsip_endpt_resolve", self._resolve))

    def learn(self, text: str) -> None:
        """Permit the host names in the user's settings."""
        for name in NAME.findall(text):
            self._own[name.lower()] = None
            self._own.move_to_end(name.lower())
        while len(self._own) > MOST:
            self._own.popitem(last=False)

    def ask(self, name: str, done: Callable[[], None]) -> bool:
        """Resolve a name from the network; False when that is not possible now."""
        return self.resolver is not None and self.resolver.ask(name, done)

    def is_known(self, name: str) -> bool:
        """Whether the resolution of a name has ended, with or without addresses."""
        return self._is_own(name) or self.resolver is None or self.resolver.is_known(name)

    def has_address(self, name: str) -> bool:
        """Whether there is an address for a name now."""
        return self._is_own(name) or bool(self._known(name))

    def _is_own(self, name: str) -> bool:
        """Whether the name is an address or comes from the user's settings."""
        return name.lower().rstrip(".") in self._own or is_address(name)

    def _known(self, name: str) -> tuple[str, ...]:
        return self.resolver.addresses(name.lower().rstrip(".")) if self.resolver is not None else ()

    def _numeric(self, name: str, family: int) -> str | None:
        """The name if it may be resolved at once, or its known address of this family; None without one."""
        if self._is_own(name):
            return name
        for address in self._known(name):
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET):
                return address
        return None

    def _addresses(
        self, original: Callable[..., int], name: bytes | None, service: bytes | None, hints: int, *rest: Any
    ) -> int:
        if name is None:
            return original(name, service, hints, *rest)
        family = Hints.from_address(hints).family if hints else socket.AF_UNSPEC
        known = self._numeric(name.decode("latin-1"), family)
        if known is None:
            return NO_SUCH_NAME
        return self._announced(known, lambda: original(known.encode("latin-1"), service, hints, *rest))

    def _host(self, original: Callable[..., int | None], name: bytes) -> int | None:
        known = self._numeric(name.decode("latin-1"), socket.AF_INET)
        if known is not None:
            return self._announced(known, lambda: original(known.encode("latin-1")))
        self._error()[0] = HOST_NOT_FOUND
        return None

    def _announced(self, name: str, ask: Callable[[], Answer]) -> Answer:
        """Ask the system's resolver, which may wait for a name server."""
        if is_address(name):
            return ask()
        self.on_wait(LONGEST_S)
        began = time.monotonic()
        try:
            return ask()
        finally:
            seconds = time.monotonic() - began
            if seconds > SLOW_S:
                self.on_slow(name, seconds)

    def _resolve(self, original: Callable[..., None], *arguments: int) -> None:
        """Ask the name servers of the settings for a SIP host (RFC 3263), unless names are not resolved."""
        _, _, target, token, resolved = arguments
        host = Name.from_address(target + HOST_OF_TARGET)
        name = ctypes.string_at(host.ptr, host.slen).decode("latin-1") if host.slen > 0 else ""
        if self.resolver is None and not self._is_own(name.strip("[]")):
            Resolved(resolved)(CANNOT_RESOLVE, token, None)
        else:
            original(*arguments)
