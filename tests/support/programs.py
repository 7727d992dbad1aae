"""Runs the programs that tests talk to: output by line, deadlines instead of sleeps, ended by pid."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["INSTALL", "LOOPBACK", "Program", "Server", "free_ports", "installed", "own_part"]

LOOPBACK = "127.0.0.1"
STOP_S = 5.0

INSTALL = {
    "chromium": "apt-get install --no-install-recommends chromium (Debian; on Ubuntu it is a snap)",
    "tshark": "apt-get install --no-install-recommends tshark (or brew install wireshark)",
    "kamailio": "apt-get install --no-install-recommends kamailio",
    "kamailio-tls": "apt-get install --no-install-recommends kamailio kamailio-tls-modules",
    "turnserver": "apt-get install --no-install-recommends coturn",
    "rtpengine": "apt-get install --no-install-recommends rtpengine-daemon",
    "baresip": "apt-get install --no-install-recommends baresip-core (or brew install baresip)",
    "sipp": "apt-get install --no-install-recommends sip-tester (or brew install sipp)",
}
"""How to get each peer program."""
PORTS_A_PEER = 8
PEER_PORTS = range(2000, 8880, PORTS_A_PEER)
"""Below those of SIPp's control sockets, of RTP, and those that the kernel gives away by itself."""
DAEMONS = "/usr/sbin"
"""Where servers are and where the PATH of a user does not always lead."""


def installed(program: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", os.defpath), DAEMONS)))


def _place() -> tuple[int, int]:
    """Which of the workers this one is, from 0, and how many there are."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % workers, workers


def own_part(ports: range) -> range:
    """This worker's part of a range: for a program that takes a port although another one has it."""
    mine, workers = _place()
    size = len(ports) // workers // 2 * 2
    return ports[mine * size : (mine + 1) * size]


def _dealt() -> Iterator[int]:
    """The first ports for each peer of this worker, round and round; no two workers share one.

    Begun anywhere, so that two runs of the tests at once seldom meet, and see it when they do.
    """
    mine, workers = _place()
    hand = PEER_PORTS[mine::workers]
    return itertools.islice(itertools.cycle(hand), random.randrange(len(hand)), None)


_ports = _dealt()


def free_ports(count: int = 1) -> int:
    """An even port of 127.0.0.1 that is free for UDP and TCP, and its successors up to ``count``."""
    assert count <= PORTS_A_PEER
    for first in _ports:
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        held.enter_context(socket.socket(socket.AF_INET, kind)).bind((LOOPBACK, port))
            except OSError:
                continue
            return first
    raise AssertionError("unreachable: the ports go round and round")


class Program:
    """A child process whose output is read line by line as it comes."""

    def __init__(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.arguments = list(arguments)
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._closed = False
        self._process = subprocess.Popen(
            self.arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """What it has written so far."""
        with self._changed:
            return "\n".join(self._lines)

    def wait_for_line(self, pattern: str, timeout: float = 10.0) -> re.Match[str]:
        """The first line, past or future, in which the pattern is found."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if found := re.search(pattern, line):
                        return found
                seen = len(self._lines)
                left = deadline - time.monotonic()
                assert not self._closed, (
                    f"{self.arguments[0]} ended before it wrote {pattern!r}:\n{self.tail}"
                )
                assert left > 0, f"{self.arguments[0]} did not write {pattern!r} in {timeout} s:\n{self.tail}"
                self._changed.wait(left)

    def wait(self, timeout: float) -> int:
        """The exit status, once it has ended by itself."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments[0]} still runs after {timeout} s:\n{self.tail}") from None
        self._reader.join(STOP_S)
        return status

    def ended_within(self, seconds: float) -> bool:
        """Whether it ends in that time; for pauses that notice a death."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, timeout: float = STOP_S) -> int:
        """SIGTERM, SIGKILL when that does not help; the exit status."""
        self._process.terminate()
        if not self.ended_within(timeout):
            self._process.kill()
        status = self._process.wait()
        self._reader.join(STOP_S)
        return status

    @property
    def tail(self) -> str:
        """The last lines of its output."""
        return "\n".join(self._lines[-30:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"{self.arguments[0]} wrote last:\n{self.tail}")
        self.stop()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Server:
    """Base class of peers that are a program; a context manager around its run."""

    program: Program
    _folder: Path

    def command(self) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def wait_until_ready(self) -> None:
        """Wait until the program serves."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.program = Program(self.command(), folder=self._folder)
        try:
            self.wait_until_ready()
        except BaseException:
            self.program.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.__exit__(kind, error, trace)
