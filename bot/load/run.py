"""A load: calls that begin by a schedule, on the lines of a fleet, each with a verdict.

It knows no engine: an engine lets each line ``serve`` on a thread of its own. Verdicts on the audio follow
on other threads; ``finish`` waits for them.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from bot.errors import BotError, CallFailed, ConfigError
from bot.fleet import Fleet, FleetBusy
from bot.harmless import harmless_json
from bot.ipc import KeyNegotiated, SipReceived, SipSent
from bot.load.arrivals import Due
from bot.load.detail import CallDetail, Columns, filled_in
from bot.load.hearing import Hearing
from bot.load.plan import Plan
from bot.load.tally import Tally
from bot.load.turn import Behaviour, Talk, Turn
from bot.load.users import User
from bot.ua import Call, Entry

__all__ = ["Keep", "Load", "Target"]

Keep = Literal["failed", "all", "none"]
WORST = 10
"""Calls that the report shows whole."""
WORST_OF_A_CAUSE = 3
SLOT_S = 3.0
"""Seconds in which a slot may become free: of a call that has just ended, or of a renewed agent."""


@dataclass(frozen=True)
class Target:
    """Where calls go."""

    uri: str
    users: Sequence[User] = ()
    """Identities and numbers that the calls take in turn; without any, all calls go to ``uri``."""


@dataclass
class Ended:
    """A call whose conversation has ended, before its verdict is complete."""

    detail: CallDetail
    call: Call
    talk: Talk
    folder: Path
    entries: list[Entry]
    badness: float = 0.0


class Load:
    """One load on a running fleet; ``folder`` has its recordings and the file ``calls.csv``."""

    def __init__(
        self,
        plan: Plan,
        target: Target,
        fleet: Fleet,
        behaviour: Behaviour,
        *,
        hearing: Hearing,
        folder: Path,
        keep: Keep = "failed",
    ) -> None:
        self.plan = plan
        self.fleet = fleet
        self.arrivals = plan.arrivals()
        self.tally = Tally(len(plan.stages))
        self.worst: list[Ended] = []
        """The worst calls, the worst first."""
        self._target = target
        self._behaviour = behaviour
        self._talks: dict[Call, Talk] = {}
        self._hearing = hearing
        self._folder = folder
        self._keep = keep
        self._observers: list[Callable[[CallDetail], None]] = []
        self._random = random.Random(None if plan.seed is None else plan.seed + plan.part.index)
        self._turns: dict[int, int] = {}
        self._up = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._judges = ThreadPoolExecutor(hearing.processes + 1, thread_name_prefix="srtpbot-judge")
        self._began, self._began_at = time.monotonic(), datetime.now(UTC)
        self._csv = (folder / "calls.csv").open(
            "w", buffering=1, encoding="utf-8", newline=""
        )  # whole after a kill
        self._csv.write(Columns.head())
        self.pending = 0
        """Calls whose audio is not judged yet."""

    def observe(self, observer: Callable[[CallDetail], None]) -> None:
        """Call ``observer`` with each call that has its verdict, on any thread."""
        self._observers.append(observer)

    # ---- for the engine

    def begin(self) -> None:
        """Start the schedule now."""
        self._began, self._began_at = time.monotonic(), datetime.now(UTC)
        self.arrivals.begin(self._began)

    def serve(self, line: int) -> None:
        """Place the calls of a line, each when it is due, until it has no further one."""
        while (due := self.take(line)) is not None:
            if not self._stopped.wait(max(0.0, due.at - time.monotonic())):
                self.place(line, due)

    def take(self, line: int) -> Due | None:
        """The next call of a line; None when it has no further one."""
        return None if self._stopped.is_set() else self.arrivals.take(line, time.monotonic())

    def place(self, line: int, due: Due) -> CallDetail | None:
        """Place the call and talk; the record without the verdict on its audio. None for a stopped load."""
        if self._stopped.is_set():
            return None
        detail = CallDetail(
            number=due.number,
            stage=due.stage,
            started=self._began_at + timedelta(seconds=due.at - self._began),
            at_s=round(due.at - self._began, 3),
            late_ms=round(1000 * max(0.0, time.monotonic() - due.at), 1),
        )
        self.tally.placed(due.stage)
        with self._lock:
            self._up += 1
            seconds = self.plan.length.draw(self._random)
            index = self._turns[line] = self._turns.get(line, -1) + 1
            is_verified = int(due.number * self.plan.verify) > int((due.number - 1) * self.plan.verify)
        try:
            self._talk(detail, line, index, seconds, is_verified)
        except ConfigError:
            raise
        except BotError as error:  # the agent, or the machine
            detail.fail("agent", str(error).partition("\n")[0], ours=True)
            self._decided(detail)
        finally:
            with self._lock:
                self._up -= 1
        return detail

    def stop(self) -> None:
        """Let no further call begin, and hang up those that are up."""
        self._stopped.set()
        self.arrivals.stop()
        with self._lock:
            talks = list(self._talks.items())
        for call, talk in talks:
            talk.interrupt(call)

    def finish(self) -> None:
        """Wait for all verdicts, and close the file of calls; more than once is no harm."""
        self._judges.shutdown()
        self._csv.close()

    @property
    def missed(self) -> int:
        """Calls that were due while no line was free."""
        return self.arrivals.missed

    @property
    def worst_calls(self) -> list[Call]:
        """The worst calls, the worst first."""
        return [ended.call for ended in self.worst]

    @property
    def worst_details(self) -> list[tuple[CallDetail, Path]]:
        """Their records, and the folders of their recordings."""
        return [(ended.detail, ended.folder) for ended in self.worst]

    @property
    def used(self) -> int:
        """Call slots of this side that are taken."""
        return self.fleet.used

    @property
    def slots(self) -> int:
        """Call slots of this side."""
        return self.fleet.slots

    @property
    def agents(self) -> int:
        """Agent processes of this side."""
        return len(self.fleet.endpoints)

    @property
    def up(self) -> int:
        """Calls that are placed or up."""
        return self._up

    @property
    def passed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    # ---- one call

    def _talk(self, detail: CallDetail, line: int, index: int, seconds: float, is_verified: bool) -> None:
        users = self._target.users
        user = users[(detail.number - 1) % len(users)] if users else User()
        turn = Turn(
            number=detail.number,
            line=line,
            index=index,
            uri=user.to or self._target.uri,
            account=user.id or None,
            seconds=seconds,
            is_verified=is_verified,
            folder=self._folder / "calls" / f"{detail.number:06}",
        )
        talk = self._behaviour.talk(turn, self._stopped.is_set)
        invitation = talk.invitation
        try:
            call = self.fleet.make_call(
                invitation.uri,
                wait=SLOT_S,
                headers=invitation.headers,
                ring_timeout=invitation.ring_timeout,
                account=invitation.account,
            )
        except FleetBusy as busy:
            detail.fail("no free slot", str(busy), ours=True)
            self._decided(detail)
            return
        except CallFailed as error:
            detail.fail("not sent", str(error).partition("\n")[0], ours=True)
            self._decided(detail)
            return
        with self._lock:
            self._talks[call] = talk
        try:
            talk.perform(call, detail)
        finally:
            with self._lock:
                self._talks.pop(call, None)
        ended = Ended(detail, call, talk, turn.folder, self.fleet.entries(call))
        with self._lock:
            self.pending += 1
        self._judges.submit(self._judge, ended)

    def _judge(self, ended: Ended) -> None:
        """Complete the verdict, and keep or drop what was recorded; on a thread of the judges."""
        detail = ended.detail
        try:
            filled_in(detail, ended.call)
            ended.talk.judge(ended.call, detail, self._hearing)
        except Exception as error:  # of this program, or a searching process that died
            detail.fail("judge", f"{type(error).__name__}: {error}", ours=True)
        self.fleet.forget(ended.call)
        self._decided(detail)
        with self._lock:
            dropped = self._ranked(ended)
            self.pending -= 1
        for one in dropped:
            self._put_away(one)

    def _decided(self, detail: CallDetail) -> None:
        self.tally.add(detail)
        with self._lock:
            self._csv.write(Columns.line(detail))
        for observer in self._observers:
            observer(detail)

    def _ranked(self, ended: Ended) -> list[Ended]:
        """Put a call among the worst; those that are not among them. Under the lock."""
        detail = ended.detail
        same = sum(one.detail.cause == detail.cause for one in self.worst)
        failed = detail.verdict in {"fail", "ours"}
        ended.badness = (
            (1000.0 - 100 * (same >= WORST_OF_A_CAUSE) if failed else 0.0)
            + (4.5 - detail.mos if detail.mos is not None else 0.0)
            + (detail.setup_ms or 0.0) / 10_000
            + (detail.delay_ms or 0.0) / 10_000
        )
        if detail.verdict == "ended":
            return [ended]
        ranked = sorted([*self.worst, ended], key=lambda one: -one.badness)
        self.worst = ranked[:WORST]
        return ranked[WORST:]

    def _put_away(self, ended: Ended, *, kept: bool = False) -> None:
        """Keep the recordings and the journal of a call, or delete them."""
        failed = ended.detail.verdict in {"fail", "ours"}
        if not (kept or self._keep == "all" or (self._keep == "failed" and failed)):
            shutil.rmtree(ended.folder, ignore_errors=True)
            return
        ended.folder.mkdir(parents=True, exist_ok=True)
        lines = (
            harmless_json(msgspec.json.encode(entry)) + b"\n" for entry in ended.entries if is_told(entry)
        )
        (ended.folder / "journal.jsonl").write_bytes(b"".join(lines))
        (ended.folder / "call.json").write_bytes(harmless_json(msgspec.json.encode(ended.detail)) + b"\n")

    def messages_of_worst(self) -> list[Entry]:
        """The SIP messages of the worst calls, in order of time."""
        entries = [entry for ended in self.worst for entry in ended.entries]
        messages = [entry for entry in entries if isinstance(entry.event, SipSent | SipReceived)]
        return sorted(messages, key=lambda entry: entry.event.at)

    def put_away_worst(self) -> None:
        """Keep what the worst calls recorded, passed ones too, unless nothing is kept; after the report."""
        for ended in self.worst:
            self._put_away(ended, kept=self._keep != "none")


def is_told(entry: Entry) -> bool:
    """Whether the event may be written; keys are the key log's alone."""
    return not isinstance(entry.event, KeyNegotiated)
