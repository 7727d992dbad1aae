"""Network namespaces for tests, with their own addresses, routes and links."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.programs import installed

__all__ = ["Namespace", "cannot_make_namespaces"]

CLONE_NEWNET = 0x40000000
HERE = Path("/proc/thread-self/ns/net")
COMMAND_S = 5.0


class Namespace:
    """A network namespace with its loopback up; it goes with the block.

    What is started inside ``entered()`` stays in it, endpoints and programs too, since a child process
    inherits the namespace of the thread that starts it.
    """

    _numbers = itertools.count(1)

    def __init__(self, *addresses: str) -> None:
        """``addresses`` are put on the loopback interface, where they are no loopback addresses."""
        self.name = f"bot{os.getpid()}n{next(self._numbers)}"  # also an interface's: 15 characters
        self._addresses = addresses

    def __enter__(self) -> Self:
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        for address in self._addresses:
            self.ip("addr", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ip("netns", "del", self.name)

    def ip(self, *arguments: str) -> None:
        """Run ``ip`` for this namespace."""
        ip("-n", self.name, *arguments)

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs in the namespace."""
        return [str(installed("ip")), "netns", "exec", self.name, *arguments]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Within the block this thread, and whatever it starts, is in the namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with HERE.open() as outside, Path(f"/run/netns/{self.name}").open() as inside:
            set_namespace(libc, inside.fileno())
            try:
                yield
            finally:
                set_namespace(libc, outside.fileno())


def set_namespace(libc: ctypes.CDLL, descriptor: int) -> None:
    """Move this thread; Python has this from 3.12 on."""
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def ip(*arguments: str) -> None:
    """Run ``ip``; raises OSError with its output."""
    run([str(installed("ip")), *arguments])


def run(command: Sequence[str]) -> None:
    """Run a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def cannot_make_namespaces() -> str | None:
    """Why this system or this user cannot have network namespaces; None when they can."""
    if installed("ip") is None:
        return "there is no ip command (apt-get install --no-install-recommends iproute2; Linux only)"
    try:
        with Namespace() as namespace, namespace.entered():
            return None
    except OSError as error:
        return f"network namespaces cannot be made here, which takes root: {error}"
