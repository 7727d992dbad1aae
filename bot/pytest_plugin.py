"""The pytest plugin: endpoints on this machine, a parrot, and a folder for what a failed test leaves behind.

Every test that uses it is loaded with pytest, so nothing of srtpbot is imported before a fixture
asks for it; what a call is, and how reports are written, is not known here.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bot.call import Call
    from bot.config import EndpointConfig
    from bot.endpoint import Endpoint
    from bot.errors import BotError
    from bot.events import AgentReady, ExpectationChecked
    from bot.journal import Entry

__all__ = ["NewEndpoint", "call_artifacts", "new_endpoint", "parrot"]

LOOPBACK = "127.0.0.1"
KEEP = ("failed", "all", "none")
FOLDER = "test-artifacts"
JOURNAL = "journal.jsonl"
LONGEST = 120
"""Characters of a folder's name; file systems end at 255 bytes."""
CLOCK_S = 0.05
"""What the time of a file may lag behind the clock."""
SECTION = "srtpbot artifacts"

STARTED = pytest.StashKey[float]()
WAS_THERE = pytest.StashKey[bool]()
ARTIFACTS = pytest.StashKey["Artifacts"]()


# ---- fixtures


@pytest.fixture
def call_artifacts(request: pytest.FixtureRequest) -> Path:
    """A folder of this test's own, for recordings and whatever else explains a failure.

    What it holds at the end, and the journal and the reports of the test's endpoints, is kept when the
    test failed (``--srtpbot-keep``) under ``--srtpbot-artifacts``, and its path is shown with the failure.
    """
    artifacts = request.node.stash[ARTIFACTS] = Artifacts(request.node)
    return artifacts.folder


@pytest.fixture
def new_endpoint(request: pytest.FixtureRequest, call_artifacts: Path) -> Iterator[NewEndpoint]:
    """Start endpoints on 127.0.0.1: ``new_endpoint(srtp="mandatory", codecs=["PCMA"], name="caller")``.

    It takes the settings and arguments of ``Endpoint``. The endpoints of a test share a journal and are
    closed at its end, the last one first. One that crashed, or whose callback raised, fails the test; a
    test that means it to says ``endpoint.failure = None`` once it has seen it.
    """
    with NewEndpoint(call_artifacts) as start:
        request.node.stash[ARTIFACTS].endpoints = start
        yield start


@pytest.fixture
def parrot(new_endpoint: NewEndpoint) -> Endpoint:
    """An endpoint that answers every call and sends back what it hears; call ``parrot.uri``."""
    from bot.bots.parrot import Parrot

    return new_endpoint(name="parrot", controller=Parrot())


class NewEndpoint:
    """Starts the endpoints of one test; a context manager that closes them and tells what became of them."""

    def __init__(self, folder: Path) -> None:
        from bot.journal import Journal

        self.journal = Journal(folder / JOURNAL)
        self.calls: list[Call] = []
        """Every call of every endpoint, in order."""
        self.checked: list[ExpectationChecked] = []
        self.agents: dict[str, AgentReady] = {}
        self.duration_s = 0.0
        self._endpoints: list[Endpoint] = []
        self._told: list[BotError] = []
        self._numbers = itertools.count(1)
        self._closing = ExitStack()
        self.journal.observe(self._observe)

    def __call__(self, config: EndpointConfig | None = None, **settings: Any) -> Endpoint:
        """A started endpoint; without a name it gets one that is free."""
        from bot.endpoint import Endpoint

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

    def __repr__(self) -> str:
        names = ", ".join(endpoint.name for endpoint in self._endpoints)
        return f"<srtpbot endpoints: {names or 'none'}>"

    def untold_failures(self) -> str:
        """What the endpoints failed with, in their own words, unless that was told already."""
        failures = [one.failure for one in self._endpoints if one.failure is not None]
        untold = [failure for failure in failures if failure not in self._told]
        self._told += untold
        return "\n".join(map(str, untold))

    def raise_failures(self) -> None:
        """Fail the test with them."""
        if words := self.untold_failures():
            pytest.fail(words, pytrace=False)

    def take_failure(self, error: BaseException, test: str) -> None:
        """Why the test failed belongs to its result, unless an expectation said it."""
        from bot.errors import BotError, ExpectationFailed
        from bot.events import ExpectationChecked

        if isinstance(error, BotError):
            self._told.append(error)
        if not isinstance(error, ExpectationFailed):
            observed = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            checked = ExpectationChecked(
                at=time.monotonic(), name=test, passed=False, expected="the test passes", observed=observed
            )
            self.journal.append("test", checked)

    def write_reports(self, folder: Path, test: str) -> None:
        """``result.json``, ``sip.pcap`` and ``report.html``, beside the journal."""
        import msgspec

        from bot.report.page import page
        from bot.report.result import run_result
        from bot.report.sip_pcap import of_file

        self.journal.close()
        calls = sorted(self.calls, key=lambda call: call.known.started_at)
        result = run_result(self.journal, self.duration_s, calls, self.checked, None)
        text = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
        (folder / "result.json").write_bytes(text)
        with (folder / "sip.pcap").open("wb") as capture:
            capture.writelines(of_file(folder / JOURNAL))
        (folder / "report.html").write_bytes(page(result, calls, name=test, agents=self.agents))

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
        from bot.events import AgentReady, ExpectationChecked

        if isinstance(entry.event, ExpectationChecked):
            self.checked.append(entry.event)
        elif isinstance(entry.event, AgentReady):
            self.agents[entry.endpoint] = entry.event

    def _collect(self, endpoint: Endpoint, entry: Entry) -> None:
        from bot.events import CallStarted

        if entry.endpoint == endpoint.name and isinstance(entry.event, CallStarted):
            self.calls.append(endpoint.call(entry.event.call))


# ---- what a test leaves behind


class Artifacts:
    """The folder of one test, from its first fixture to the verdict."""

    def __init__(self, item: pytest.Item) -> None:
        self.endpoints: NewEndpoint | None = None
        self._item = item
        self._keep = item.config.getoption("srtpbot_keep")
        self._failed = False
        self.folder = claim(artifacts_folder(item.config), file_safe(item.nodeid), item.config.stash[STARTED])

    def take(self, report: pytest.TestReport, error: BaseException | None) -> None:
        """Look at how a phase of the test ended; after the last one keep what it left, or not."""
        if report.failed:
            self._fail(report, error)
        if report.when == "teardown":
            self._finish(report)

    def _fail(self, report: pytest.TestReport, error: BaseException | None) -> None:
        self._failed = True
        if self.endpoints is not None:
            if error is not None:
                self.endpoints.take_failure(error, self._item.name)
            if words := self.endpoints.untold_failures():
                report.sections.append(("srtpbot endpoints", words))
        if self._keep != "none":
            shown = os.path.relpath(self.folder, self._item.config.invocation_params.dir)
            pages = " (open report.html)" if self.endpoints is not None else ""
            report.sections.append((SECTION, f"{shown}{pages}"))

    def _finish(self, report: pytest.TestReport) -> None:
        if self._keep == "none" or (self._keep == "failed" and not self._failed):
            if self.endpoints is not None:
                self.endpoints.journal.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        try:
            if self.endpoints is not None:
                self.endpoints.write_reports(self.folder, self._item.name)
        except Exception as error:  # a report that cannot be written must not end everybody's tests
            report.sections.append((SECTION, f"{self.folder}: no report: {type(error).__name__}: {error}"))


def artifacts_folder(config: pytest.Config) -> Path:
    """``--srtpbot-artifacts``, from where pytest was started."""
    return Path(config.invocation_params.dir, config.getoption("srtpbot_artifacts"))


def claim(parent: Path, name: str, started: float) -> Path:
    """Make a folder that nobody else has; one from before ``started`` is an earlier run's and is replaced.

    The same test may run twice at once (``--dist each``) or again (after a failure): then it is ``NAME-2``.
    """
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    for folder in (parent / one for one in itertools.chain([name], numbered)):
        if folder.is_dir() and folder.stat().st_mtime < started - CLOCK_S:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if parent.is_dir():
                continue
            raise pytest.UsageError(f"--srtpbot-artifacts: {parent} is not a folder") from None
        except OSError as error:
            raise pytest.UsageError(f"--srtpbot-artifacts: {folder}: {error.strerror}") from None
        return folder
    raise AssertionError("unreachable")


def file_safe(test: str) -> str:
    """A test's id as a file name; where that would say less than the id, a digest tells ids apart."""
    plain = test.replace("::", "-").replace("/", "-").replace("[", "-").removesuffix("]")
    safe = re.sub(r"[^\w.+=@-]+", "-", plain, flags=re.ASCII).strip("-.")
    if safe == plain and len(safe) <= LONGEST:
        return safe
    digest = hashlib.sha256(test.encode()).hexdigest()[:8]
    return f"{safe[: LONGEST - len(digest) - 1]}-{digest}"


# ---- hooks


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the artifacts."""
    group = parser.getgroup("srtpbot", "SIP and SRTP endpoints")
    group.addoption(
        "--srtpbot-artifacts",
        metavar="DIR",
        default=FOLDER,
        help=f"where tests leave journals, recordings and reports, in a folder each (default: {FOLDER})",
    )
    group.addoption(
        "--srtpbot-keep",
        choices=KEEP,
        default=KEEP[0],
        help="of which tests these are kept (default: failed)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Remember when this run began: folders from before are replaced."""
    config.stash[STARTED] = time.time()
    config.stash[WAS_THERE] = artifacts_folder(config).exists()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no empty folder behind that this run made."""
    config = session.config
    if not hasattr(config, "workerinput") and not config.stash[WAS_THERE]:
        try:
            artifacts_folder(config).rmdir()
        except OSError:
            return


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that passed while an endpoint of it crashed has not passed."""
    outcome = yield
    artifacts = item.stash.get(ARTIFACTS, None)
    if artifacts is not None and artifacts.endpoints is not None:
        artifacts.endpoints.raise_failures()
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show where it failed in the test rather than in srtpbot, and what it left behind."""
    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        shorten(call.excinfo)
    report = yield
    artifacts = item.stash.get(ARTIFACTS, None)
    if artifacts is not None:
        artifacts.take(report, call.excinfo.value if call.excinfo is not None else None)
    return report


def shorten(raised: pytest.ExceptionInfo[BaseException]) -> None:
    """Leave srtpbot's own frames out of what it raised on purpose: its message says it all."""
    errors = sys.modules.get("bot.errors")
    if errors is None or not isinstance(raised.value, errors.BotError):
        return
    step: TracebackType | None = raised.tb
    steps: list[TracebackType] = []
    while step is not None:
        steps.append(step)
        step = step.tb_next
    chain: TracebackType | None = None
    for step in reversed(steps):
        if not is_internal(step.tb_frame.f_globals.get("__name__", "")):
            chain = TracebackType(chain, step.tb_frame, step.tb_lasti, step.tb_lineno)
    if chain is not None:
        raised.traceback = type(raised.traceback)(chain)


def is_internal(module: str) -> bool:
    """Whether a module is srtpbot's, or the standard library's between a with statement and srtpbot."""
    return module == "contextlib" or module.partition(".")[0] in {"bot", "media"}
