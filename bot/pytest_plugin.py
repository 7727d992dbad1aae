"""pytest plugin: fixtures ``new_endpoint``, ``parrot`` and ``call_artifacts``, and reports of failed tests.

pytest loads the plugin in every run; therefore it imports srtpbot only in its fixtures.
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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bot.config import EndpointConfig
    from bot.errors import BotError
    from bot.ipc import AgentReady, ExpectationChecked
    from bot.soft_failures import SoftFailure, SoftFailures
    from bot.ua import Call, Endpoint, Entry

__all__ = ["NewEndpoint", "call_artifacts", "new_endpoint", "parrot"]

LOOPBACK = "127.0.0.1"
KEEP = ("failed", "all", "none")
FOLDER = "test-artifacts"
JOURNAL = "journal.jsonl"
LONGEST = 120
"""Largest number of characters of a folder name; file systems allow 255 bytes."""
CLOCK_S = 0.05
"""Largest difference of file time and clock, in seconds."""
SECTION = "srtpbot artifacts"

STARTED = pytest.StashKey[float]()
WAS_THERE = pytest.StashKey[bool]()
ARTIFACTS = pytest.StashKey["Artifacts"]()
SOFT: pytest.StashKey[SoftFailures] = pytest.StashKey()


# ---- fixtures


@pytest.fixture
def call_artifacts(request: pytest.FixtureRequest) -> Path:
    """Folder of the test for recordings and other files.

    After a failed test (``--srtpbot-keep``) the folder stays in ``--srtpbot-artifacts``, with the journal and
    the reports of the test's endpoints. pytest shows its path with the failure.
    """
    artifacts = request.node.stash[ARTIFACTS] = Artifacts(request.node)
    return artifacts.folder


@pytest.fixture
def new_endpoint(request: pytest.FixtureRequest, call_artifacts: Path) -> Iterator[NewEndpoint]:
    """Start endpoints on 127.0.0.1: ``new_endpoint(srtp="mandatory", codecs=["PCMA"], name="caller")``.

    The arguments are the settings and arguments of ``Endpoint``. The endpoints of a test share a
    journal; they close after the test in reverse order. A crash or an exception in a callback fails the
    test; set ``endpoint.failure = None`` in a test that expects it.
    """
    with NewEndpoint(call_artifacts) as start:
        request.node.stash[ARTIFACTS].endpoints = start
        yield start


@pytest.fixture
def parrot(new_endpoint: NewEndpoint) -> Endpoint:
    """Endpoint that answers every call and echoes the audio; call ``parrot.uri``."""
    from bot.bots.parrot import Parrot

    return new_endpoint(name="parrot", controller=Parrot())


class NewEndpoint:
    """Context manager that starts and closes the endpoints of one test, and reports their failures."""

    def __init__(self, folder: Path) -> None:
        from bot.ua import Journal

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
        self.journal.observe(self._observe)

    def __call__(self, config: EndpointConfig | None = None, **settings: Any) -> Endpoint:
        """A started endpoint; the default name is unused."""
        from bot.ua import Endpoint

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
        from bot.errors import BotError, ExpectationFailed
        from bot.expectations import record

        if isinstance(error, BotError):
            self._reported.append(error)
        if not isinstance(error, ExpectationFailed):
            observed = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            record(self.journal, "test", test, passed=False, expected="the test passes", observed=observed)

    def write_reports(self, folder: Path, test: str) -> None:
        """Write ``result.json``, ``sip.pcap`` and ``report.html`` to the folder of the journal."""
        import msgspec

        from bot.files import write_whole
        from bot.harmless import harmless_json
        from bot.report.environment import environment_result
        from bot.report.page import page
        from bot.report.result import run_result
        from bot.report.sip_pcap import of_file

        self.journal.close()
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
        write_whole(folder / "report.html", page(result, calls, name=test, agents=self.agents))

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
        from bot.ipc import AgentReady, ExpectationChecked

        if isinstance(entry.event, ExpectationChecked):
            self.checked.append(entry.event)
        elif isinstance(entry.event, AgentReady):
            self.agents[entry.endpoint] = entry.event

    def _collect(self, endpoint: Endpoint, entry: Entry) -> None:
        from bot.ipc import CallStarted

        if entry.endpoint == endpoint.name and isinstance(entry.event, CallStarted):
            self.calls.append(endpoint.call(entry.event.call))


# ---- soft expectations


@contextmanager
def soft_expectations(item: pytest.Item, *, report: bool) -> Iterator[None]:
    """Collect the failures of ``expect.soft`` in a phase of a test; ``report`` them at its end.

    A phase that fails reports them too, as a note of its failure. A skip with soft failures is a failure.
    """
    room = sys.modules.get("bot.soft_failures")
    if room is None:
        yield
        return
    collector = item.stash.setdefault(SOFT, room.SoftFailures())
    try:
        with collector.collecting():
            yield
    except BaseException as error:
        failures = collector.close()
        if failures and isinstance(error, pytest.skip.Exception):
            raise soft_failure(failures) from None
        if failures and isinstance(error, pytest.fail.Exception) and not error.pytrace:
            error.msg = f"{error.msg}\n{room.listed(failures)}"  # pytest shows no notes of it
        elif failures:
            error.add_note(room.listed(failures))
        raise
    if report and (failures := collector.close()):
        raise soft_failure(failures)


def soft_failure(failures: list[SoftFailure]) -> BotError:
    """All soft failures of a test as one error with the traceback of the first failure."""
    from bot.soft_failures import SoftExpectationsFailed

    return SoftExpectationsFailed(failures).with_traceback(failures[0].traceback)


# ---- artifacts of a test


class Artifacts:
    """The folder of one test, from its first fixture to the verdict."""

    def __init__(self, item: pytest.Item) -> None:
        self.endpoints: NewEndpoint | None = None
        self._item = item
        self._keep = item.config.getoption("srtpbot_keep")
        self._failed = False
        self.folder = claim(artifacts_folder(item.config), file_safe(item.nodeid), item.config.stash[STARTED])

    def take(self, report: pytest.TestReport, error: BaseException | None) -> None:
        """Record the outcome of a phase; after the last phase keep or delete the folder."""
        if report.failed:
            self._fail(report, error)
        if report.when == "teardown":
            self._finish(report)

    def _fail(self, report: pytest.TestReport, error: BaseException | None) -> None:
        self._failed = True
        if self.endpoints is not None:
            if error is not None:
                self.endpoints.take_failure(error, self._item.name)
            if words := self.endpoints.unreported_failures():
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
        except Exception as error:  # an error in a report must not end the test session
            report.sections.append((SECTION, f"{self.folder}: no report: {type(error).__name__}: {error}"))


def artifacts_folder(config: pytest.Config) -> Path:
    """The folder ``--srtpbot-artifacts``, relative to the working directory of pytest."""
    return Path(config.invocation_params.dir, config.getoption("srtpbot_artifacts"))


def claim(parent: Path, name: str, started: float) -> Path:
    """Create a new folder; a folder from before ``started`` belongs to an earlier run and is replaced.

    A second run of the same test in this session (``--dist each``, reruns) gets the folder ``NAME-2``.
    """
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    for folder in (parent / one for one in itertools.chain([name], numbered)):
        if folder.is_dir() and folder.stat().st_mtime < started - CLOCK_S:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if parent.is_dir():
                continue
            raise pytest.UsageError(f"--srtpbot-artifacts: {parent} is not a folder") from None
        except OSError as error:
            raise pytest.UsageError(f"--srtpbot-artifacts: {folder}: {error.strerror}") from None
        return folder
    raise AssertionError("unreachable")


def file_safe(test: str) -> str:
    """The node id of a test as a file name; with a digest if characters are lost."""
    plain = test.replace("::", "-").replace("/", "-").replace("[", "-").removesuffix("]")
    safe = re.sub(r"[^\w.+=@-]+", "-", plain, flags=re.ASCII).strip("-.")
    if safe == plain and len(safe) <= LONGEST:
        return safe
    digest = hashlib.sha256(test.encode()).hexdigest()[:8]
    return f"{safe[: LONGEST - len(digest) - 1]}-{digest}"


# ---- hooks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("srtpbot", "SIP and SRTP endpoints")
    group.addoption(
        "--srtpbot-artifacts",
        metavar="DIR",
        default=FOLDER,
        help=f"folder of journals, recordings and reports, one subfolder for each test (default: {FOLDER})",
    )
    group.addoption(
        "--srtpbot-keep",
        choices=KEEP,
        default=KEEP[0],
        help="tests whose artifacts are kept (default: failed)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Store the start time of the session; older folders are replaced."""
    config.stash[STARTED] = time.time()
    config.stash[WAS_THERE] = artifacts_folder(config).exists()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Delete an empty artifacts folder that this session created."""
    config = session.config
    if not hasattr(config, "workerinput") and not config.stash[WAS_THERE]:
        try:
            artifacts_folder(config).rmdir()
        except OSError:
            return


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Collect soft failures in the set-up of fixtures."""
    with soft_expectations(item, report=False):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a passed test after a crash of an endpoint or a soft failure."""
    with soft_expectations(item, report=True):
        outcome = yield
        artifacts = item.stash.get(ARTIFACTS, None)
        if artifacts is not None and artifacts.endpoints is not None:
            artifacts.endpoints.raise_failures()
        return outcome


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Collect soft failures in the teardown of fixtures."""
    with soft_expectations(item, report=True):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remove the frames of srtpbot from the traceback, and add the path of the artifacts."""
    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        shorten(call.excinfo)
    report = yield
    artifacts = item.stash.get(ARTIFACTS, None)
    if artifacts is not None:
        artifacts.take(report, call.excinfo.value if call.excinfo is not None else None)
    return report


def shorten(raised: pytest.ExceptionInfo[BaseException]) -> None:
    """Remove the frames of srtpbot from the traceback of a BotError."""
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
    """Whether a module belongs to srtpbot, or is contextlib."""
    return module == "contextlib" or module.partition(".")[0] in {"bot", "media"}
