"""An agent under fire: it answers what comes in, hangs up soon, and what ends it is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any, Self

from bot.config import EndpointConfig
from bot.ipc import (
    AgentCrashed,
    AgentReady,
    Answer,
    AnyCommand,
    AnyEvent,
    CallbackFailed,
    CallStarted,
    CallStateChanged,
    Cancel,
    CommandFailed,
    Hangup,
    MakeCall,
    MessageRefused,
    Register,
    Reinvite,
    SendMessage,
    SendRequest,
    Start,
    Transfer,
    Update,
)
from bot.ipc.driver import Driver
from bot.model import CallState, Direction, MediaDirection, ResolvePeers

__all__ = ["Target"]

HOST = "127.0.0.1"
CALL_S = 0.4
START_S = 120.0
HUNG_S = 8.0


class Patient(Driver):
    """Waits longer for a late agent, since a fuzzer shares the machine with others."""

    _since = _last = 0.0

    def _is_starved(self) -> bool:
        now = time.monotonic()
        if now - self._last > 1.0:
            self._since = now
        self._last = now
        return super()._is_starved() or now - self._since < HUNG_S


class Target:
    """A context manager around an agent without an endpoint's books."""

    def __init__(self, host: str = HOST, **settings: Any) -> None:
        self.host = host
        self.config = EndpointConfig(
            bind=host, name="target", user_agent="x", resolve_peers=ResolvePeers.NEVER
        ).with_options(**settings)
        self.ready: AgentReady | None = None
        self.dead: AgentCrashed | None = None
        self.failures: list[CallbackFailed] = []
        self.refused: dict[str, int] = {}
        self.calls = 0
        self.answered = 0
        self._changed = threading.Condition()
        self._driver: Driver
        self._live: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._driver = Patient(self._take)
        self._driver.send(Start(config=self.config, log_level=2))
        if not self.wait(lambda: self.ready is not None or self.dead is not None, START_S) or self.dead:
            raise RuntimeError(f"the agent did not start: {self.dead}")
        return self

    def __exit__(self, *_: object) -> None:
        self._driver.stop()

    @property
    def port(self) -> int:
        """Where it listens by UDP."""
        return self._port_of("udp")

    @property
    def tcp_port(self) -> int:
        """Where it listens by TCP."""
        return self._port_of("tcp")

    def _port_of(self, transport: str) -> int:
        assert self.ready is not None
        return next(one.port for one in self.ready.listeners if one.transport == transport)

    @property
    def uses_ice(self) -> bool:
        """Whether it takes part in ICE (RFC 8445)."""
        return self.config.nat.uses_ice

    @property
    def pid(self) -> int:
        """Of the agent."""
        return self._driver.pid

    def call(self, port: int, number: int) -> None:
        """Call a peer."""
        self._driver.send(
            MakeCall(uri=f"sip:x@{HOST}:{port}", sip_call_id=f"fuzz{number}", ring_timeout_s=2.0)
        )

    def register(self) -> None:
        """Register, or refresh."""
        self._driver.send(Register(account="", on=True))

    def act(self, port: int, random: Random) -> None:
        """Send a request of another kind to a peer, in a call if there is one."""
        uri = f"sip:x@{self.host}:{port}"
        outside: tuple[AnyCommand, ...] = (
            SendMessage(uri=uri, text="hello"),
            SendRequest(method="OPTIONS", uri=uri),
            SendRequest(method="PUBLISH", uri=uri, headers=[("Event", "presence"), ("Expires", "60")]),
            SendRequest(method="FOO", uri=uri),
        )
        inside: tuple[Callable[[int], AnyCommand], ...] = (
            lambda call: Reinvite(call=call, direction=random.choice([*MediaDirection, None])),
            lambda call: Reinvite(call=call, offer=False),
            lambda call: Update(call=call, direction=random.choice([*MediaDirection, None])),
            lambda call: SendRequest(
                method="INFO", call=call, body="Signal=1\r\n", content_type="text/plain"
            ),
            lambda call: SendMessage(call=call, text="hello"),
            lambda call: Transfer(call=call, uri=uri),
            lambda call: Cancel(call=call),
            lambda call: Hangup(call=call, code=603),
        )
        live = list(self._live)
        if live and random.random() < 0.8:
            self._driver.send(random.choice(inside)(random.choice(live)))
        else:
            self._driver.send(random.choice(outside))

    def wait(self, holds: object, seconds: float) -> bool:
        """Whether something came to hold in time."""
        assert callable(holds)
        with self._changed:
            return bool(self._changed.wait_for(holds, seconds))

    def end_calls(self) -> None:
        """Hang up what has lasted long enough."""
        now = time.monotonic()
        for number, since in list(self._live.items()):
            if now - since > CALL_S:
                del self._live[number]
                self._driver.send(Hangup(call=number))

    def _take(self, event: AnyEvent) -> None:
        with self._changed:
            match event:
                case AgentReady():
                    self.ready = event
                case AgentCrashed():
                    self.dead = event
                case CallbackFailed():
                    self.failures.append(event)
                case MessageRefused():
                    self.refused[event.rule] = self.refused.get(event.rule, 0) + 1
                case CallStarted():
                    self.calls += 1
                    self._live[event.call] = time.monotonic()
                    if event.direction is Direction.INCOMING:
                        self._driver.send(Answer(call=event.call))
                case CallStateChanged():
                    if event.state is CallState.CONFIRMED:
                        self.answered += 1
                    if event.state is CallState.DISCONNECTED:
                        self._live.pop(event.call, None)
                case CommandFailed():
                    pass
            self._changed.notify_all()
