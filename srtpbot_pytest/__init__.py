"""pytest plugin: fixtures ``new_endpoint``, ``parrot`` and ``call_artifacts``, and reports of failed tests.

pytest loads the plugin in every run, also in projects with a package ``bot`` or ``media`` of their own;
therefore it has a name of its own, and imports srtpbot only in its fixtures.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from srtpbot_pytest.artifacts import (
    ARTIFACTS,
    STARTED,
    TESTS,
    artifacts_folder,
    artifacts_of,
    watched_endpoints,
)
from srtpbot_pytest.ours import need_srtpbot
from srtpbot_pytest.soft_failures import soft_expectations
from srtpbot_pytest.traceback import shorten

if TYPE_CHECKING:
    from bot.ua import Endpoint
    from srtpbot_pytest.endpoints import NewEndpoint

__all__ = ["call_artifacts", "new_endpoint", "parrot"]

KEEP = ("failed", "all", "none")
FOLDER = "test-artifacts"
WAS_THERE = pytest.StashKey[bool]()


# ---- fixtures


@pytest.fixture
def call_artifacts(request: pytest.FixtureRequest) -> Path:
    """Folder of the test for recordings and other files.

    After a failed test (``--srtpbot-keep``) the folder stays in ``--srtpbot-artifacts``, with the journal and
    the reports of the test's endpoints. pytest shows its path with the failure.
    """
    return artifacts_of(request.node).folder


@pytest.fixture
def new_endpoint(request: pytest.FixtureRequest, call_artifacts: Path) -> Iterator[NewEndpoint]:
    """Start endpoints on 127.0.0.1: ``new_endpoint(srtp="mandatory", codecs=["PCMA"], name="caller")``.

    The arguments are the settings and arguments of ``Endpoint``. The endpoints of a test share a
    journal; they close after the test in reverse order. A crash or an exception in a callback fails the
    test; set ``endpoint.failure = None`` in a test that expects it.
    """
    need_srtpbot("new_endpoint")
    from srtpbot_pytest.endpoints import NewEndpoint

    artifacts = artifacts_of(request.node)
    artifacts.endpoints = artifacts.endpoints or NewEndpoint(call_artifacts)
    with artifacts.endpoints as start:
        yield start


@pytest.fixture
def parrot(new_endpoint: NewEndpoint) -> Endpoint:
    """Endpoint that answers every call and echoes the audio; call ``parrot.uri``."""
    from bot.bots.parrot import Parrot

    return new_endpoint(name="parrot", controller=Parrot())


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
    group.addoption(
        "--srtpbot-report",
        metavar="DIR",
        help="one report of all tests with endpoints, DIR/report.html; DIR/tests has the artifacts of each",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Store the start time of the session; older folders are replaced."""
    config.stash[STARTED] = time.time()
    if (folder := config.getoption("srtpbot_report")) is not None:
        config.option.srtpbot_artifacts = str(Path(folder, TESTS))
        config.option.srtpbot_keep = "all"
    config.stash[WAS_THERE] = artifacts_folder(config).exists()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Delete an empty artifacts folder that this session created."""
    config = session.config
    if not hasattr(config, "workerinput") and not config.stash[WAS_THERE]:
        try:
            artifacts_folder(config).rmdir()
        except OSError:
            return


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Make the report of the session, and print where it is."""
    folder = config.getoption("srtpbot_report")
    if folder is not None and not hasattr(config, "workerinput"):
        from srtpbot_pytest.session_report import write_report

        terminalreporter.section("srtpbot report", sep="-")
        terminalreporter.write_line(
            write_report(Path(config.invocation_params.dir, folder), config.stash[STARTED])
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Collect soft failures and endpoints in the set-up of fixtures."""
    with soft_expectations(item, report=False), watched_endpoints(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a passed test after a crash of an endpoint or a soft failure."""
    with soft_expectations(item, report=True), watched_endpoints(item):
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
