"""Verified calls as users of a locustfile, for the command ``locust``::

    from bot.load.locust import SipUser

    class Caller(SipUser):
        host = "sip:echo@192.0.2.10"

Locust decides how many users there are and how long they wait between calls; each has one call at a time.
Every call is a request of the type CALL, with its setup time, and with the cause of its failure. Locust
gets options of this module (``locust -f FILE --help``): call slots, thresholds, and where records are kept.
With ``--master`` and ``--worker`` the master decides the thresholds, over the calls of all workers.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import gevent
import msgspec
from gevent import monkey
from gevent.lock import RLock
from gevent.threadpool import ThreadPool
from locust import User, constant, events, task
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from bot.config import EndpointConfig
from bot.errors import BotError, ConfigError, NativeError, naming
from bot.fleet import Fleet
from bot.load.arrivals import AsAsked, Part
from bot.load.conversation import Conversation
from bot.load.detail import CallDetail
from bot.load.engine import TICK_S, Requests, aside
from bot.load.hearing import Hearing
from bot.load.plan import Length, Limits, Plan, percentage
from bot.load.run import Load, Target
from bot.load.sounds import Sounds
from bot.load.strangers import unharmed_by_strangers
from bot.load.tally import Tally
from bot.load.thresholds import checks
from bot.load.web import refuse_other_sites
from bot.sip import parse_uri

__all__ = ["SipUser"]

AGAIN = "SRTPBOT_LOCUST_AGAIN"
if monkey.is_module_patched("threading"):
    # Locust put all threads on one before it read the locustfile, but calls have threads of their own: the
    # command begins again, with LOCUST_SKIP_MONKEY_PATCH, which ``bot.load`` has set.
    if "locust.main" not in sys.modules or AGAIN in os.environ:
        raise NativeError("gevent has replaced threads: import bot.load before locust")
    os.environ[AGAIN] = "1"
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

logger = logging.getLogger(__name__)
OWN = "127.0.0.1"
STOP, KEY = "srtpbot.stop", "srtpbot"
APART = 64
"""Lines of the workers alternate, so that each has markers of its own; 64 workers are told apart."""
END_S = 60.0
"""So long may workers take to hang up and judge their last calls."""
ENDLESS_S = 1e9
GLANCE_S = 0.1
TROUBLE = 3


class SipUser(User):
    """Places one verified call after another to ``host``, the URI of a peer that echoes."""

    abstract = True
    wait_time = constant(0.5)
    endpoint: ClassVar[EndpointConfig] = EndpointConfig(name="locust")
    """Settings of the agents that place the calls."""
    length: ClassVar[str] = "8"
    """Seconds from the answer to the BYE: ``8``, ``5-10`` or ``exp:30``."""
    verify: ClassVar[str] = "100%"
    """Share of the calls whose audio is verified."""
    digits: ClassVar[str] = "1"
    """Digits that each call sends."""
    _line: int | None = None

    def on_start(self) -> None:
        """Take a line."""
        calls = running.get(type(self))
        self._line = calls.lines.pop() if calls is not None and calls.lines else None
        if self._line is None:
            logger.error("no call slot is free for a user: raise --calls-at-once")
            raise StopUser

    def on_stop(self) -> None:
        """Give the line back."""
        calls = running.get(type(self))
        if calls is not None and self._line is not None:
            calls.lines.append(self._line)

    @task
    def call(self) -> None:
        """Place a call, and wait for its end."""
        calls = running.get(type(self))
        if calls is None or self._line is None or not calls.place(self._line):
            raise StopUser


class Calls:
    """The calls of a class of users in this process: their agents, and during a test their load."""

    def __init__(self, kind: type[SipUser], *, slots: int, index: int) -> None:
        """Start the agents; raises ConfigError, NativeError."""
        part = Part(index % APART, APART)
        with naming(f"{kind.__name__}.length"):
            length = Length.parse(kind.length)
        with naming(f"{kind.__name__}.verify"):
            verify = percentage(kind.verify)
        self._plan = Plan(
            concurrency=slots * APART, seconds=ENDLESS_S, length=length, verify=verify, part=part
        )
        self.lines = [part.place(own) for own in reversed(range(slots))]
        name = f"{kind.endpoint.name}{index + 1}"
        with ExitStack() as started:
            self._hearing = started.enter_context(Hearing())
            self._fleet = started.enter_context(Fleet(kind.endpoint, calls=slots, name=name))
            first = self._fleet.endpoints[0]
            sounds = Sounds(first.started.conference_rate)
            for line in self.lines if verify else ():
                sounds.prepare(line)
            self._behaviour = Conversation(
                srtp=kind.endpoint.srtp, sounds=sounds, body=first.playable("speech"), digits=kind.digits
            )
            self._temporary = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="srtpbot-")))
            self._started = started.pop_all()
        self._slots = slots
        self._pool: ThreadPool | None = None
        self.requests = Requests()
        self._load: Load | None = None

    def begin(self, uri: str, folder: Path | None) -> None:
        """Let users call; raises ConfigError."""
        folder = folder or self._temporary
        folder.mkdir(parents=True, exist_ok=True)
        target = Target(uri)
        load = Load(
            self._plan,
            target,
            self._fleet,
            self._behaviour,
            hearing=self._hearing,
            folder=folder,
            keep="none",
        )
        load.arrivals = AsAsked(self._plan.part)
        load.observe(self.requests.add)
        load.begin()
        self._pool = self._pool or ThreadPool(self._slots)  # its hub is that of the calling thread
        self._load = load

    def place(self, line: int) -> bool:
        """Place a call on this line, and wait for its end; whether there may be another."""
        load, pool = self._load, self._pool
        due = load.take(line) if load is not None else None
        if load is None or pool is None or due is None:
            return False
        return pool.apply(load.place, (line, due)) is not None

    def finish(self) -> None:
        """Hang up the calls, and wait for all verdicts."""
        if self._load is not None and self._pool is not None:
            self._load.stop()
            self._pool.join()
            aside(self._load.finish)

    def close(self) -> None:
        """End the agents."""
        self._started.close()


running: dict[type[User], Calls] = {}
"""The calls of this process, by class of users."""


class Run:
    """One command ``locust`` with users of this module: alone, as master, or as worker."""

    def __init__(self, environment: Any, runner: Any) -> None:
        self._environment, self._runner = environment, runner
        self._is_master = isinstance(runner, MasterRunner)
        self._tally = Tally()
        self._told: list[CallDetail] = []
        """Calls that the master was not told of yet."""
        self._done: set[str] = set()
        """Workers of which every call was told."""
        self._ready: set[str] = set()
        """Workers whose agents have started."""
        self._is_ready = False
        self._changing = RLock()
        """Held while the calls of this process begin, or end."""
        self._has_ended = False
        """Whether the calls of this process have ended and Locust was told of all of them."""
        environment.stop_timeout = environment.stop_timeout or END_S  # users end when their calls have
        told = environment.events
        told.test_start.add_listener(self._on_start)
        told.test_stopping.add_listener(self._on_stopping)
        told.report_to_master.add_listener(self._on_report)
        told.worker_report.add_listener(self._on_worker_report)
        told.quitting.add_listener(self._on_quitting)
        told.quit.add_listener(self._on_quit)
        if isinstance(runner, WorkerRunner):
            runner.register_message(STOP, self._on_message, concurrent=True)

    def prepare(self) -> None:
        """Start the agents; a master that starts the test by itself waits for those of its workers."""
        options = self._environment.parsed_options
        if self._is_master:
            while (options.headless or options.autostart) and len(self._ready) < options.expect_workers:
                gevent.sleep(GLANCE_S)
            return
        index = self._runner.worker_index
        for kind in self._environment.user_classes:
            if issubclass(kind, SipUser):
                running[kind] = aside(partial(Calls, kind, slots=options.calls_at_once, index=index))
        self._is_ready = True

    # ---- calls

    def _on_start(self, environment: Any) -> None:
        """Let the users call."""
        self._tally = Tally()
        self._done.clear()
        self._told.clear()
        self._has_ended = False
        if self._is_master:
            return
        folder, index = environment.parsed_options.call_records, self._runner.worker_index
        with self._changing:
            for kind, calls in running.items():
                records = Path(folder) / f"{kind.__name__}-{index + 1}" if folder else None
                calls.begin(environment.host or kind.host or "", records)
        gevent.spawn(self._tell_each_second)

    def _on_stopping(self, environment: Any) -> None:
        """End the calls; a master waits for the records of all workers."""
        if not self._is_master:
            self._finish()
            return
        self._runner.send_message(STOP)
        until = time.monotonic() + END_S
        while set(self._runner.clients) - self._done and time.monotonic() < until:
            gevent.sleep(GLANCE_S)

    def _on_message(self, *, environment: Any, msg: Any) -> None:
        self._finish()

    def _finish(self) -> None:
        """End the calls, and tell Locust of them; returns when that is done."""
        with self._changing:
            for calls in running.values():
                calls.finish()
            self._tell()
            self._has_ended = True

    # ---- records of calls

    def _tell_each_second(self) -> None:
        while not self._has_ended:
            self._tell()
            gevent.sleep(TICK_S)

    def _tell(self) -> None:
        """Tell Locust of the calls that have their verdict."""
        for calls in running.values():
            told = calls.requests.tell(self._environment)
            self._told += told
            self._count(told)

    def _count(self, calls: Iterable[CallDetail]) -> None:
        for detail in calls:
            self._tally.placed(0)
            self._tally.add(detail)

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        """Add the calls to what this worker reports to its master."""
        told, self._told = self._told, []
        data[KEY] = {
            "calls": msgspec.to_builtins(told),
            "is_ready": self._is_ready,
            "is_done": self._has_ended,
        }

    def _on_worker_report(self, client_id: str, data: dict[str, Any]) -> None:
        """Take the calls out of the report of a worker."""
        told = data.get(KEY, {})
        try:
            self._count(msgspec.convert(told.get("calls", []), list[CallDetail]))
        except msgspec.ValidationError as error:
            logger.error("srtpbot: worker %s sent a report that is none: %s", client_id, error)
        if told.get("is_ready"):
            self._ready.add(client_id)
        if told.get("is_done"):
            self._done.add(client_id)
        else:
            self._done.discard(client_id)

    # ---- verdict

    def _on_quitting(self, environment: Any) -> None:
        """Decide the thresholds, which make the exit status: 1 for a broken one, 3 when this side failed."""
        if isinstance(self._runner, WorkerRunner):
            return
        self._runner.quit()  # the last calls are told
        figures, options = self._tally.figures(), environment.parsed_options
        limits = Limits(options.max_failures, options.p95_setup, options.min_mos, options.max_loss)
        broken = [one for one in checks(limits, figures, self._tally.causes()) if not one.held]
        for one in broken:
            logger.error("srtpbot: %s: expected %s, observed %s", one.name, one.expected, one.observed)
        if figures.ours:
            logger.error(
                "srtpbot: %d calls failed on this side, and say nothing about the peer", figures.ours
            )
        if environment.process_exit_code is None:
            environment.process_exit_code = TROUBLE if figures.ours else int(bool(broken))

    def _on_quit(self, **_: Any) -> None:
        """End the agents."""
        for calls in running.values():
            calls.close()
        running.clear()


def share(text: str) -> float:
    """A percentage as an option of Locust."""
    try:
        return percentage(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_options(parser: Any, **_: Any) -> None:
    """Add the options of this module to those of Locust."""
    parser.set_defaults(web_host=OWN, master_bind_host=OWN)  # Locust's: all interfaces, open to everybody
    group = parser.add_argument_group("Calls of srtpbot")
    group.add_argument(
        "--calls-at-once",
        type=int,
        default=20,
        metavar="N",
        help="Call slots of each worker, and of a lone run.",
    )
    group.add_argument(
        "--call-records", default="", metavar="DIR", help="Write calls.csv of each worker in a folder of DIR."
    )
    group.add_argument(
        "--max-failures", type=share, default=0.0, metavar="P%%", help="Largest share of failed calls. [0%%]"
    )
    group.add_argument("--max-loss", type=share, metavar="P%%", help="Largest share of lost packets.")
    group.add_argument("--p95-setup", type=float, metavar="MS", help="Longest setup time, 95th percentile.")
    group.add_argument("--min-mos", type=float, metavar="M", help="Lowest mean MOS.")


def begin(environment: Any, runner: Any, web_ui: Any = None, **_: Any) -> None:
    """Take part in a command with users of this module."""
    if web_ui is not None:
        refuse_other_sites(web_ui.app, web_ui.host)
    if isinstance(runner, MasterRunner):
        unharmed_by_strangers(runner)
    kinds = [kind for kind in environment.user_classes if issubclass(kind, SipUser)]
    try:
        for kind in kinds if not isinstance(runner, WorkerRunner) else ():
            with naming(f"{kind.__name__}.host (--host)"):
                parse_uri(environment.host or kind.host or "")
        if kinds:
            Run(environment, runner).prepare()
    except BotError as error:
        logger.error("srtpbot: %s", error)
        sys.exit(error.exit_status)


of_locust: Any = events
of_locust.init_command_line_parser.add_listener(add_options)
of_locust.init.add_listener(begin)
