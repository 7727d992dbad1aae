"""Attempt of one cell: its endpoint, its call and its observation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.config import EndpointConfig
from bot.deadline import Deadline
from bot.errors import (
    BotError,
    CallbackFailed,
    CallEnded,
    CallFailed,
    ConfigError,
    EndpointCrashed,
    WaitTimeout,
)
from bot.interop.cells import Cell
from bot.interop.conversation import SLACK_S, Conversation
from bot.interop.observation import Observation, observed
from bot.interop.outcome import broken, refused, suite_of
from bot.interop.probe import IDENTITIES, Probe
from bot.ipc import CallStarted, SipSent
from bot.model import Direction, SrtpMode
from bot.sip import Message
from bot.ua import Call, Endpoint, Entry

__all__ = ["Attempt", "Setting"]


@dataclass(frozen=True)
class Setting:
    """Settings of all cells."""

    config: EndpointConfig
    folder: Path
    """Folder of the recordings."""
    timeout: float
    """Seconds to wait for the final response to a request."""
    endpoint_arguments: Mapping[str, Any] = field(default_factory=dict)

    def endpoint(self, cell: Cell, *, port: int) -> Endpoint:
        """The endpoint of a cell."""
        encrypted = cell.mode is not SrtpMode.OFF
        config = self.config.with_options(
            name=cell.name,
            port=port,
            srtp=cell.mode,
            suites=cell.suites if encrypted else None,
            srtp_keying=cell.keying if encrypted else None,
            transports=(cell.transport,),
            codecs=None if cell.codec is None else (cell.codec,),
            lock_codec=False,  # the observation must not contain the library's own re-INVITE
        )
        return Endpoint(config, **self.endpoint_arguments)


class Attempt:
    """Attempt of one cell; ``place`` and ``receive`` do not raise for the failure of a call."""

    def __init__(self, cell: Cell, setting: Setting, number: int) -> None:
        self.cell = cell
        self.calls: list[Call] = []
        self.crashed = False
        """Whether the agent crashed or a callback failed."""
        self.endpoint: Endpoint | None = None
        """Endpoint of the running attempt."""
        self._stopped: BotError | None = None
        self._setting = setting
        self._identities = iter(range(4 * number % IDENTITIES, IDENTITIES + 4))
        self._edits = cell.case.edits if cell.case is not None else ()

    def place(self, uri: str) -> Observation:
        """Call the peer; raises ConfigError and NativeError, which concern all cells."""

        def perform(endpoint: Endpoint) -> Observation:
            if self._setting.config.registrar:
                endpoint.wait_registered()
            return self._outgoing(endpoint, uri)

        return self._performed(perform, port=self._setting.config.port)

    def receive(self, port: int, patience: float, when_ready: Callable[[Endpoint], None]) -> Observation:
        """Wait ``patience`` seconds for the peer's call; calls ``when_ready`` when the port listens."""

        def perform(endpoint: Endpoint) -> Observation:
            with arrival_at(endpoint) as arrival:
                when_ready(endpoint)
                happened = endpoint.wait_until(lambda: arrival.happened, Deadline(patience))
            if not happened:
                return Observation(outcome=broken("no call came"), why=f"no call came within {patience:g} s")
            if not arrival.is_call:
                code = arrival.refused_with or 0
                why = "this endpoint refused the peer's offer"
                return Observation(outcome=refused(code), why=why, code=code, peer_spoke=True)
            with endpoint.expect_call(timeout=SLACK_S) as incoming:
                pass
            return self._incoming(endpoint, incoming.value)

        return self._performed(perform, port=port)

    # ---- around the call

    def _performed(self, perform: Callable[[Endpoint], Observation], *, port: int) -> Observation:
        begun = time.monotonic()
        try:
            with self._running(port) as endpoint:
                seen = perform(endpoint)
        except (EndpointCrashed, CallbackFailed) as error:
            self.crashed = True
            first, _, rest = str(error).partition("\n")
            last = rest.rpartition("\n")[2] if isinstance(error, CallbackFailed) else ""
            seen = Observation(outcome=broken("our agent crashed"), why=f"{first}: {last}".rstrip(": "))
        except (CallFailed, WaitTimeout, ConfigError) as error:
            if isinstance(error, ConfigError) and not self._edits:
                raise
            why = str(error).partition("\n")[0].removeprefix(f"{self.cell.name}: ")
            seen = Observation(outcome=broken(why), why=why)
        seen.seconds = round(time.monotonic() - begun, 3)
        return seen

    @contextmanager
    def _running(self, port: int) -> Iterator[Endpoint]:
        with self._setting.endpoint(self.cell, port=port) as endpoint:
            self.endpoint = endpoint
            if self._stopped is not None:
                endpoint.fail(self._stopped)
            try:
                yield endpoint
            finally:
                self.endpoint = None

    def stop(self, why: BotError) -> None:
        """End the attempt from another thread."""
        self._stopped = why  # an endpoint that has not started sees it then
        endpoint = self.endpoint
        if endpoint is not None:
            endpoint.fail(why)

    # ---- the call

    def _outgoing(self, endpoint: Endpoint, uri: str) -> Observation:
        case = self.cell.case
        call = endpoint.make_call(
            uri,
            ring_timeout=self._setting.timeout,
            offer=case is None or case.offer,
            edit_sdp=self._edits,
        )
        return self._conversation(call)

    def _incoming(self, endpoint: Endpoint, call: Call) -> Observation:
        with suppress(CallEnded):  # the library has refused the offer: that is in the record
            call.answer(edit_sdp=self._edits)
        case = self.cell.case
        if case is None or not case.calls_back:
            return self._conversation(call)
        other = endpoint.make_call(contact_of(call), ring_timeout=self._setting.timeout)
        theirs, ours = self._begin(call), self._begin(other)
        for one in (ours, theirs):
            one.run()
        for one in (ours, theirs):
            one.end()
        first = observed(self.cell, call.facts, theirs.talk)
        second = observed(self.cell, other.facts, ours.talk)
        if suite_of(first.outcome) is None:
            return first
        second.why = f"our call back: {second.why}" if second.why else None
        return second

    def _conversation(self, call: Call) -> Observation:
        conversation = self._begin(call)
        conversation.run()
        conversation.end()
        return observed(self.cell, call.facts, conversation.talk)

    def _begin(self, call: Call) -> Conversation:
        self.calls.append(call)
        path = self._setting.folder / f"{self.cell.name}-{call.number}.wav"
        return Conversation(call, self.cell, Probe(call, path, self._identities), self._setting.timeout)


class Arrival:
    """Watches for a call of the peer, or for its refusal before a call exists."""

    def __init__(self, endpoint: str) -> None:
        self.is_call = False
        self.refused_with: int | None = None
        self._endpoint = endpoint

    @property
    def happened(self) -> bool:
        """Whether a call or a refusal has occurred."""
        return self.is_call or self.refused_with is not None

    def observe(self, entry: Entry) -> None:
        """Process an event of the journal."""
        if entry.endpoint != self._endpoint:
            return
        event = entry.event
        if isinstance(event, CallStarted) and event.direction is Direction.INCOMING:
            self.is_call = True
        elif isinstance(event, SipSent) and event.text.startswith("SIP/2.0 "):
            response = Message.parse(event.text)
            if response.cseq_method == "INVITE" and response.is_failure:
                self.refused_with = response.status


@contextmanager
def arrival_at(endpoint: Endpoint) -> Iterator[Arrival]:
    """Watch for the call inside the block."""
    arrival = Arrival(endpoint.name)
    stop = endpoint.journal.observe(arrival.observe)
    try:
        yield arrival
    finally:
        stop()


def contact_of(call: Call) -> str:
    """The remote target of the dialog; without a dialog the Request-URI."""
    contact = call.header("Contact") or call.remote_uri
    return contact.partition("<")[2].partition(">")[0] or contact.partition(";")[0]
