"""A load on several machines: Locust's master and workers, and what they tell each other.

The master sends each worker the plan with its part of it, waits until all have started their agents, and lets
them begin. A worker says where it keeps its files, and reports its calls once a second. Nothing else is sent:
where calls go, identities and passwords are what the command of each worker says. Locust's messages (msgpack
over ZeroMQ) are neither encrypted nor authenticated, so a master listens on 127.0.0.1 unless it is told
otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import gevent
import msgspec
from locust import runners
from locust.env import Environment
from locust.exception import RPCError

from bot import __version__
from bot.errors import ConfigError, NativeError
from bot.load.arrivals import Part
from bot.load.detail import CallDetail
from bot.load.engine import LOST_S, TICK_S, Alarm, Engine, aside, user_class
from bot.load.machine import Processors
from bot.load.plan import Plan
from bot.load.run import Load
from bot.load.shared import Report, SharedLoad
from bot.load.strangers import unharmed_by_strangers

if TYPE_CHECKING:
    from locust.rpc.protocol import Message

__all__ = ["Master", "Membership", "WorkerEngine"]

GLANCE_S = 0.05
FLUSH_S = 0.5
END_S = 90.0
"""So long may a worker take to hang up and judge its last calls."""
CONNECTING = 60
JOINED, PLAN, READY, REFUSED, REPORT, STOP = (
    f"srtpbot.{name}" for name in ("joined", "plan", "ready", "refused", "report", "stop")
)


class Appointment(msgspec.Struct, kw_only=True):
    """What a worker needs to know for its part."""

    version: str
    uri: str
    plan: Plan


class Presence(msgspec.Struct, kw_only=True):
    """What a worker says when its agents have started."""

    lines: int
    """Calls at once that it is ready for; a scenario of its own may need more than the plan."""
    folder: str = ""
    """Where it keeps recordings, captures and journals."""


class Master:
    """The engine of a load whose calls are placed by workers; ``stop`` may be called from any thread."""

    def __init__(self, host: str, port: int) -> None:
        self.environment = Environment(user_classes=[user_class()])
        self._asked = Alarm()
        try:
            self._runner = self.environment.create_master_runner(host, port)
        except (SystemExit, RPCError):
            raise NativeError(
                f"--master {host}:{port}: the port is taken, or the address is not one of this machine"
            ) from None
        self.port: int = self._runner.server.port
        self._workers: list[str] = []
        """Locust's names of the workers, in order of their parts."""
        self._joined: set[str] = set()
        """Workers that listen to messages; Locust counts them before."""
        self._ready: dict[str, Presence] = {}
        self._refused: dict[str, str] = {}
        self._load: SharedLoad | None = None
        self._tick: Callable[[], bool] = lambda: True
        self._stopped_at: float | None = None
        for kind, listener in (
            (JOINED, self._on_joined),
            (READY, self._on_ready),
            (REFUSED, self._on_refused),
            (REPORT, self._on_report),
        ):
            self._runner.register_message(kind, listener)
        unharmed_by_strangers(self._runner)

    def gather(self, count: int, wait_s: float) -> list[str]:
        """Wait for workers, and name them; raises NativeError, InterruptedError."""
        clients = self._runner.clients

        def present() -> list[str]:
            return [one.id for one in clients.ready if one.id in self._joined]

        if not self._wait(lambda: len(present()) >= count, wait_s):
            raise NativeError(
                f"--workers: {len(present())} of {count} workers came within {wait_s:g} s; start each "
                "with: srtpbot load URI --worker HOST:PORT"
            )
        self._workers = sorted(present(), key=self._runner.get_worker_index)[:count]
        return [f"worker {place} ({one.rpartition('_')[0]})" for place, one in enumerate(self._workers, 1)]

    def prepare(self, uri: str, plan: Plan, wait_s: float) -> None:
        """Send each worker its part, and wait until all have started their agents; raises NativeError."""
        self._refuse_others()
        for index, worker in enumerate(self._workers):
            part = replace(plan, part=Part(index, len(self._workers)))
            appointment = Appointment(version=__version__, uri=uri, plan=part)
            self._runner.send_message(PLAN, msgspec.to_builtins(appointment), worker)
        wanted = set(self._workers)
        self._wait(
            lambda: wanted <= self._ready.keys() or bool(self._refused) or bool(self._missing()), wait_s
        )
        for worker, problem in self._refused.items():
            raise NativeError(f"a worker on {worker.rpartition('_')[0]} did not start: {problem}")
        if lost := self._missing():
            names = ", ".join(sorted(worker.rpartition("_")[0] for worker in lost))
            raise NativeError(f"a worker on {names} left, or was silent for {LOST_S} s, before it was ready")
        if missing := wanted - self._ready.keys():
            raise NativeError(f"{len(missing)} of {len(wanted)} workers did not start within {wait_s:g} s")

    @property
    def folders(self) -> list[str]:
        """Where each worker keeps its files, in order; empty for one that keeps none."""
        return [self._ready[worker].folder for worker in self._workers]

    def taking(self, load: SharedLoad, tick: Callable[[], bool]) -> Self:
        """This engine, with its load; ``tick`` is called once a second, and stops it by returning False."""
        self._load, self._tick = load, tick
        return self

    def run(self) -> None:
        """Let the workers begin, and wait for their ends."""
        load = self._load
        if load is None:
            return
        # Locust shares users out evenly, also to workers that came too late: one for each line at least
        users = len(self._runner.clients) * max(one.lines for one in self._ready.values())
        load.begin()
        self._runner.greenlet.spawn(self._runner.start, users, users)
        while not load.is_over:
            if self._asked.wait(TICK_S) or not self._tick():
                self._end()
            for number, worker in enumerate(self._workers):
                if worker in self._missing():
                    load.lose(number, f"was silent for {LOST_S} s, or left")
                elif self._stopped_at is not None and time.monotonic() > self._stopped_at + END_S:
                    load.lose(number, f"did not end within {END_S:g} s")
            self._refuse_others()
        self._tick()

    def stop(self) -> None:
        """End the load in order; from any thread."""
        self._asked.set()

    def close(self) -> None:
        """Let the workers go, and listen no more."""
        self._runner.quit()
        server: Any = self._runner.server
        server.close(linger=0)
        self._asked.close()

    # ----

    def _wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether something holds within some seconds; raises InterruptedError when an end is asked for."""
        deadline = time.monotonic() + seconds
        while not holds():
            if self._asked.wait(GLANCE_S):
                raise InterruptedError
            if time.monotonic() > deadline:
                return False
        return True

    def _missing(self) -> set[str]:
        present = {one.id for one in self._runner.clients.all if one.state != runners.STATE_MISSING}
        return set(self._workers) - present

    def _end(self) -> None:
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
            for worker in self._workers:
                self._runner.send_message(STOP, None, worker)

    def _refuse_others(self) -> None:
        """Tell workers that came too late."""
        for client in self._runner.clients.all:
            if client.id not in self._workers:
                self._runner.send_message(STOP, None, client.id)

    def _on_joined(self, *, environment: Environment, msg: Message) -> None:
        self._joined.add(msg.node_id)

    def _on_ready(self, *, environment: Environment, msg: Message) -> None:
        if msg.node_id in self._workers:
            self._ready[msg.node_id] = msgspec.convert(msg.data, Presence)

    def _on_refused(self, *, environment: Environment, msg: Message) -> None:
        if msg.node_id in self._workers:
            self._refused[msg.node_id] = str(msg.data)

    def _on_report(self, *, environment: Environment, msg: Message) -> None:
        if msg.node_id not in self._workers:
            return
        number = self._workers.index(msg.node_id)
        try:
            report = msgspec.convert(msg.data, Report)
        except msgspec.ValidationError as error:
            if self._load is not None:
                self._load.lose(number, f"sent a report that is none: {error}")
            return
        if self._load is not None:
            self._load.add(number, report)
        elif report.is_last:
            self._refused[msg.node_id] = report.problem


class Membership:
    """A worker's connection to its master."""

    def __init__(self, host: str, port: int) -> None:
        self.environment = Environment(user_classes=[user_class()])
        self.runner: Any = None
        self.stopped = Alarm()
        """Set when the master ends the load, or the user does."""
        self._where = f"{host}:{port}"
        self._address = host, port
        self._appointments: list[Appointment] = []
        self.dismissed = False
        self._problem = "the master has no part for this worker, or has ended"
        """Why there is no part, once ``dismissed``."""

    def join(self, uri: str, wait_s: float) -> Plan:
        """Wait for the master, and for the part of this worker.

        Raises NativeError, ConfigError, and InterruptedError when an end is asked for.
        """
        settings: Any = runners
        settings.CONNECT_TIMEOUT = wait_s / CONNECTING
        connecting = gevent.spawn(self._connect)
        while not connecting.ready():
            self._glance()
        if self.runner is None:
            raise NativeError(
                f"--worker {self._where}: no master answers within {wait_s:g} s; start it with: "
                "srtpbot load URI --master HOST:PORT"
            )
        while not self._appointments:
            self._glance()
            if self.dismissed or self.is_alone:
                raise NativeError(f"--worker {self._where}: {self._problem}")
        appointment = self._appointments[0]
        if appointment.uri != uri:
            self.refuse(f"its URI is {uri}")
            raise ConfigError(
                f"the master's load goes to {appointment.uri}, not to {uri}: give both the same URI"
            )
        return appointment.plan

    def ready(self, presence: Presence) -> None:
        """Tell the master that the agents have started."""
        self.runner.send_message(READY, msgspec.to_builtins(presence))

    def refuse(self, problem: str) -> None:
        """Tell the master that this worker does not take part."""
        self.runner.send_message(REFUSED, problem)
        gevent.sleep(GLANCE_S)

    @property
    def is_alone(self) -> bool:
        """Whether the master has said nothing for long, or has let this worker go."""
        heard = self.runner.last_heartbeat_timestamp
        return not self.runner.greenlet or (heard is not None and heard < time.time() - LOST_S)

    def _glance(self) -> None:
        if self.stopped.wait(GLANCE_S) and not self.dismissed:
            raise InterruptedError

    def _connect(self) -> None:
        try:
            runner = self.environment.create_worker_runner(*self._address)
        except ConnectionError:
            return
        runner.register_message(PLAN, self._on_plan)
        runner.register_message(STOP, self._on_stop)
        runner.send_message(JOINED)
        self.runner = runner

    def _on_plan(self, *, environment: Environment, msg: Message) -> None:
        try:
            if (other := msg.data["version"]) != __version__:
                raise ValueError(
                    f"the master is srtpbot {other}, the worker is {__version__}: install the same version"
                )
            self._appointments.append(msgspec.convert(msg.data, Appointment))
        except (ValueError, LookupError, TypeError) as error:
            self._problem = str(error)
            self.runner.send_message(REFUSED, self._problem)
            self._on_stop(environment=environment, msg=msg)

    def _on_stop(self, *, environment: Environment, msg: Message) -> None:
        self.dismissed = True
        self.stopped.set()


class WorkerEngine(Engine):
    """Runs a worker's part of a load, and reports to its master."""

    def __init__(
        self,
        load: Load,
        tick: Callable[[], bool],
        membership: Membership,
        processors: Processors,
        *,
        kept: str = "",
    ) -> None:
        """``kept`` is where the files of the calls stay, for the master to tell."""
        super().__init__(load, tick, environment=membership.environment, asked=membership.stopped)
        self._was_interrupted = False
        self._membership = membership
        self._processors = processors
        self._has_begun = False
        events: Any = self.environment.events
        events.test_start.add_listener(self._on_start)
        membership.ready(Presence(lines=load.plan.lines, folder=kept))

    def stop(self) -> None:
        """Hang up all calls and end this worker; from any thread."""
        self._was_interrupted = True
        super().stop()

    def _runner(self) -> runners.Runner:
        runner: runners.Runner = self._membership.runner
        return runner

    def _begin(self, runner: runners.Runner) -> None:
        """The master says when."""

    def _on_start(self, environment: Environment) -> None:
        self._load.begin()
        self._has_begun = True

    def _is_over(self, runner: runners.Runner) -> bool:
        if self._membership.is_alone:
            raise NativeError("the master has ended, or did not answer for " + f"{LOST_S} s")
        is_placed = self._has_begun and not runner.user_count
        return is_placed or self._ends

    def _told(self, calls: list[CallDetail]) -> None:
        self._report(calls)

    def _finish(self, runner: runners.Runner) -> None:
        aside(self._load.finish)
        self._report(self._requests.tell(self.environment), is_last=True)
        until = time.monotonic() + (FLUSH_S if self._was_interrupted else math.inf)
        while time.monotonic() < until and not self._membership.is_alone:
            gevent.sleep(GLANCE_S)  # the master lets this worker go when all have ended

    def _report(self, calls: list[CallDetail], *, is_last: bool = False) -> None:
        load = self._load
        problem = "was interrupted" if self._was_interrupted else str(self._error or "").partition("\n")[0]
        report = Report(
            placed=load.tally.placed_so_far(),
            calls=calls,
            up=load.up,
            used=load.used,
            slots=load.slots,
            agents=load.agents,
            pending=load.pending,
            missed=load.missed,
            cpu=self._processors.latest,
            cpu_mean=self._processors.mean,
            cpu_full_s=self._processors.full_s,
            is_last=is_last,
            problem=problem if is_last else "",
        )
        self._membership.runner.send_message(REPORT, msgspec.to_builtins(report))
