"""A started endpoint in its agent: the library with its accounts and calls, from Start to the end.

All parts exist as soon as the session does. They are built in an order that each part needs: first the
library, then the modules below the bindings, then calls, then accounts, which may receive calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from bot.agent.account import Accounts
from bot.agent.admission import Admission, expires_of
from bot.agent.bindings import Bindings
from bot.agent.call_limits import CallLimits
from bot.agent.callbacks import CommandRefused
from bot.agent.calls import Calls
from bot.agent.contact_connections import ContactConnections
from bot.agent.endpoint import Library
from bot.agent.header_lines import CALL_ID_RAW
from bot.agent.instant_messages import Messenger
from bot.agent.legs import Legs
from bot.agent.limit_reports import LimitReports
from bot.agent.loop import Loop
from bot.agent.native.library import exported
from bot.agent.native_modules import NativeModules
from bot.agent.players import Players
from bot.agent.refused_calls import why_refused
from bot.agent.request_outcomes import Outcomes
from bot.agent.requests import Requests
from bot.agent.resolver import Resolver
from bot.agent.trace import Trace
from bot.agent.unproved_callers import UnprovedCallers
from bot.agent.workarounds.socket_budget import SocketBudget, calls_at_once
from bot.ipc import NativeLogged, Start, Wired
from bot.model import MediaAddress, ResolvePeers

__all__ = ["Session"]

RECORDS_A_TURN = 1024
"""With hundreds of calls the records of packets must not keep the pump from its turns."""
CONNECTIONS_S = 1.0
FAREWELL_S = 1.0
"""Seconds to wait at the end for the ACKs of answered calls and for the responses to REGISTER and PUBLISH."""


class Session:
    """The parts of a started endpoint; handlers of commands work on them."""

    def __init__(
        self,
        start: Start,
        loop: Loop,
        library: Library,
        outcomes: Outcomes,
        report: Callable[[Wired], None],
    ) -> None:
        """Start the library; raises CommandRefused or ``pjsua2.Error`` when that fails."""
        config = self.config = start.config
        self.loop = loop
        self.report = report
        self._library = library
        outcomes.is_connecting = library.endpoint.connections.is_connecting
        self._outcomes = outcomes
        self.trace = Trace(report, loop.soon, start.log_level, start.keep_keys, outcomes.complain)
        if library.names is not None and config.resolve_peers is ResolvePeers.ASYNC:
            library.names.resolver = Resolver(loop.soon)
        if library.names is not None:
            library.names.on_wait, library.names.on_slow = loop.pause, self._told_slow
        library.start(config, self.trace, start.listeners)
        loop.open_door(*library.door)
        self.legs = Legs(start.first_call)
        budget = SocketBudget(calls_at_once(library.build.sockets))
        self.limit_reports = LimitReports(loop, report)
        admission = Admission(config, self.limit_reports)
        self.modules = NativeModules.install(
            start,
            loop,
            report,
            library.workarounds,
            trace=self.trace,
            legs=self.legs,
            budget=budget,
            admission=admission,
            names=library.names,
        )
        self._unproved = library.workarounds.install(
            "callers without proof",
            lambda: UnprovedCallers(exported(), self.legs.is_heard_at_source, self.limit_reports.reached),
            wanted=self.config.media_address is MediaAddress.VERIFIED,
        )
        self.players = Players(loop, library.rate)
        self.calls = Calls(
            config,
            loop,
            report,
            modules=self.modules,
            legs=self.legs,
            budget=budget,
            players=self.players,
            connections=library.endpoint.connections,
        )
        self._bindings = Bindings()
        self.trace.on_sent = self._sent
        self.trace.on_keying_failed = self.calls.keying_failed
        library.endpoint.on_limit = self.limit_reports.reached
        self.trace.on_slow_handshake = lambda: self.limit_reports.reached(
            "handshake", "", f"no TLS handshake within {self.config.limits.handshake_s:g} s"
        )
        if self.modules.intake is not None:
            self.modules.intake.on_message = self._arrived
            self.modules.intake.on_refusal = outcomes.refused_by_gate
            self._look_at_connections()
        library.endpoint.busy = lambda: {leg.connection for leg in self.legs if leg.connection is not None}
        self._contacts = library.workarounds.install(
            "connections to contacts",
            lambda: ContactConnections(
                exported(),
                library.endpoint.connections,
                self.legs,
                self.limit_reports.reached,
                allowed=self.config.connect_to_contacts is not False,
            ),
        )
        self.calls.limits = admission.calls = CallLimits(
            config.limits,
            library.build.calls or 1,
            loop,
            self.legs,
            admission.sources,
            hang_up=self.calls.end_by_limit,
            drop=self.calls.drop,
            sessions=self.modules.sessions,
            reports=self.limit_reports,
        )
        self.requests = Requests(self.trace, report, self.modules.authentication)
        self.accounts = Accounts(config, library, loop, report, self.calls.incoming, bindings=self._bindings)
        self.messenger = Messenger(self.accounts.first)
        ready = library.ready(self.modules.gate)
        outcomes.explain = partial(
            why_refused,
            srtp=config.srtp,
            suites=library.build.usable(config.suites),
            keying=config.srtp_keying,
            codecs=config.codecs or [codec.name for codec in ready.build.codecs],
        )
        report(ready)
        loop.beat()
        if start.measure_every_s:
            self._measure_all(start.measure_every_s)

    def _measure_all(self, every_s: float) -> None:
        """Report the counters of all calls, now and again."""
        for leg in self.legs:
            with suppress(CommandRefused):
                leg.measure()
        self.loop.after(every_s, lambda: self._measure_all(every_s))

    def _arrived(self, transport: int, data: bytes) -> None:
        """A message has come: the pump runs; a registration or a subscription needs its connection."""
        self.loop.progress()
        connections, config = self._library.endpoint.connections, self.config
        connections.used(transport)
        if self._unproved is not None and connections.current is None:
            self._unproved.received(data)
        registers = config.accept_registrations and data.startswith(b"REGISTER ")
        if registers or (config.accept_subscriptions and data.startswith(b"SUBSCRIBE ")):
            connections.keep(expires_of(data))
        if connections.current is not None and (call_id := CALL_ID_RAW.search(data)):
            self.legs.came_by(call_id[1].decode("latin-1"), connections.current)

    def _sent(self, text: str) -> None:
        """A message has left."""
        self.calls.sent(text)
        self._bindings.sent(text)
        if self.modules.intake is not None:
            self.modules.intake.sent(text)

    def _told_slow(self, name: str, seconds: float) -> None:
        """A name server was slow, and the pump has waited for it."""
        text = f"the name server took {seconds:.1f} s for {name}; every call of this endpoint waited"
        self.report(NativeLogged(at=time.monotonic(), level=2, text=text))

    def _look_at_connections(self) -> None:
        """Close those that are of no use, every second."""
        self._library.endpoint.close_useless(self.config.limits)
        self.loop.after(CONNECTIONS_S, self._look_at_connections)

    def serve(self) -> None:
        """Turn the library until the loop stops, then end every call and registration."""
        while not self.loop.stopping:
            self._turn()
        self._say_goodbye()

    def close(self) -> None:
        """Let go of every native object but the accounts, which the library asks for until its end."""
        if self.modules.media_thread is not None:
            self.modules.media_thread.wake()
        if self.modules.decisions is not None:
            self.modules.decisions.close()
        if self.modules.messages is not None:
            self.modules.messages.close()
        self.calls.close()
        self.players.clear()
        self.accounts.close()
        self.messenger.close()

    def _turn(self) -> None:
        self.loop.turn(self._library.endpoint)
        self.calls.drop_ended()
        self.loop.is_idle = self.calls.is_idle
        if self.calls.is_idle and self.modules.media_thread is not None:
            self.modules.media_thread.rest()
        if self.modules.arrivals is not None and self.modules.arrivals.read(RECORDS_A_TURN):
            self.loop.soon(lambda: None)  # the next turn does not wait

    def _say_goodbye(self) -> None:
        """Hang up all calls, and run the pump until the dialogs have ended."""
        self.limit_reports.flush()
        if self.modules.waiting is not None:
            self.modules.waiting.close()
        self.calls.hang_up_all()
        for recording in self.players.recording:
            self.players.stop_record(recording)
        self.accounts.leave()
        deadline = time.monotonic() + FAREWELL_S
        while self._is_busy and time.monotonic() < deadline:
            self._turn()

    @property
    def _is_busy(self) -> bool:
        """Whether a call, a recording, a registration or a publication is still to end."""
        if not self.calls.all_dropped or self.players.recording:
            return True
        return self.accounts.registered or self._outcomes.owes_bye or self._outcomes.waits_for("PUBLISH")
