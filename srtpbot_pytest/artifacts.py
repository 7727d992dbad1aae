"""The folder of a test: claimed by its first fixture, kept or deleted after its last phase."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from srtpbot_pytest.ours import loaded

if TYPE_CHECKING:
    from bot.ua import Endpoint
    from srtpbot_pytest.endpoints import NewEndpoint

__all__ = [
    "ARTIFACTS",
    "CLOCK_S",
    "STARTED",
    "TESTS",
    "Artifacts",
    "artifacts_folder",
    "artifacts_of",
    "claim",
    "file_safe",
    "watched_endpoints",
]

LONGEST = 120
"""Largest number of characters of a folder name; file systems allow 255 bytes."""
CLOCK_S = 0.05
"""Largest difference of file time and clock, in seconds."""
SECTION = "srtpbot artifacts"
TESTS = "tests"
"""Folder of the artifacts in that of ``--srtpbot-report``."""
STARTED = pytest.StashKey[float]()
ARTIFACTS = pytest.StashKey["Artifacts"]()


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


def artifacts_of(item: pytest.Item) -> Artifacts:
    """The artifacts of a test, from their first use on."""
    if ARTIFACTS not in item.stash:
        item.stash[ARTIFACTS] = Artifacts(item)
    return item.stash[ARTIFACTS]


@contextmanager
def watched_endpoints(item: pytest.Item) -> Iterator[None]:
    """Report the endpoints too that a phase of a test starts by itself (``Endpoint(...)``)."""
    room = loaded("bot.ua.watchers")
    if room is None or item.config.getoption("srtpbot_keep") == "none":
        yield
        return

    def watch(endpoint: Endpoint) -> None:
        from srtpbot_pytest.endpoints import NewEndpoint

        artifacts = artifacts_of(item)
        artifacts.endpoints = artifacts.endpoints or NewEndpoint(artifacts.folder)
        artifacts.endpoints.adopt(endpoint)

    with room.watching(watch):
        yield


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
