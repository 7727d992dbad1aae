"""Fixtures of the tests with real peers; a missing peer skips its tests and says how to get it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot import Endpoint
from tests.support.baresip import Baresip, modules_folder
from tests.support.kamailio import tls_module
from tests.support.programs import INSTALL, LOOPBACK, installed
from tests.support.router import Router, cannot_make_routers
from tests.support.starting import NewEndpoint, starting

CODECS = ["PCMU", "PCMA"]
PARTS: dict[str, Callable[[], object]] = {"baresip": modules_folder, "kamailio-tls": tls_module}
"""What must be found besides the program itself."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("peer"):
        program = str(marker.args[0])
        part = PARTS.get(program)
        if installed(program.partition("-")[0]) is None or (part is not None and part() is None):
            pytest.skip(f"{program} is not installed: {INSTALL[program]}")


@pytest.fixture
def new_endpoint() -> Iterator[NewEndpoint]:
    """Start endpoints on 127.0.0.1 that speak G.711; they are closed in reverse order."""
    yield from starting(lambda number: {"codecs": CODECS})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """An endpoint for SIPp: G.711 without SRTP."""
    with Endpoint(bind=LOOPBACK, codecs=CODECS, srtp="off") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    """A router between a private network and a public one."""
    if reason := cannot_make_routers():
        pytest.skip(reason)
    with Router() as made:
        yield made


@pytest.fixture
def baresip(tmp_path: Path) -> Iterator[Baresip]:
    """A baresip with the identities plain, srtp and mand."""
    with Baresip(tmp_path / "baresip") as peer:
        yield peer
