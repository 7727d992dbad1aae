"""``make bench``: srtpbot beside the bare library, on this machine, in one run, as a table."""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot import CallState, Endpoint
from media.audio.wav import write
from media.signals.tones import speech_like
from tests.bench import analysis, legs, load
from tests.bench.ends import RAW, Raw, caller, cpu_percent, parrot, pause, talk

RUNS = 15
CLI = [sys.executable, "-c", "from bot.cli.main import main; main()"]

Row = tuple[str, float, float | None, str, str]


def main() -> None:
    """Print the tables of the chosen sections."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, action="append", help="this section alone; repeatable")
    chosen = parser.parse_args().only or list(SECTIONS)
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder:
        speech = Path(folder) / "speech.wav"
        write(speech, speech_like(4.0, 8000, seed=1))
        for name in chosen:
            with console.status(name):
                shown = SECTIONS[name](speech)
            console.print(shown)


def calls(speech: Path) -> Table:
    """One call and one command, beside the bare library."""
    table = Table("figure", "srtpbot", "bare library", "ratio", "target", title="medians; lower is better")
    for measure in (start, invite_on_the_wire, set_up, talking, latency, rate):
        for name, ours, bare, unit, target in measure(speech):
            ratio = f"{ours / bare:.2f}" if bare else ""
            table.add_row(name, f"{ours:.3g} {unit}", f"{bare:.3g} {unit}" if bare else "", ratio, target)
    return table


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
    return [("CPU of the only SRTP leg, PCMA, play and record", mine, its, "%", "")]


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


def alternately(ours: Callable[[], float], bare: Callable[[], float]) -> tuple[float, float]:
    """Medians of both, measured in turn, after one round that does not count."""
    pairs = [(ours(), bare()) for _ in range(RUNS + 1)][1:]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


SECTIONS: dict[str, Callable[[Path], Table]] = {
    "calls": calls,
    "legs": legs.table,
    "load": load.table,
    "analysis": lambda speech: analysis.table(),
}


if __name__ == "__main__":
    main()
