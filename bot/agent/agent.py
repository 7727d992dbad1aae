"""The agent process of one endpoint: it takes commands, and owns the order in which the library ends."""

from __future__ import annotations

import gc
import time

import pjsua2 as pj

from bot.agent.callbacks import CommandRefused, Failures
from bot.agent.endpoint import Library
from bot.agent.handlers import carry_out
from bot.agent.loop import Loop
from bot.agent.native_errors import kind_of, reason_of
from bot.agent.request_outcomes import Outcomes
from bot.agent.session import Session
from bot.agent.workarounds.failure_reasons import FailureReasons
from bot.ipc import AgentStopped, AnyCommand, CommandDone, CommandFailed, Request, Shutdown, Start

__all__ = ["Agent"]

DESTRUCTION_S = 3.0
"""Seconds that the library may take to end, with many connections on a busy machine; no pump turns then."""


class Agent:
    """Carries out commands: Start makes the session, and the session takes all others."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._outcomes = Outcomes(loop.emit)
        reasons = FailureReasons(self._outcomes)
        self._report = Failures(reasons)
        self._library = Library(self._report, loop.pause)
        reasons.newest = self._library.build.tls
        self._session: Session | None = None

    def run(self) -> None:
        """Serve until the loop stops, then end in order."""
        self._loop.run_first()
        if self._session is not None:
            self._session.serve()
        self._loop.beat(DESTRUCTION_S)
        self._loop.forget()
        if self._session is not None:
            self._session.close()
        gc.collect()  # a native object that outlives the library aborts the process
        self._library.stop()
        self._report(AgentStopped(at=time.monotonic(), reason=self._loop.reason))

    def handle(self, request: Request) -> None:
        """Carry out one command, and report whether that succeeded."""
        problem: tuple[str, str] | None = None
        if self._library.names is not None:
            self._library.names.learn(getattr(request.command, "uri", ""))
        try:
            self._carry_out(request.command)
        except CommandRefused as refusal:
            problem = refusal.kind, str(refusal)
        except pj.Error as error:
            problem = kind_of(error), reason_of(error)
        now = time.monotonic()
        if problem is None:
            self._report(CommandDone(at=now, request=request.number))
        else:
            kind, reason = problem
            self._report(CommandFailed(at=now, request=request.number, kind=kind, reason=reason))

    def _carry_out(self, command: AnyCommand) -> None:
        match command:
            case Start():
                self._start(command)
            case Shutdown():
                self._loop.stop()
            case _ if self._session is not None:
                carry_out(command, self._session)
            case _:
                raise CommandRefused("native", "the endpoint has not started")

    def _start(self, command: Start) -> None:
        """Start the session; when that fails the agent ends."""
        try:
            session = Session(command, self._loop, self._library, self._outcomes, self._report)
        except CommandRefused:
            self._loop.stop()
            raise
        except pj.Error as error:
            self._loop.stop()
            raise CommandRefused("native", reason_of(error)) from None
        self._session = session
        self._report.message = lambda: session.trace.last_received
