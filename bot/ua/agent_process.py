"""The agent process of an endpoint: its start and end, the commands to it, its crash and its replacement."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from bot.deadline import Deadline
from bot.errors import BotError, CallEnded, CallFailed, ConfigError, NativeError, WaitTimeout
from bot.ipc import (
    AgentCrashed,
    AgentReady,
    AgentReplaced,
    AgentStopped,
    AnyCommand,
    AnyEvent,
    CommandDone,
    CommandFailed,
    ReplacementFailed,
    Start,
    StopPlay,
    StopRecord,
    forbid_waiting_here,
)
from bot.ipc.driver import Driver
from bot.ua.journal import Journal, Subject
from bot.ua.supervisor import Supervisor

__all__ = ["COMMAND_S", "AgentProcess"]

START_S = 20.0
COMMAND_S = 5.0
OF_PLAYBACKS = (StopPlay, StopRecord)
"""Commands about a call that do not contain its number."""
FAILURES: dict[str, type[BotError]] = {
    "config": ConfigError,
    "native": NativeError,
    "call": CallFailed,
    "ended": CallEnded,
}


class AgentProcess:
    """One agent process at a time; a supervised process is replaced after a crash.

    ``start_command`` makes the first command of each process. ``on_event`` gets its events, and ``on_crash``
    its crash, on a thread of the driver. ``check`` raises when the endpoint has failed.
    """

    def __init__(
        self,
        name: str,
        journal: Journal,
        *,
        start_command: Callable[[], Start],
        on_event: Callable[[AnyEvent], None],
        on_crash: Callable[[AgentCrashed], None],
        on_log: Callable[[str], None],
        check: Callable[[], None],
    ) -> None:
        self.ready: AgentReady | None = None
        """Report of the newest process that it is ready."""
        self.accepts_commands = False
        self._name = name
        self._journal = journal
        self._start_command = start_command
        self._on_event = on_event
        self._on_crash = on_crash
        self._on_log = on_log
        self._check = check
        self._driver: Driver | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, CommandDone | CommandFailed | None] = {}
        self._supervisor: Supervisor | None = None
        self._crashed_at = 0.0

    # ---- start and end

    @property
    def is_wanted(self) -> bool:
        """Whether the endpoint has started, and nobody has closed it."""
        return self._driver is not None

    @property
    def pid(self) -> int:
        """The process id; raises NativeError when the endpoint is not running."""
        if self._driver is None:
            raise NativeError(f"{self._name}: the endpoint is not running")
        return self._driver.pid

    def launch(self) -> None:
        """Start the process; raises NativeError when the system refuses."""
        try:
            self._driver = self._new_driver()
        except OSError as error:
            raise NativeError(f"{self._name}: cannot start the agent: {error.strerror}") from None

    def begin(self, *, supervised: bool) -> None:
        """Wait until the ports listen; a supervised process is replaced when it crashes from now on."""
        self.request(self._start_command(), START_S)
        if supervised:
            self._supervisor = Supervisor(self._replace)

    def stop(self) -> None:
        """End the process: it hangs up, completes the recordings and removes the registrations."""
        if self._supervisor is not None:
            self._supervisor.close()
        with self._journal.held():
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.stop()
        if self._supervisor is not None:
            self._supervisor.join()

    def _new_driver(self) -> Driver:
        return Driver(self._take, self._on_log, self._numbers)

    # ---- commands

    def request(self, command: AnyCommand, timeout: float = COMMAND_S) -> None:
        """Have the agent carry out a command; raises the error that the agent reports."""
        forbid_waiting_here()
        deadline = Deadline(timeout)
        with self._journal.held():
            if not isinstance(command, Start):
                self._await_replacement(command, deadline)
            if self._driver is None:
                self._check()
                gone = CallEnded if self.ready is not None else NativeError
                raise gone(f"{self._name}: the endpoint is not running")
            number = self._driver.send(command)
            self._answers[number] = None
        try:
            subject = self._name, "request", number
            if not self.wait_until(lambda: self._answers[number] is not None, deadline, subject=subject):
                raise WaitTimeout(f"{self._name}: {type(command).__name__} not done after {timeout:g} s")
            answer = self._answers[number]
        finally:
            del self._answers[number]
        if isinstance(answer, CommandFailed):
            raise FAILURES[answer.kind](answer.reason)

    def wait_until(
        self,
        holds: Callable[[], bool],
        deadline: Deadline,
        check: Callable[[], None] = lambda: None,
        *,
        subject: Subject | None = None,
    ) -> bool:
        """Wait on the journal; raises at once when the endpoint has failed."""

        def alive_and_holds() -> bool:
            self._check()
            return holds()

        return self._journal.wait_until(alive_and_holds, deadline, check, subject=subject)

    def _await_replacement(self, command: AnyCommand, deadline: Deadline) -> None:
        """While the process is being replaced, commands about its calls fail, and other commands wait."""
        if self.accepts_commands or self._supervisor is None or self._driver is None:
            return
        self._check()
        if isinstance(command, OF_PLAYBACKS) or getattr(command, "call", None) is not None:
            raise CallEnded(f"{self._name}: the call has ended: the agent died")
        if not self.wait_until(lambda: self.accepts_commands or self._driver is None, deadline):
            raise NativeError(f"{self._name}: the agent died and is not replaced yet")

    # ---- events

    def observe(self, event: AnyEvent) -> None:
        """Take an event of the journal that is about the process or the answer to a command."""
        match event:
            case CommandDone() | CommandFailed() if event.request in self._answers:
                self._answers[event.request] = event
            case AgentReady():
                self.ready, self.accepts_commands = event, True
            case AgentCrashed():
                self.accepts_commands, self._crashed_at = False, event.at
                self._fail_commands(event.at, f"the agent died: {event.reason}")
            case AgentStopped():
                self.accepts_commands = False
                self._fail_commands(event.at, "the endpoint was closed")
            case _:
                pass

    def _take(self, event: AnyEvent) -> None:
        is_supervised = self._supervisor is not None and self._driver is not None
        if isinstance(event, AgentStopped) and is_supervised and self.accepts_commands:
            event = AgentCrashed(at=event.at, reason=event.reason or "it was ended by somebody else", log=[])
        if not isinstance(event, AgentCrashed):
            self._on_event(event)
        elif is_supervised and not self.accepts_commands:  # during its start
            self._fail_commands(event.at, f"the agent died: {event.reason}")
        else:
            self._on_crash(event)

    def _fail_commands(self, at: float, reason: str) -> None:
        """Fail the commands without an answer."""
        with self._journal.held():
            for number, answer in self._answers.items():
                if answer is None:
                    self._answers[number] = CommandFailed(at=at, request=number, kind="ended", reason=reason)
            self._journal.wake()

    # ---- replacement

    def replace_later(self) -> float | None:
        """Start the replacement of a crashed process; the delay in seconds, None without supervision."""
        return self._supervisor.died() if self._supervisor is not None else None

    def _replace(self) -> bool:
        """Start another process; whether it listens."""
        supervisor, before = self._supervisor, self._driver
        if supervisor is None or before is None:
            return False
        before.stop()
        try:
            with self._journal.held():
                if supervisor.is_closing:
                    return False
                self._driver = self._new_driver()
            self.request(self._start_command(), START_S)
        except (BotError, OSError) as error:
            if not supervisor.is_closing:
                again, now = supervisor.wait_s, time.monotonic()
                self._on_event(ReplacementFailed(at=now, reason=str(error), again_in_s=again))
            return False
        now = time.monotonic()
        self._on_event(AgentReplaced(at=now, after_s=now - self._crashed_at))
        return True
