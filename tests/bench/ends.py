"""Both ends of the measured calls: endpoints of srtpbot, and processes of the bare library."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bot import CallState, Endpoint, SrtpMode
from bot.bots.parrot import Parrot
from bot.deadline import Deadline
from bot.ua.call import Call

__all__ = ["RAW", "Raw", "caller", "cpu_percent", "parrot", "pause", "talk"]

WINDOW_S = 8.0
RAW = [sys.executable, str(Path(__file__).with_name("raw.py"))]


class Raw:
    """A process of the bare library."""

    def __init__(self, *arguments: str, calls: int | None = None) -> None:
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [*RAW, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **({"RAW_CALLS": str(calls)} if calls is not None else {})},
        )
        self.port = int(self.read("ready"))
        self.start_ms = (time.monotonic() - self.begun) * 1000

    def read(self, *words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(words):
                return line.split()[1]
        raise RuntimeError("the bare library's process ended")

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.tell("quit")
        self.process.wait(10)


@contextlib.contextmanager
def parrot() -> Iterator[Endpoint]:
    with Endpoint(
        name="parrot", bind="127.0.0.1", codecs=["PCMA"], srtp=SrtpMode.MANDATORY, controller=Parrot()
    ) as endpoint:
        yield endpoint


@contextlib.contextmanager
def caller() -> Iterator[Endpoint]:
    with Endpoint(name="caller", bind="127.0.0.1", codecs=["PCMA"], srtp=SrtpMode.MANDATORY) as endpoint:
        yield endpoint


def pause(endpoint: Endpoint, seconds: float = 0.3) -> None:
    endpoint.wait_until(lambda: False, Deadline(seconds))


def talk(one: Endpoint, callee: Endpoint, speech: Path) -> Call:
    call = one.make_call(callee.uri)
    call.wait(CallState.CONFIRMED)
    call.play(speech, loop=True)
    call.record(speech.with_name(f"heard-{call.number}.wav"))
    return call


def cpu_percent(*pids: int) -> list[float]:
    """Of one core, over the same window for all."""
    before = [seconds_run(pid) for pid in pids]
    select.select([], [], [], WINDOW_S)
    after = [seconds_run(pid) for pid in pids]
    return [(late - early) / WINDOW_S * 100 for early, late in zip(before, after, strict=True)]


def seconds_run(pid: int) -> float:
    """Of all threads of a process; its times in ``/proc/PID/stat`` count in hundredths of a second."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e9
