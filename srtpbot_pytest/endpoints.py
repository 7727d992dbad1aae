"""The endpoints of a test: started, watched, closed and reported. Imports srtpbot."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Unpack

import msgspec
import pytest

from bot.config import EndpointConfig
from bot.config.settings import EndpointSettings
from bot.errors import BotError, ExpectationFailed
from bot.expectations import record
from bot.files import write_whole
from bot.harmless import harmless_json
from bot.ipc import AgentReady, CallStarted, ExpectationChecked
from bot.report.environment import environment_result
from bot.report.page import page
from bot.report.result import run_result
from bot.report.sip_pcap import of_file
from bot.ua import Call, Controller, Endpoint, Entry, Journal

__all__ = ["NewEndpoint"]

LOOPBACK = "127.0.0.1"
JOURNAL = "journal.jsonl"


class EndpointArguments(EndpointSettings, total=False):
    """The keywords of ``Endpoint`` except for its journal."""

    controller: Controller | None
    log_level: int
    keep_keys: bool
    on_log: Callable[[str], None]
    goes_on: bool


class NewEndpoint:
    """Context manager that starts and closes the endpoints of one test, and reports their failures."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / JOURNAL)
        self.calls: list[Call] = []
        """Calls of all endpoints, in order."""
        self.checked: list[ExpectationChecked] = []
        self.agents: dict[str, AgentReady] = {}
        self.duration_s = 0.0
        self._endpoints: list[Endpoint] = []
        self._reported: list[BotError] = []
        self._numbers = itertools.count(1)
        self._closing = ExitStack()
        self._adopted: list[Callable[[], None]] = []
        """End the copying of the journals of adopted endpoints."""
        self.journal.observe(self._observe)

    def __call__(
        self, config: EndpointConfig | None = None, **settings: Unpack[EndpointArguments]
    ) -> Endpoint:
        """A started endpoint; the default name is unused."""
        if config is None:
            settings = {"bind": LOOPBACK, **settings}
        if settings.get("name") is None:
            settings["name"] = self._free_name(config.name if config is not None else None)
        endpoint = Endpoint(config, journal=self.journal, **settings).start()
        self._endpoints.append(endpoint)
        self._closing.callback(endpoint.close)
        with self.journal.held():  # a call may have come already
            self.calls += endpoint.calls
            self.journal.observe(lambda entry: self._collect(endpoint, entry))
        return endpoint

    def adopt(self, endpoint: Endpoint) -> None:
        """Report an endpoint that the test starts by itself: copy its journal, collect its calls."""
        if endpoint.journal is self.journal:
            return
        name = self._free_name(endpoint.name)
        self.journal.join(name)

        def copy(entry: Entry) -> None:
            if entry.endpoint != endpoint.name:
                return
            self.journal.append(name, entry.event)
            self._collect(endpoint, entry)

        self._adopted.append(endpoint.journal.observe(copy))

    def __repr__(self) -> str:
        names = ", ".join(endpoint.name for endpoint in self._endpoints)
        return f"<srtpbot endpoints: {names or 'none'}>"

    def unreported_failures(self) -> str:
        """The messages of endpoint failures that were not reported before."""
        failures = [endpoint.failure for endpoint in self._endpoints if endpoint.failure is not None]
        unreported = [failure for failure in failures if failure not in self._reported]
        self._reported += unreported
        return "\n".join(dict.fromkeys(map(str, unreported)))  # an observer's is everybody's

    def raise_failures(self) -> None:
        """Fail the test with unreported endpoint failures."""
        if words := self.unreported_failures():
            pytest.fail(words, pytrace=False)

    def take_failure(self, error: BaseException, test: str) -> None:
        """Record the exception of the test in its result, except for a failed expectation."""
        if isinstance(error, BotError):
            self._reported.append(error)
        if not isinstance(error, ExpectationFailed):
            observed = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            record(self.journal, "test", test, passed=False, expected="the test passes", observed=observed)

    def write_reports(self, folder: Path, test: str) -> None:
        """Write ``result.json``, ``sip.pcap`` and ``report.html`` to the folder of the journal."""

        for stop in self._adopted:
            stop()
        self.journal.close()
        self.duration_s = self.duration_s or time.monotonic() - self.journal.started_at
        calls = sorted(self.calls, key=lambda call: call.facts.started_at)
        result = run_result(
            self.journal,
            self.duration_s,
            calls,
            self.checked,
            None,
            environment=environment_result(self.agents),
        )
        text = harmless_json(msgspec.json.format(msgspec.json.encode(result), indent=2)) + b"\n"
        write_whole(folder / "result.json", text)
        write_whole(folder / "sip.pcap", b"".join(of_file(folder / JOURNAL)))
        write_whole(folder / "report.html", page(result, calls, name=test, agents=self.agents, folder=folder))

    def __enter__(self) -> NewEndpoint:
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()
        self.duration_s = time.monotonic() - self.journal.started_at
        self.raise_failures()

    def _free_name(self, wanted: str | None) -> str:
        taken = self.journal.endpoints
        if wanted is not None:
            numbered = (f"{wanted}-{number}" for number in itertools.count(2))
            return next(name for name in itertools.chain([wanted], numbered) if name not in taken)
        return next(name for name in map("bot{}".format, self._numbers) if name not in taken)

    def _observe(self, entry: Entry) -> None:
        if isinstance(entry.event, ExpectationChecked):
            self.checked.append(entry.event)
        elif isinstance(entry.event, AgentReady):
            self.agents[entry.endpoint] = entry.event

    def _collect(self, endpoint: Endpoint, entry: Entry) -> None:
        if entry.endpoint == endpoint.name and isinstance(entry.event, CallStarted):
            self.calls.append(endpoint.call(entry.event.call))
