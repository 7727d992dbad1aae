"""Command ``srtpbot load URI``: many verified calls at once, at a rate, with thresholds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from bot.cli.call import trusting
from bot.cli.defined_options import DefinedChecks, defined_options
from bot.cli.help import GroupedCommand, grouped
from bot.cli.load_machines import Alone, AsMaster, AsWorker, machine_options, role_of
from bot.cli.load_options import impaired, load_options, plan_of, users_of
from bot.cli.load_scenario import scenario_of, settings_of, with_length_of
from bot.cli.load_session import LoadSession
from bot.cli.options import (
    applied,
    endpoint_config,
    endpoint_options,
    expectation,
    given_audio,
    headers,
    result_options,
)
from bot.errors import ConfigError, NativeError, naming
from bot.expectations import CallExpectation
from bot.fleet import Fleet
from bot.garbage import set_modules_aside
from bot.ipc import (
    AgentCrashed,
    AgentReady,
    AgentReplaced,
    CallbackFailed,
    ExpectationChecked,
    LimitReached,
    StorageFailed,
)
from bot.load.conversation import BOTH_S, LEAST_S, Conversation
from bot.load.hearing import Hearing
from bot.load.machine import Processors
from bot.load.plan import Plan
from bot.load.run import Load, Target
from bot.load.scripted import Script
from bot.load.sounds import Sounds
from bot.load.turn import Behaviour
from bot.load.users import with_accounts
from bot.model import DtmfMethod
from bot.ua import Call, Endpoint, Entry, checked_digits

__all__ = ["command"]

output = grouped("Output")
TOLD = (AgentReady, AgentCrashed, AgentReplaced, CallbackFailed, LimitReached, StorageFailed)
"""Events of the agents that the run's journal has; the others are of single calls."""


def expectations(command: Any) -> Any:
    """The expectations of a call, beyond those that always hold."""
    options = [expectation(option, **given) for option, given in defined_options([CallExpectation])]
    return applied(command, options)


@click.command(
    name="load",
    cls=GroupedCommand,
    examples=(
        "srtpbot load sip:echo@192.0.2.10 --rate 5 --for 60 --srtp mandatory --out out/load",
        "srtpbot load sip:echo@192.0.2.10 --concurrency 100 --length 60",
        "srtpbot load sip:ivr@192.0.2.10 --rate 2 --for 60 --scenario menu.yaml",
        "srtpbot load sip:echo@192.0.2.10 --step 5:50:5/30s --max-failures 0.1% --p95-setup 200ms",
    ),
)
@click.argument("uri")
@load_options
@machine_options
@endpoint_options
@expectations
@click.option(
    "--keep",
    type=click.Choice(["failed", "all", "none"]),
    default="failed",
    show_default=True,
    help="Recordings and journals that stay in --out.",
)
@output(
    "--capture",
    "capture_file",
    metavar="FILE",
    help="Capture the packets of the whole run as pcap; srtpbot pcap split divides them by call.",
)
@result_options
def command(uri: str, **options: Any) -> int:
    """Place many calls to URI, an echo, and verify the signalling, the encryption and the audio of each.

    A call plays a marker in speech at its beginning and, from 4.7 s on, at its end, and expects it back in
    time; it sends digits between. With --scenario a call performs its steps instead. The thresholds decide
    the exit status. calls.csv in --out has each call.
    """  # fmt: skip
    with LoadSession(options) as run:
        role = role_of(options)
        run.uri, run.plan = uri, checked(plan_of(options, role.machines))
        if isinstance(role, AsMaster):
            role.perform(run)
        else:
            Loading(run, role, options).perform()
    run.show()
    run.put_away()
    return run.exit_status


def checked(plan: Plan) -> Plan:
    """The plan; raises ConfigError when its calls are too short for their audio."""
    if plan.verify and plan.length.mean_s is None and plan.length.least_s < LEAST_S:
        raise ConfigError(
            f"--length: a call whose audio is verified lasts {LEAST_S:g} s at least ({BOTH_S:.1f} s to "
            "verify its end too); use a longer one, or --verify 0%"
        )
    return plan


class Loading:
    """Run of the command: the fleet, the load on it, and its verdict."""

    def __init__(self, run: LoadSession, role: Alone | AsWorker, options: dict[str, Any]) -> None:
        self._run = run
        self._role = role
        users = users_of(options)
        dropped = impaired(options)
        template = scenario_of(options, Target(run.uri, users))
        base = None
        if template is not None:
            base = settings_of(template)
        config = trusting(endpoint_config(options, name="load", base=base))
        config = config.with_options(
            rx_drop_pct=dropped, tx_drop_pct=dropped, follow_redirects=options.pop("follow_redirects")
        )
        self._config = with_accounts(config, users)
        self._target = Target(run.uri, users)
        self._headers = headers(options.pop("header_texts"))
        self._template = template
        self._body = given_audio("--play", options.pop("play"))
        with naming("--dtmf"):
            self._digits = checked_digits(text) if (text := options.pop("dtmf")) else ""
        self._method = DtmfMethod(options.pop("dtmf_method"))
        self._ring_timeout: float = options.pop("ring_timeout")
        self._checks = DefinedChecks(CallExpectation, options)

    def perform(self) -> None:
        """Start the agents, place the calls, and conclude."""
        run, role = self._run, self._role
        plan = role.part(run, run.plan)
        with role.starting():
            run.plan = plan if self._template is None else with_length_of(plan, self._template)
            plan = run.plan
        with ExitStack() as stack:
            folder = run.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srtpbot-")))
            run.temporary = None if run.folder is not None else folder
            name = f"worker{plan.part.index + 1}" if plan.part.of > 1 else self._config.name
            fleet = Fleet(self._config, calls=plan.lines, name=name)
            fleet.observe(self._tell)
            with role.starting():
                hearing = stack.enter_context(Hearing())
                run.begin_capture([self._config], [run.uri])
                role.aside(lambda: self._start(fleet))
                stack.callback(fleet.close)
                behaviour = role.aside(lambda: self._behaviour(fleet))
            load = run.load = Load(
                plan,
                self._target,
                fleet,
                behaviour,
                hearing=hearing,
                folder=folder,
                keep=run.keep if run.folder is not None else "none",
            )
            set_modules_aside()
            processors = Processors()
            try:
                run.drive(load, processors, lambda tick: role.engine(run, load, tick, processors))
            finally:
                load.finish()
                failure = fleet.failure
                run.conclude(
                    [f"an agent failed: {str(failure).splitlines()[0]}"] if failure is not None else []
                )

    def _start(self, fleet: Fleet) -> None:
        """Start all agents; an interrupt ends that."""
        began = time.monotonic()
        self._run.say(f"starting agents for {self._run.plan.lines} calls at once")
        try:
            with self._run.interrupting(lambda error: fleet.give_up()):
                fleet.start()
        except NativeError:
            if self._run.journal.interruption is not None:
                raise self._run.journal.interruption from None
            raise
        count, seconds = len(fleet.endpoints), time.monotonic() - began
        self._run.say(f"{count} agents are ready after {seconds:.1f} s")

    def _prepared(self, fleet: Fleet) -> Sounds:
        """The audio of all lines."""
        sounds = Sounds(fleet.endpoints[0].started.conference_rate)
        plan = self._run.plan
        for own in range(plan.lines if plan.verify else 0):
            sounds.prepare(plan.part.place(own))
        return sounds

    def _behaviour(self, fleet: Fleet) -> Behaviour:
        if self._template is not None:
            return Script(self._template, user=self._config.id or "")
        return Conversation(
            srtp=self._config.srtp,
            sounds=self._prepared(fleet),
            body=fleet.endpoints[0].playable(self._body),
            digits=self._digits,
            method=self._method,
            headers=self._headers,
            ring_timeout=self._ring_timeout,
            expected=self._expected,
        )

    def _expected(self, call: Call) -> Iterator[Callable[[], None]]:
        yield from self._checks.of(call, 1.0)

    def _tell(self, endpoint: Endpoint, entry: Entry) -> None:
        """Put what is not about a single call into the journal of the run."""
        told = self._run.tells_all and not isinstance(entry.event, ExpectationChecked)
        if told or isinstance(entry.event, TOLD):
            self._run.journal.append(endpoint.name, entry.event)
