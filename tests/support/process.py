"""Runs the srtpbot command as users do, reads both of its streams, and ends whatever it started."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

__all__ = ["FAILED", "INTERRUPTED", "OK", "TROUBLE", "USAGE", "Bot", "import_path"]

OK, FAILED, USAGE, TROUBLE, INTERRUPTED = 0, 1, 2, 3, 130
COMMAND = [sys.executable, "-c", "from bot.cli.main import main; main()"]
END_S = 30.0
START_S = 45.0
"""A loaded machine takes many seconds to start the command; a wait proves no speed."""
GLANCE_S = 0.01


class Bot:
    """One srtpbot process; leaving the block kills it and its agents, by their ids."""

    def __init__(self, *arguments: object, folder: Path, environment: Mapping[str, str]) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._agents: list[psutil.Process] = []
        self._process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._lines
        ]
        for reader in self._readers:
            reader.start()

    # ---- what it says

    @property
    def stdout(self) -> str:
        """Its standard output so far."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """Its standard error so far."""
        return self._text("stderr")

    @property
    def said(self) -> str:
        """Both, for the message of a failed assertion."""
        return f"--- stdout\n{self.stdout}--- stderr\n{self.stderr}"

    def json(self) -> Any:
        """Its standard output, which is nothing but JSON."""
        return json.loads(self.stdout)

    def line(self, pattern: str, *, stream: str = "stdout", timeout: float = START_S) -> re.Match[str]:
        """The first line, past or future, in which the pattern is found."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for line in self._lines[stream]:
                    if found := re.search(pattern, line):
                        return found
                left = deadline - time.monotonic()
                assert left > 0, f"no {pattern!r} on {stream} within {timeout:g} s\n{self.said}"
                assert any(reader.is_alive() for reader in self._readers), (
                    f"it ended without {pattern!r} on {stream}\n{self.said}"
                )
                self._changed.wait(min(left, 0.2))

    def uri(self) -> str:
        """The URI of its first ready line."""
        return self.line(r"^ready (sip:\S+)$")[1]

    # ---- its life

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_for_agents(self) -> list[psutil.Process]:
        """Wait for its first agent process; returns every agent that was seen, also those that have ended."""
        self.until(self._has_agents)
        return self._agents

    def until(self, holds: Callable[[], bool], timeout: float = START_S) -> None:
        """Look again and again until something holds; fails when the process ends first."""
        deadline = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < deadline, f"not so within {timeout:g} s\n{self.said}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GLANCE_S)
                raise AssertionError(f"it ended first\n{self.said}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, timeout: float = END_S) -> int:
        """Its exit status, once it has ended by itself, with everything read."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {timeout:g} s\n{self.said}") from None
        for reader in self._readers:
            reader.join(5)
        return status

    def leaves_nothing(self) -> bool:
        """Whether every agent that was seen is gone."""
        _, alive = psutil.wait_procs(self._agents, timeout=5)
        return not alive

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_agents()
        self._process.kill()
        self._process.wait()
        for agent in self._agents:
            with contextlib.suppress(psutil.NoSuchProcess):
                agent.kill()
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _has_agents(self) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children():
                if child not in self._agents and "bot.agent" in child.cmdline():
                    self._agents.append(child)
        return bool(self._agents)

    def _read(self, name: str) -> None:
        stream = getattr(self._process, name)
        for line in stream:
            with self._changed:
                self._lines[name].append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _text(self, name: str) -> str:
        with self._changed:
            return "".join(self._lines[name])


def import_path() -> str:
    """PYTHONPATH for another process: this very project, and the native library that the tests run with."""
    return os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
