"""``make soak``: calls of every kind for MINUTES, a crash every minute, a flood every five.

``srtpbot answer`` takes the calls of two endpoints. Once a minute its agent is killed, which it replaces.
Afterwards each call must be in its results, with as many packets as the caller sent when nothing disturbed
it; memory and descriptors must not have grown, and no process may be left.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bot import Call, CallState, Endpoint
from bot.deadline import Deadline
from bot.errors import BotError
from bot.model import MediaDirection
from media.audio.wav import write
from media.signals.tones import speech_like
from tests.bench.attacks import ATTACKS
from tests.support.answering import Answering
from tests.support.programs import LOOPBACK

__all__ = ["Soak"]

CRASH_EVERY_S, FLOOD_EVERY_S, FLOOD_S, FLOOD_RATE = 60.0, 300.0, 5.0, 1000.0
SAMPLE_S, ANSWER_S, LATEST_RESULT_S = 2.0, 20.0, 20.0
SETTLING_S = 3.0
"""How long after a crash or a flood a call is still disturbed by it."""
IN_FLIGHT = 10
"""Packets that are sent while the BYE is on its way through a busy machine."""
AFTER_THE_COUNT = 1
"""A packet may leave between the last look at the figures of a stream and its end."""
MB = 1 << 20
GROWTH = 1.15
"""Of memory and descriptors, from the third fifth of the time to the last.

Before, memory grows with the calls that ``answer`` keeps for its report, 1000 at most.
"""
SLACK_MB, SLACK_FILES = 4, 4


@dataclass(frozen=True)
class Placed:
    """A call as its caller saw it."""

    kind: str
    call_id: str
    began: float
    ended: float
    confirmed: bool
    over: bool
    """Whether its end was seen."""
    sent: int | None
    received: int | None
    lost: int | None
    problem: str = ""


@dataclass
class Sample:
    """Resources at one moment: memory in MB, descriptors."""

    at: float
    memory: dict[str, float]
    files: dict[str, int]


@dataclass
class Soak:
    """One run; ``findings`` names what must not be."""

    minutes: float
    crash_every_s: float = CRASH_EVERY_S
    flood_every_s: float = FLOOD_EVERY_S
    placed: list[Placed] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    disturbances: list[tuple[float, float, str]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    exact: int = 0
    compared: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _agents: set[psutil.Process] = field(default_factory=set)

    def run(self, folder: Path) -> None:
        """Soak, then check."""
        speech = folder / "speech.wav"
        write(speech, speech_like(3.0, 8000, seed=1))
        with contextlib.ExitStack() as stack:
            bot = stack.enter_context(
                Answering(folder / "bot", "parrot", "--json", "-", "--on-crash", "restart")
            )
            callers = [
                stack.enter_context(
                    Endpoint(name=f"caller-{srtp}", bind=LOOPBACK, codecs=["PCMA"], srtp=srtp)
                )
                for srtp in ("mandatory", "off")
            ]
            threads = [
                threading.Thread(target=self._call, args=(caller, bot.uri, speech, seed), daemon=True)
                for seed, caller in enumerate(callers)
            ]
            for thread in threads:
                thread.start()
            self._disturb(bot, callers)
            self._over.set()
            for thread in threads:
                thread.join(60)
            self._await_results(bot)
            status = bot.stop(timeout=30)
            self._read_results(bot)
            if status not in {0, 1}:  # 1: calls were lost, as they are to be told
                self.findings.append(f"srtpbot answer ended with exit status {status}")
        self._check()

    # ---- callers

    def _call(self, caller: Endpoint, uri: str, speech: Path, seed: int) -> None:
        """Place one call after another."""
        chance = random.Random(seed)
        kinds: dict[str, Callable[[Call, Path, random.Random], None]] = {
            "talk": talk,
            "cancel": cancel,
            "hold": hold,
            "digits": digits,
            "short": short,
        }
        for kind in itertools.cycle(kinds):
            if self._over.is_set():
                return
            with contextlib.suppress(BotError):
                self.placed.append(place(caller, uri, kind, kinds[kind], speech, chance))

    # ---- disturbances

    def _disturb(self, bot: Answering, callers: list[Endpoint]) -> None:
        """Crashes and floods until the time is over, with samples of the resources."""
        began = time.monotonic()
        end = began + 60 * self.minutes
        crash, flood = began + self.crash_every_s / 2, began + self.flood_every_s / 2
        attacks = itertools.cycle(["OPTIONS", "MESSAGE", "garbage", "SUBSCRIBE", "foreign RTP"])
        while (now := time.monotonic()) < end:
            self._sample(bot, callers)
            if not bot.running:
                self.findings.append(f"srtpbot answer has ended:\n{bot.tail}")
                return
            if now >= crash:
                crash += self.crash_every_s
                with self._disturbance("crash"), contextlib.suppress(psutil.Error):
                    for agent in agents_of(bot.pid):
                        agent.kill()
            if now >= flood:
                flood += self.flood_every_s
                attack = next(attacks)
                port = int(bot.uri.partition(";")[0].rpartition(":")[2])
                with self._disturbance(f"flood of {attack}"):
                    ATTACKS[attack]((port, media_port(callers)), FLOOD_S, FLOOD_RATE)
            self._over.wait(SAMPLE_S)

    @contextlib.contextmanager
    def _disturbance(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.disturbances.append((began, time.monotonic() + SETTLING_S, what))

    def _sample(self, bot: Answering, callers: list[Endpoint]) -> None:
        with contextlib.suppress(psutil.Error):
            found = {"answer": psutil.Process(bot.pid), "caller": psutil.Process(callers[0].pid)}
            self._agents.update(agents_of(bot.pid))
            for one in agents_of(bot.pid):
                found["answer's agent"] = one
            self.samples.append(
                Sample(
                    time.monotonic(),
                    {name: one.memory_info().rss / MB for name, one in found.items()},
                    {name: one.num_fds() for name, one in found.items()},
                )
            )

    # ---- what came of it

    def _await_results(self, bot: Answering) -> None:
        """A result may come late: of a call that was given up without an answer."""
        deadline = Deadline(LATEST_RESULT_S)
        while not deadline.passed:
            self._read_results(bot)
            if not self._without_result():
                return
            bot.ended_within(0.2)

    def _read_results(self, bot: Answering) -> None:
        for line in bot.output.splitlines():
            if line.startswith("{"):
                call = json.loads(line)
                self.results[call["sip_call_id"]] = call

    def _without_result(self) -> list[Placed]:
        return [one for one in self.placed if one.confirmed and one.call_id not in self.results]

    def _check(self) -> None:
        for one in self._without_result():
            self.findings.append(f"{one.kind} {one.call_id} was confirmed and has no result")
        for one in self.placed:
            if not one.over:
                self.findings.append(f"{one.kind} {one.call_id} did not end")
            if not self.disturbed(one):
                self._compare(one)
        for name in ("answer", "answer's agent", "caller"):
            self._check_growth(f"memory of {name}", [one.memory.get(name) for one in self.samples], SLACK_MB)
            self._check_growth(
                f"descriptors of {name}", [one.files.get(name) for one in self.samples], SLACK_FILES
            )
        _, alive = psutil.wait_procs(list(self._agents), timeout=5)
        self.findings += [f"orphan: {one}" for one in alive]

    def disturbed(self, one: Placed) -> str:
        """What a crash or a flood was while the call lived; empty when none."""
        met = (what for began, until, what in self.disturbances if began <= one.ended and one.began <= until)
        return next(met, "")

    def _compare(self, one: Placed) -> None:
        """Both ends tell the same number of packets."""
        if one.problem:
            self.findings.append(f"{one.kind} {one.call_id}: {one.problem}")
        result = self.results.get(one.call_id)
        if not one.confirmed or result is None or not result["media"] or one.sent is None:
            return
        media = result["media"][0]
        if media["rx"] is None:
            self.findings.append(f"{one.kind} {one.call_id}: its result has no packet counts")
            return
        ends = (
            (one.sent, media["rx"]["packets"], media["rx"]["lost"]),
            (media["tx"]["packets"], one.received or 0, one.lost),
        )
        wrong = [end for end in ends if end[2] or not -AFTER_THE_COUNT <= end[0] - end[1] <= IN_FLIGHT]
        self.compared += 1
        self.exact += not wrong
        for sent, received, lost in wrong:
            self.findings.append(
                f"{one.kind} {one.call_id}: {sent} packets sent, {received} received, {lost} lost"
            )

    def _check_growth(self, what: str, values: list[float | None] | list[int | None], slack: float) -> None:
        first, last = growth(values)
        if first is not None and last is not None and last > first * GROWTH + slack:
            self.findings.append(f"{what} grew from {first:.0f} to {last:.0f}")

    def _course(self, name: str) -> str:
        """Ten of the samples of memory, in MB."""
        known = [one.memory[name] for one in self.samples if name in one.memory]
        return " ".join(f"{value:.0f}" for value in known[:: max(1, len(known) // 10)])

    def table(self) -> Table:
        """What was done and what was found."""
        found = Table(title=f"Soak of {self.minutes:g} minutes")
        for heading in ("what", "figures"):
            found.add_column(heading)
        kinds = Counter(one.kind for one in self.placed)
        found.add_row("calls", f"{len(self.placed)}: {listed(kinds)}")
        found.add_row("answered", str(sum(one.confirmed for one in self.placed)))
        found.add_row("crashes and floods", listed(Counter(what for _, _, what in self.disturbances)))
        found.add_row(
            "calls that these disturbed", str(sum(bool(map_) for map_ in map(self.disturbed, self.placed)))
        )
        found.add_row("results", f"{len(self.results)}, {len(self._without_result())} lost")
        found.add_row("undisturbed calls, packets exact at both ends", f"{self.exact} of {self.compared}")
        for name in ("answer", "answer's agent", "caller"):
            memory = growth([one.memory.get(name) for one in self.samples])
            files = growth([one.files.get(name) for one in self.samples])
            found.add_row(f"{name}: memory, descriptors", f"{ranged(memory)} MB, {ranged(files)}")
            found.add_row(f"{name}: memory over time", self._course(name))
        found.add_row("agents seen", str(len(self._agents)))
        for finding in self.findings or ["none"]:
            found.add_row("finding", finding)
        return found


def place(
    caller: Endpoint,
    uri: str,
    kind: str,
    act: Callable[[Call, Path, random.Random], None],
    speech: Path,
    chance: random.Random,
) -> Placed:
    """One call, and what its caller saw."""
    began = time.monotonic()
    call = caller.make_call(uri)
    problem = ""
    try:
        act(call, speech, chance)
    except BotError as error:
        problem = str(error).splitlines()[0]
    with contextlib.suppress(BotError):
        if call.state is not CallState.DISCONNECTED:
            call.hangup()
    with contextlib.suppress(BotError):
        call.wait(CallState.DISCONNECTED, timeout=40)
    stats = call.facts.stats(0)
    return Placed(
        kind,
        call.facts.sip_call_id,
        began,
        time.monotonic(),
        confirmed=any(one.state is CallState.CONFIRMED for one in call.facts.states),
        over=call.state is CallState.DISCONNECTED,
        sent=stats.tx.packets if stats is not None else None,
        received=stats.rx.packets if stats is not None else None,
        lost=stats.rx.lost if stats is not None else None,
        problem=problem,
    )


def answered(call: Call) -> None:
    call.wait(CallState.CONFIRMED, timeout=ANSWER_S)


def talk(call: Call, speech: Path, _: random.Random) -> None:
    """Three seconds of speech."""
    answered(call)
    call.play(speech).wait(20)


def cancel(call: Call, _: Path, chance: random.Random) -> None:
    """The caller gives up around the time of the answer."""
    call.endpoint.wait_until(lambda: False, Deadline(chance.choice([0.0, 0.002, 0.01, 0.03])))
    call.hangup()


def hold(call: Call, _: Path, chance: random.Random) -> None:
    """Hold and resume."""
    answered(call)
    for direction in (MediaDirection.SENDONLY, MediaDirection.SENDRECV):
        call.endpoint.wait_until(lambda: False, Deadline(0.5 + chance.random()))
        call.reinvite(direction=direction).wait(10)
    call.endpoint.wait_until(lambda: False, Deadline(0.5))


def digits(call: Call, _: Path, chance: random.Random) -> None:
    """Telephone-events."""
    answered(call)
    call.send_dtmf("".join(chance.choices("0123456789*#", k=4)))
    call.endpoint.wait_until(lambda: False, Deadline(1.5))


def short(call: Call, _: Path, chance: random.Random) -> None:
    """Hung up soon after the answer."""
    answered(call)
    call.endpoint.wait_until(lambda: False, Deadline(chance.random() / 2))


def agents_of(pid: int) -> list[psutil.Process]:
    """The agents of a program."""
    with contextlib.suppress(psutil.Error):
        return [one for one in psutil.Process(pid).children() if "bot.agent" in one.cmdline()]
    return []


def media_port(callers: list[Endpoint]) -> int:
    """A port of RTP that is in use, or the discard port."""
    for caller in callers:
        for call in caller.calls:
            for line in call.media:
                if line.remote:
                    return int(line.remote.rpartition(":")[2])
    return 9


def growth(values: list[float | None] | list[int | None]) -> tuple[float | None, float | None]:
    """The medians of the third and the last fifth of the samples."""
    known = [value for value in values if value is not None]
    fifth = len(known) // 5
    if not fifth:
        return None, None
    return statistics.median(known[2 * fifth : 3 * fifth]), statistics.median(known[-fifth:])


def ranged(values: tuple[float | None, float | None]) -> str:
    """From one figure to another."""
    first, last = values
    return "?" if first is None or last is None else f"{first:.0f} to {last:.0f}"


def listed(counts: Counter[str]) -> str:
    """Names with their numbers."""
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def main() -> int:
    """1 when something was found that must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N")
    options = parser.parse_args()
    soak = Soak(options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        soak.run(Path(folder))
    Console(width=130).print(soak.table())
    return int(bool(soak.findings))


if __name__ == "__main__":
    sys.exit(main())
