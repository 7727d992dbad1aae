"""A load on several machines, and its web page: the options, and what this process is of them."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from bot.cli.help import grouped
from bot.cli.load_session import Engine, LoadSession
from bot.cli.options import PositiveSeconds, applied
from bot.errors import ConfigError
from bot.load.arrivals import Part
from bot.load.machine import Processors
from bot.load.plan import Plan
from bot.load.run import Load
from bot.load.shared import SharedLoad

if TYPE_CHECKING:
    from bot.load.distributed import Membership

__all__ = ["Alone", "AsMaster", "AsWorker", "machine_options", "role_of"]

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")
MASTER_PORT, WEB_PORT = 5557, 8089
"""Those of Locust."""
OWN = "127.0.0.1"
machines = grouped("Machines")
MACHINE_OPTIONS = (
    machines("--master", is_flag=False, flag_value=f"{OWN}:{MASTER_PORT}", metavar="[HOST:PORT]",
             help=f"Let workers place the calls, and decide; listen for them.  [{OWN}:{MASTER_PORT}]"),
    machines("--workers", type=click.IntRange(1, 1000), metavar="N",
             help="Number of workers that the master waits for.  [1]"),
    machines("--worker", metavar="HOST[:PORT]", help="Place a part of the calls of the master there."),
    machines("--join-timeout", type=PositiveSeconds, default=60.0, show_default=True, metavar="S",
             help="Seconds to wait for the master, or for the workers."),
    machines("--web", is_flag=False, flag_value=f"{OWN}:{WEB_PORT}", metavar="[HOST:PORT]",
             help=f"Show the load on Locust's web page.  [{OWN}:{WEB_PORT}]"),
)  # fmt: skip
SAME = {"uri", *(name for name in ("master", "workers", "worker", "join_timeout", "web"))}
OF_LOAD = {"Load", "Thresholds"}
"""Headings of the options that say what the load is; with several machines, to the master."""


OF_CALLS = {"capture_file", "keylog_file"}
"""Outputs that only a process with calls can write."""


def machine_options(command: Command) -> Command:
    """The options of several machines."""
    return applied(command, MACHINE_OPTIONS)


def address(option: str, text: str, port: int) -> tuple[str, int]:
    """``HOST:PORT`` or ``HOST``; raises ConfigError."""
    found = re.fullmatch(r"([\w.*-]+|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?", text)
    if not found or int(found[2] or port) > 65535:
        raise ConfigError(
            f"{option}: {text!r}: expected HOST:PORT, such as {OWN}:{port}; URI is the first argument"
        )
    return found[1], int(found[2] or port)


def role_of(options: dict[str, Any]) -> Alone | AsMaster | AsWorker:
    """What this process is, by its options, which it removes; raises ConfigError for contradictions."""
    master, worker, web = options.pop("master"), options.pop("worker"), options.pop("web")
    count, wait_s = options.pop("workers"), options.pop("join_timeout")
    page = address("--web", web, WEB_PORT) if web is not None else None
    if master is not None and worker is not None:
        raise ConfigError("--master and --worker: a process is one of them; remove the other")
    if count is not None and master is None:
        raise ConfigError("--workers is how many workers a master waits for; add --master")
    if worker is not None and page is not None:
        raise ConfigError("--web with --worker: the page is the master's; give it there")
    if worker is not None:
        for option in given(is_of_load):
            raise ConfigError(f"{option} with --worker: the master says what the load is; give it there")
        return AsWorker(address("--worker", worker, MASTER_PORT), wait_s)
    if master is not None:
        for option in given(lambda one: one.name in OF_CALLS or not (is_of_load(one) or is_output(one))):
            raise ConfigError(f"{option} with --master: the workers place the calls; give it to each of them")
        return AsMaster(address("--master", master, MASTER_PORT), wait_s, count or 1, page)
    return Alone(page)


def is_of_load(one: click.Parameter) -> bool:
    """Whether a parameter says what the load is."""
    return (getattr(one, "heading", "") in OF_LOAD and one.name != "users_file") or one.name == "verify"


def is_output(one: click.Parameter) -> bool:
    """Whether a parameter says what is written."""
    return getattr(one, "heading", "") == "Output"


def given(kind: Callable[[click.Parameter], bool]) -> Iterator[str]:
    """The options of this kind that the user gave."""
    context = click.get_current_context()
    for one in context.command.params:
        source = context.get_parameter_source(one.name or "")
        if one.name not in SAME and kind(one) and source is ParameterSource.COMMANDLINE:
            yield one.opts[-1]


@dataclass
class Alone:
    """This machine decides, and places all calls."""

    page: tuple[str, int] | None
    machines: int = 1

    def part(self, run: LoadSession, plan: Plan) -> Plan:
        """The whole plan."""
        return plan

    def aside(self, function: Callable[[], T]) -> T:
        """Call the function."""
        return function()

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Context of what may fail before the load begins."""
        yield

    def engine(
        self, run: LoadSession, load: Load, tick: Callable[[], bool], processors: Processors
    ) -> Engine:
        """The engine of the load."""
        from bot.load import engine

        return engine.Engine(load, tick, show=shower(run, self.page))


@dataclass
class AsWorker:
    """The master of another process decides; this one places a part of the calls."""

    master: tuple[str, int]
    wait_s: float
    machines: int = 1
    _membership: Membership | None = None

    def part(self, run: LoadSession, plan: Plan) -> Plan:
        """This worker's part of the master's plan; raises NativeError, ConfigError."""
        _require_locust()
        from bot.load.distributed import Membership

        run.is_judge = False
        membership = self._membership = Membership(*self.master)
        run.say(f"waiting for the master at {self.master[0]}:{self.master[1]}")
        with interruptible(run, membership.stopped.set):
            part = membership.join(run.uri, self.wait_s)
        run.say(f"worker {part.part.index + 1} of {part.part.of}")
        return part

    def aside(self, function: Callable[[], T]) -> T:
        """Call the function on another thread; the master hears that this worker lives."""
        from bot.load import engine

        return engine.aside(function)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Context of what may fail before the load begins; the master is told."""
        try:
            yield
        except BaseException as error:
            if self._membership is not None:
                first, *others = str(error).splitlines() or [type(error).__name__]
                self._membership.refuse(f"{first} ({others[-1].strip(' |')})" if others else first)
            raise

    def engine(
        self, run: LoadSession, load: Load, tick: Callable[[], bool], processors: Processors
    ) -> Engine:
        """The engine of this worker's part."""
        from bot.load.distributed import WorkerEngine

        assert self._membership is not None
        kept = str(run.folder.absolute()) if run.folder is not None else ""
        return WorkerEngine(load, tick, self._membership, processors, kept=kept)


@dataclass
class AsMaster:
    """This process decides; its workers place the calls."""

    address: tuple[str, int]
    wait_s: float
    machines: int
    page: tuple[str, int] | None

    def perform(self, run: LoadSession) -> None:
        """Wait for the workers, let them place the calls of the run's plan, and conclude."""
        plan = replace(run.plan, seed=random.getrandbits(32))  # all workers have the same schedule
        if replace(plan, part=Part(self.machines - 1, self.machines)).lines < 1:
            raise ConfigError(f"--workers: {self.machines} workers are too many for so few calls at once")
        _require_locust()
        from bot.load.distributed import Master

        with ExitStack() as stack:
            folder = run.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srtpbot-")))
            run.temporary = None if run.folder is not None else folder
            master = Master(*self.address)
            stack.callback(master.close)
            stack.callback(shower(run, self.page)(master.environment))
            run.say(f"master at {self.address[0]}:{master.port}, waiting for workers: {self.machines}")
            with interruptible(run, master.stop):
                names = master.gather(self.machines, self.wait_s)
                run.say(f"{', '.join(names)}: starting agents")
                master.prepare(run.uri, plan, self.wait_s)
            run.say("the load begins")
            load = run.load = SharedLoad(plan, names, folder=folder, say=run.say)
            try:
                run.drive(load, load, lambda tick: master.taking(load, tick))
            finally:
                load.finish()
                run.conclude(load.problems)
                for name, kept in zip(names, master.folders, strict=True):
                    if kept:
                        run.say(f"{name} has its recordings, captures and journals in {kept}")


def _require_locust() -> None:
    """Raise NativeError when there is none."""
    from bot.load import engine

    assert engine


@contextmanager
def interruptible(run: LoadSession, interrupt: Callable[[], None]) -> Iterator[None]:
    """Context of waits that ``interrupt`` ends with InterruptedError, when the run is interrupted."""
    try:
        with run.interrupting(lambda error: interrupt()):
            yield
    except InterruptedError as error:
        raise run.journal.interruption or error from None


def shower(run: LoadSession, page: tuple[str, int] | None) -> Callable[[Any], Callable[[], None]]:
    """A function that shows the web page of an environment, and returns what ends it."""

    def show(environment: Any) -> Callable[[], None]:
        if page is None:
            return lambda: None
        from bot.load import web

        url, end = web.show(environment, run.uri, *page)
        run.say(f"web page: {url}")
        return end

    return show
