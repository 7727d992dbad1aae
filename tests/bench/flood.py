"""``make flood``: floods against srtpbot, baresip and twenty lines of pjsua2, with a call in progress.

Each flood comes from another address than the callers. The table says what became of the program, of the
call in progress (lost packets, and whether its audio came back whole), and when the next caller got in.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bot import CallState, Endpoint
from bot.deadline import Deadline
from bot.errors import BotError
from bot.model import SrtpMode
from media.audio.wav import read, write
from media.compare.compare import Options, compare
from media.signals.tones import speech_like
from tests.bench.attacks import ATTACKS, Where
from tests.support.answering import Answering
from tests.support.baresip import Baresip, modules_folder
from tests.support.programs import LOOPBACK, Program, free_ports, installed
from tests.support.sip_peer import SipPeer

__all__ = ["TARGETS", "Outcome", "Served", "attacked", "seconds_to_get_in", "whole"]

BUSY_MACHINE = Options(max_missing_ms=1000, max_edge_ms=500, max_inserted_ms=1000)
PACKETS_A_SECOND = 50
LATE = 25
"""Packets that may be missing because a clock came late on a busy machine."""
PATIENCE_S = 20.0
TRY_S = 1.0
SAMPLE_S = 0.05
MB = 1 << 20


@dataclass(frozen=True)
class Served:
    """A program under attack: where it is called, its processes, and whether its echo is to be heard."""

    uri: str
    program: Program
    echoes: bool
    folder: Path

    @property
    def processes(self) -> list[psutil.Process]:
        """The program and its children, none when it has ended."""
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(self.program.pid)
            return [parent, *parent.children()]
        return []


@dataclass(frozen=True)
class Outcome:
    """What a flood did; memory in MB, times in s, None for what was not seen."""

    target: str
    attack: str
    sent: int
    parent_mb: int
    agent_mb: int | None
    survived: bool
    replaced: bool
    """Whether the program goes on with another agent."""
    received: int | None
    """Packets that the call in progress received, of those that were due; None when the call was lost."""
    due: int
    lost: int | None
    """By their sequence numbers."""
    audio: bool | None
    during_s: float | None
    after_s: float | None

    @property
    def is_whole(self) -> bool:
        """Whether nobody but the attacker noticed anything."""
        flows = self.received is not None and self.received > self.due - LATE and self.lost == 0
        return self.survived and not self.replaced and flows and self.audio is not False


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[Served]:
    """``srtpbot answer --as parrot``, at UDP and TCP."""
    with Answering(folder / "bot", "parrot", "--transport", "udp", "--transport", "tcp") as program:
        yield Served(program.uri, program, echoes=True, folder=folder / "bot" / "out")


@contextlib.contextmanager
def baresip(folder: Path) -> Iterator[Served]:
    """baresip, which plays a tone."""
    with Baresip(folder) as program:
        yield Served(program.uri("plain"), program.program, echoes=False, folder=folder)


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[Served]:
    """The script of pjsua2 alone."""
    port = free_ports()
    command = [sys.executable, "-m", "tests.support.bare_agent", str(port)]
    root = Path(__file__).resolve().parent.parent.parent
    with Program(command, folder=root) as program:
        program.wait_for_line("ready", PATIENCE_S)
        yield Served(f"sip:bare@{LOOPBACK}:{port}", program, echoes=True, folder=folder)


TARGETS: dict[str, Callable[[Path], AbstractContextManager[Served]]] = {
    "srtpbot": ours,
    "baresip": baresip,
    "pjsua2": bare,
}


class Memory:
    """The highest resident memory of processes while a block runs."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.parent = 0
        self.agent: int | None = None

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            with contextlib.suppress(psutil.Error, IndexError):
                parent, *agents = [one.memory_info().rss // MB for one in self._served.processes]
                self.parent = max(self.parent, parent)
                self.agent = max([self.agent or 0, *agents]) if agents else self.agent


def attacked(target: str, attack: str, seconds: float, rate: float, folder: Path) -> Outcome:
    """Attack a program of its own while it has a call."""
    srtp = (
        SrtpMode.OFF if attack == "foreign RTP" else SrtpMode.OPTIONAL
    )  # with it a stranger's audio is not authentic
    with (
        TARGETS[target](folder) as served,
        Endpoint(name="caller", bind=LOOPBACK, codecs=["PCMA"], srtp=srtp) as caller,
    ):
        before = served.processes[1:]
        speech = folder / "speech.wav"
        write(speech, speech_like(seconds + 1.0, 8000, seed=1))
        call = caller.make_call(served.uri)
        assert call.wait(CallState.CONFIRMED, CallState.DISCONNECTED, timeout=PATIENCE_S), "no answer"
        assert caller.wait_until(lambda: bool(call.media and call.media[0].remote), Deadline(PATIENCE_S))
        where = int(served.uri.partition(";")[0].rpartition(":")[2]), port_of(call.media[0].remote)
        call.measure()
        stats, began = call.facts.stats(0), time.monotonic()
        first = stats.rx.packets if stats is not None else 0
        with Memory(served) as memory, call.record(folder / "echo.wav") as recording:
            playback = call.play(speech)
            flood = Flood(attack, where, seconds, rate)
            during = seconds_to_get_in(served.uri, seconds)
            sent = flood.end()
            after = seconds_to_get_in(served.uri, PATIENCE_S)
            playback.wait(timeout=seconds + PATIENCE_S)
        alive = call.state is CallState.CONFIRMED
        call.measure()
        due = int((time.monotonic() - began) * PACKETS_A_SECOND)
        stats = call.facts.stats(0)
        heard = alive and served.echoes
        return Outcome(
            target=target,
            attack=attack,
            sent=sent,
            parent_mb=memory.parent,
            agent_mb=memory.agent,
            survived=served.program.running,
            replaced=served.processes[1:] != before,
            received=stats.rx.packets - first if alive and stats is not None else None,
            due=due,
            lost=stats.rx.lost if alive and stats is not None else None,
            audio=whole(speech, Path(recording.path)) if heard else None,
            during_s=during,
            after_s=after,
        )


class Flood:
    """A flood in a thread of its own."""

    def __init__(self, attack: str, where: Where, seconds: float, rate: float) -> None:
        self._sent = 0
        self._thread = threading.Thread(target=self._run, args=(attack, where, seconds, rate), daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Wait for its end; how much it sent."""
        self._thread.join()
        return self._sent

    def _run(self, attack: str, where: Where, seconds: float, rate: float) -> None:
        self._sent = ATTACKS[attack](where, seconds, rate)


def port_of(address: str | None) -> int:
    """The port of HOST:PORT."""
    assert address is not None
    return int(address.rpartition(":")[2])


def whole(sent: Path, heard: Path) -> bool:
    """Whether what came back is what was sent."""
    try:
        return compare(read(sent), read(heard), options=BUSY_MACHINE).matched
    except (OSError, ValueError, BotError):
        return False


def seconds_to_get_in(uri: str, patience_s: float) -> float | None:
    """How long it takes until a call is answered with 200; it is tried again once a second."""
    began = time.monotonic()
    deadline = Deadline(patience_s)
    while not deadline.passed:
        peer = SipPeer(uri, timeout=min(TRY_S, max(0.1, deadline.left)))
        try:
            peer.offer("m=audio {rtp} RTP/AVP 8")
            if peer.answered() == 200:
                return time.monotonic() - began
        except (AssertionError, OSError):
            continue
        finally:
            with contextlib.suppress(AssertionError, OSError):
                peer.__exit__(None, None, None)
    return None


def table(outcomes: list[Outcome], seconds: float, rate: float) -> Table:
    """One line for each."""
    found = Table(title=f"Floods of {seconds:g} s, {rate:g}/s (TCP: {rate / 10:g}/s), one call in progress")
    for heading in (
        *("program", "attack", "sent", "parent MB", "agent MB", "program afterwards"),
        *("call: packets", "audio", "next call during", "after"),
    ):
        found.add_column(heading)
    for one in outcomes:
        state = "died" if not one.survived else "another agent" if one.replaced else "runs"
        audio = {True: "whole", False: "damaged", None: "-"}[one.audio]
        flow = "call lost" if one.received is None else f"{one.received} of {one.due}, {one.lost} lost"
        found.add_row(
            *(one.target, one.attack, str(one.sent), str(one.parent_mb), str(one.agent_mb or "-"), state),
            *(flow, audio, told(one.during_s), told(one.after_s)),
        )
    return found


def told(seconds: float | None) -> str:
    """A time until a call was answered."""
    return "no" if seconds is None else f"{seconds:.2f} s"


def available(target: str) -> bool:
    """Whether a program is installed."""
    return target != "baresip" or bool(installed("baresip") and modules_folder())


def main() -> int:
    """1 when a flood ended srtpbot or one of its calls."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S")
    parser.add_argument("--rate", type=float, default=2000.0, metavar="N", help="a second")
    parser.add_argument("--attack", action="append", choices=list(ATTACKS), help="repeatable; default: all")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="repeatable; default: all")
    parser.add_argument("--json", type=Path, help="the outcomes")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    for target in filter(available, options.target or TARGETS):
        for attack in options.attack or ATTACKS:
            if (target, attack) == ("pjsua2", "TCP"):  # the script listens at UDP alone
                continue
            with tempfile.TemporaryDirectory() as folder:
                outcomes.append(attacked(target, attack, options.seconds, options.rate, Path(folder)))
    Console(width=150).print(table(outcomes, options.seconds, options.rate))
    if options.json is not None:
        options.json.write_text(json.dumps([vars(one) for one in outcomes], indent=1))
    return int(any(not one.is_whole for one in outcomes if one.target == "srtpbot"))


if __name__ == "__main__":
    sys.exit(main())
