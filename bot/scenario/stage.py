"""The endpoints, calls and recordings of a scenario while it runs; it knows names, and no steps.

A call is found by its endpoint's name, or by ``ENDPOINT.NAME`` when the step that made it named it.
When one endpoint fails, every wait on every other one ends at once with that failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.call import Call, Playback, Recording
from bot.config import EndpointConfig
from bot.deadline import Deadline
from bot.endpoint import Endpoint
from bot.errors import BotError, CallFailed, ConfigError, WaitTimeout
from bot.events import CallStarted, MediaStateChanged
from bot.journal import Entry, Journal
from bot.model import Direction
from bot.scenario.bots import made
from bot.scenario.load import Case
from bot.sip import parse_uri

__all__ = ["Stage"]


class Stage:
    """A context manager: starts the endpoints, and closes every one of them whatever happens."""

    def __init__(self, case: Case, journal: Journal, folder: Path, arguments: Mapping[str, Any]) -> None:
        self.case = case
        self.journal = journal
        self.folder = folder
        """Where recordings and signals go."""
        self.endpoints: dict[str, Endpoint] = {}
        self.calls: list[Call] = []
        """Every call of every endpoint, in order."""
        self.named: dict[str, Call] = {}
        self.recordings: dict[str, Recording] = {}
        self.playbacks: dict[Call, list[Playback]] = {}
        self.media_since: dict[Call, float] = {}
        """When the media of a call was active first."""
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
        """What happened to an endpoint: a crash, an exception in a bot."""
        return next((one.failure for one in self.endpoints.values() if one.failure is not None), None)

    def fail(self, failure: BotError) -> None:
        """End every wait with ``failure``."""
        for endpoint in self.endpoints.values():
            endpoint.fail(failure)

    # ---- who and where

    def uri(self, party: str) -> str:
        """The URI of an endpoint, or the one that was written."""
        return self.endpoints[party].uri if party in self.endpoints else party

    def placed(self, call: Call, party: str) -> None:
        """A call was made to ``party``, so that is what its next step is about."""
        with self.journal.held():
            self._placed.setdefault(party, []).append(call)

    def call(self, on: str, deadline: Deadline) -> Call:
        """The call that ``on`` names, once it is there.

        Raises WaitTimeout when it does not come, CallFailed when it cannot come any more.
        """
        name, _, label = on.partition(".")
        endpoint = self.endpoints[name]

        def still_possible() -> None:
            ended = [one for one in self._missing(name) if one.known.ended is not None]
            if ended and not self._of(name):
                end = ended[-1].known.ended
                assert end is not None
                raise CallFailed(f"{name}: no call arrived: {ended[-1]} ended: {end.code} {end.reason}")

        def found() -> Call | None:
            if label:
                return self._leg(name, label)
            missing = [one for one in self._missing(name) if one.known.ended is None]
            legs = self._of(name)
            return legs[-1] if legs and not missing else None

        if not endpoint.wait_until(lambda: found() is not None, deadline, still_possible):
            why = f"has no call {label!r}" if label else "no call arrived"
            raise WaitTimeout(f"{name}: {why} by the step's deadline")
        call = found()
        assert call is not None
        return call

    def _of(self, name: str) -> list[Call]:
        return [one for one in self.calls if one.host is self.endpoints[name]]

    def _leg(self, name: str, label: str) -> Call | None:
        """An endpoint's own call of that name, or the other end of it."""
        named = self.named.get(label)
        if named is None or named.host is self.endpoints[name]:
            return named
        same = (one for one in self._of(name) if one.known.sip_call_id == named.known.sip_call_id)
        return next(same, None)

    def _missing(self, name: str) -> list[Call]:
        """The calls to an endpoint that have not arrived; a B2BUA on the way gives them other Call-IDs."""
        placed = self._placed.get(name, [])
        arrived = [one for one in self._of(name) if one.direction is Direction.INCOMING]
        ids = {one.known.sip_call_id for one in arrived}
        missing = [one for one in placed if one.known.sip_call_id not in ids]
        foreign = ids - {one.known.sip_call_id for one in placed}
        return missing[len(foreign) :]

    # ---- life

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
        for identity in (config, *config.accounts):
            if identity.registrar and identity.register_at_start:
                endpoint.wait_registered(None if identity is config else identity.id)

    def _addressed(self, config: EndpointConfig) -> EndpointConfig:
        """With the address of a registrar or proxy that is another endpoint: ``sip:NAME``."""
        uris = {key: getattr(config, key) for key in ("registrar", "proxy") if getattr(config, key)}
        return config.with_options(**{key: self._address(key, uri) for key, uri in uris.items()})

    def _address(self, key: str, uri: str) -> str:
        name = parse_uri(uri).host
        if name not in self.case.endpoints:
            return uri
        if name not in self.endpoints:
            raise ConfigError(f"{key}: the endpoint {name} starts later; write it before those that need it")
        return self.endpoints[name].uri.replace(f"{name}@", "", 1)

    def _observe(self, endpoint: Endpoint, entry: Entry) -> None:
        if entry.endpoint != endpoint.name:
            return
        match entry.event:
            case CallStarted(call=number):
                self.calls.append(endpoint.call(number))
            case MediaStateChanged(call=number, media=lines) if any(line.active for line in lines):
                call = next((one for one in self._of(endpoint.name) if one.number == number), None)
                if call is not None:
                    self.media_since.setdefault(call, entry.event.at)
            case _:
                pass
        if endpoint.failure is not None:
            self.fail(endpoint.failure)
