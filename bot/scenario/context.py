"""Endpoints, calls and recordings of a running scenario, by name.

The name of a call is the name of its endpoint, or ``ENDPOINT.NAME`` with the name from its call step. When an
endpoint fails, the waits of all endpoints end with this failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.config import EndpointConfig
from bot.deadline import Deadline
from bot.errors import BotError, CallFailed, ConfigError, WaitTimeout
from bot.ipc import CallStarted
from bot.model import Direction
from bot.scenario.bots import made
from bot.scenario.case import Case
from bot.sip import parse_uri
from bot.ua import Call, Endpoint, Entry, Journal, Playback, Recording

__all__ = ["ScenarioContext"]


class ScenarioContext:
    """Context manager that starts the endpoints of a case and closes them."""

    def __init__(self, case: Case, journal: Journal, folder: Path, arguments: Mapping[str, Any]) -> None:
        self.case = case
        self.journal = journal
        self.folder = folder
        """Folder of the recordings."""
        self.endpoints: dict[str, Endpoint] = {}
        self.calls: list[Call] = []
        """Calls of all endpoints, in order."""
        self.named: dict[str, Call] = {}
        self.recordings: dict[str, Recording] = {}
        self.playbacks: dict[Call, list[Playback]] = {}
        self._arguments = arguments
        self._placed: dict[str, list[Call]] = {}
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        try:
            for name in self.case.endpoints:
                self._start(name)
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def failure(self) -> BotError | None:
        """The failure of an endpoint: a crash, or an exception in a bot; None without a failure."""
        failures = (endpoint.failure for endpoint in self.endpoints.values())
        return next((failure for failure in failures if failure is not None), None)

    def fail(self, failure: BotError) -> None:
        """End the waits of all endpoints with ``failure``."""
        for endpoint in list(self.endpoints.values()):  # another thread may start one
            endpoint.fail(failure)

    # ---- names

    def uri(self, party: str) -> str:
        """The URI of the endpoint ``party``, or ``party`` itself when it is a URI."""
        return self.endpoints[party].uri if party in self.endpoints else party

    def placed(self, call: Call, party: str) -> None:
        """Record a call to ``party``: the next step on ``party`` waits for this call."""
        with self.journal.held():
            self._placed.setdefault(party, []).append(call)

    def call(self, on: str, deadline: Deadline) -> Call:
        """Wait for the call with the name ``on``.

        Raises WaitTimeout at the deadline, and CallFailed when the call ended before it arrived.
        """
        name, _, label = on.partition(".")
        endpoint = self.endpoints[name]

        def still_possible() -> None:
            ended = [call for call in self._missing(name) if call.facts.ended is not None]
            if ended and not self._of(name):
                raise CallFailed(f"{name}: no call arrived: {ended[-1]} ended: {ended[-1].facts.ended_text}")

        def found() -> Call | None:
            if label:
                return self._leg(name, label)
            missing = [call for call in self._missing(name) if call.facts.ended is None]
            legs = self._of(name)
            return legs[-1] if legs and not missing else None

        endpoint.wait_until(lambda: found() is not None, deadline, still_possible)
        call = found()
        if call is None:
            why = f"has no call {label!r}" if label else "no call arrived"
            raise WaitTimeout(f"{name}: {why} by the step's deadline{endpoint.refusals()}")
        return call

    def hide_digits_from(self, sender: Call) -> None:
        """Hide the digits that other calls receive from now on; ``sender`` may have sent them."""
        with self.journal.held():
            for call in self.calls:
                if call is not sender and call.facts.ended is None:
                    call.secret_digits = True

    def _of(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.endpoint is self.endpoints[name]]

    def _leg(self, name: str, label: str) -> Call | None:
        """The endpoint's call with the name ``label``, or its end of the call that another endpoint named."""
        named = self.named.get(label)
        if named is None or named.endpoint is self.endpoints[name]:
            return named
        same = (call for call in self._of(name) if call.facts.sip_call_id == named.facts.sip_call_id)
        return next(same, None)

    def _missing(self, name: str) -> list[Call]:
        """The calls to an endpoint that have not arrived; a B2BUA changes their Call-IDs."""
        placed = self._placed.get(name, [])
        arrived = [call for call in self._of(name) if call.direction is Direction.INCOMING]
        ids = {call.facts.sip_call_id for call in arrived}
        missing = [call for call in placed if call.facts.sip_call_id not in ids]
        foreign = ids - {call.facts.sip_call_id for call in placed}
        return missing[len(foreign) :]

    # ---- start

    def _start(self, name: str) -> None:
        spec = self.case.scenario.endpoints[name]
        controller = made(spec.role, spec.options, self.case.folder, self.folder) if spec.role else None
        config = self.case.endpoints[name]
        if name in self.case.listeners:
            config = config.with_options(detect_inband_dtmf=True)
        config = self._addressed(config)
        endpoint = Endpoint(config, controller=controller, **{**self._arguments, "journal": self.journal})
        self.endpoints[name] = endpoint
        endpoint.start()
        self._closing.callback(endpoint.close)
        with self.journal.held():  # a call may have come already
            self.calls += endpoint.calls
            self._closing.callback(self.journal.observe(lambda entry: self._observe(endpoint, entry)))
        for account in (config, *config.accounts):
            if account.registrar and account.register_at_start:
                endpoint.wait_registered(None if account is config else account.id)

    def _addressed(self, config: EndpointConfig) -> EndpointConfig:
        """The settings with the address of the endpoint NAME for ``registrar: sip:NAME`` and ``proxy``."""
        registrar, proxy = (
            self._address(key, uri) if (uri := getattr(config, key)) else None
            for key in ("registrar", "proxy")
        )
        return config.with_options(registrar=registrar, proxy=proxy)

    def _address(self, key: str, uri: str) -> str:
        name = parse_uri(uri).host
        if name not in self.case.endpoints:
            return uri
        if name not in self.endpoints:
            raise ConfigError(
                f"{key}: endpoint {name} starts later; move it before the endpoints that need it"
            )
        return self.endpoints[name].uri.replace(f"{name}@", "", 1)

    def _observe(self, endpoint: Endpoint, entry: Entry) -> None:
        if entry.endpoint != endpoint.name:
            return
        match entry.event:
            case CallStarted(call=number):
                self.calls.append(endpoint.call(number))
            case _:
                pass
        if endpoint.failure is not None:
            self.fail(endpoint.failure)
