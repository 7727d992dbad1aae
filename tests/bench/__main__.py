"""``make bench``: srtpbot beside the bare library, on this machine, in one run, as a table."""

from __future__ import annotations

import contextlib
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bot import CallState, Endpoint, SrtpMode
from bot.bots.parrot import Parrot
from bot.deadline import Deadline
from bot.ua.call import Call
from media.audio.wav import write
from media.signals.tones import speech_like
from tests.bench import analysis

RUNS = 15
WINDOW_S = 8.0
RAW = [sys.executable, str(Path(__file__).with_name("raw.py"))]
CLI = [sys.executable, "-c", "from bot.cli.main import main; main()"]

Row = tuple[str, float, float | None, str, str]


class Raw:
    """A process of the bare library."""

    def __init__(self, *arguments: str) -> None:
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [*RAW, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.read("ready"))
        self.start_ms = (time.monotonic() - self.begun) * 1000

    def read(self, word: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(word):
                return line.split()[1]
        raise RuntimeError("the bare library's process ended")

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.tell("quit")
        self.process.wait(10)


def main() -> None:
    table = Table("figure", "srtpbot", "bare library", "ratio", "target", title="medians; lower is better")
    with tempfile.TemporaryDirectory() as folder:
        speech = Path(folder) / "speech.wav"
        write(speech, speech_like(4.0, 8000, seed=1))
        console = Console(width=100)
        for measure in (start, invite_on_the_wire, set_up, idle, talking, latency, rate):
            with console.status(measure.__name__.replace("_", " ")):
                rows = measure(speech)
            for name, ours, bare, unit, target in rows:
                ratio = f"{ours / bare:.2f}" if bare else ""
                table.add_row(name, f"{ours:.3g} {unit}", f"{bare:.3g} {unit}" if bare else "", ratio, target)
        console.print(table)
        with console.status("analysis of audio"):
            analysed = analysis.table()
        console.print(analysed)


def start(speech: Path) -> list[Row]:
    def ours() -> float:
        begun = time.monotonic()
        with Endpoint(bind="127.0.0.1"):
            return (time.monotonic() - begun) * 1000

    def bare() -> float:
        raw = Raw("idle")
        raw.close()
        return raw.start_ms

    mine, its = alternately(ours, bare)
    return [("agent: start to ready", mine, its, "ms", "")]


def invite_on_the_wire(speech: Path) -> list[Row]:
    def until_invite(command: list[str], kick: str | None) -> float:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind(("127.0.0.1", 0))
            wire.settimeout(10)
            uri = f"sip:x@127.0.0.1:{wire.getsockname()[1]}"
            begun = time.monotonic()
            process = subprocess.Popen(
                [part.replace("URI", uri) for part in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            if kick:
                assert process.stdin is not None
                process.stdin.write(kick)
                process.stdin.flush()
            wire.recv(4096)
            took = time.monotonic() - begun
            process.terminate()
            process.wait(10)
            return took

    mine, its = alternately(
        lambda: until_invite([*CLI, "call", "URI", "--bind", "127.0.0.1", "--codec", "PCMA"], None),
        lambda: until_invite([*RAW, "call", "URI"], "call\n"),
    )
    return [("process start to INVITE on the wire", mine, its, "s", "0.25 s")]


def set_up(speech: Path) -> list[Row]:
    with parrot() as callee, caller() as one:

        def ours() -> float:
            call = one.make_call(callee.uri)
            call.wait(CallState.CONFIRMED)
            known = call.facts
            invite = next(m.at for m in known.messages if m.message.method == "INVITE")
            confirmed = known.reached(CallState.CONFIRMED)
            assert confirmed is not None
            call.hangup()
            pause(one)
            return (confirmed.at - invite) * 1000

        answering = Raw("answer")
        calling = Raw("call", f"sip:raw@127.0.0.1:{answering.port}")

        def bare() -> float:
            calling.tell("call")
            took = float(calling.read("confirmed"))
            calling.tell("hangup")
            pause(one)
            return took

        mine, its = alternately(ours, bare)
        calling.close()
        answering.close()
    return [("INVITE to CONFIRMED, SRTP", mine, its, "ms", "bare + 3 ms")]


def idle(speech: Path) -> list[Row]:
    raw = Raw("idle")
    with parrot() as one:
        pause(one, 3.0)
        mine, its = cpu_percent(one.pid, raw.process.pid)
    raw.close()
    return [("idle CPU of an agent", mine, its, "%", "0.1 %")]


def talking(speech: Path) -> list[Row]:
    with parrot() as callee, caller() as one:
        raw = Raw("call", callee.uri, str(speech))
        raw.tell("talk")
        raw.read("confirmed")
        call = talk(one, callee, speech)
        pause(one, 1.0)
        mine, its = cpu_percent(one.pid, raw.process.pid)
        call.hangup()
        raw.close()
    with parrot() as callee, caller() as one:
        for _ in range(4):
            talk(one, callee, speech)
        pause(one, 2.0)
        rss = psutil.Process(one.pid).memory_info().rss / 1e6
    return [
        ("CPU of an SRTP leg, PCMA, play and record", mine, its, "%", "0.25 %"),
        ("memory of an agent with 4 legs", rss, None, "MB", "40 MB"),
    ]


def talk(one: Endpoint, callee: Endpoint, speech: Path) -> Call:
    call = one.make_call(callee.uri)
    call.wait(CallState.CONFIRMED)
    call.play(speech, loop=True)
    call.record(speech.with_name(f"heard-{call.number}.wav"))
    return call


def latency(speech: Path) -> list[Row]:
    with parrot() as callee, caller() as one:
        call = one.make_call(callee.uri)
        call.wait(CallState.CONFIRMED)
        took = []
        for _ in range(200):
            begun = time.monotonic()
            call.loopback(False)
            took.append((time.monotonic() - begun) * 1000)
    return [("a command, asked to done", statistics.median(took), None, "ms", "2 ms")]


def rate(speech: Path) -> list[Row]:
    """How fast one endpoint takes calls that end at once; more is better."""
    with parrot() as callee, caller() as one:
        begun, done = time.monotonic(), 0
        while time.monotonic() - begun < 5.0:
            try:
                call = one.make_call(callee.uri)
                call.wait(CallState.CONFIRMED, timeout=5)
                call.hangup()
                done += 1
            except Exception:
                pause(one, 0.05)
        return [("calls a second, one after another (more is better)", done / 5.0, None, "/s", "")]


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


def alternately(ours: Callable[[], float], bare: Callable[[], float]) -> tuple[float, float]:
    """Medians of both, measured in turn, after one round that does not count."""
    pairs = [(ours(), bare()) for _ in range(RUNS + 1)][1:]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def cpu_percent(*pids: int) -> list[float]:
    """Of one core, over the same window for all."""
    processes = [psutil.Process(pid) for pid in pids]
    before = [sum(process.cpu_times()[:2]) for process in processes]
    select.select([], [], [], WINDOW_S)
    after = [sum(process.cpu_times()[:2]) for process in processes]
    return [(late - early) / WINDOW_S * 100 for early, late in zip(before, after, strict=True)]


if __name__ == "__main__":
    main()
