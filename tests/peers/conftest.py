"""Fixtures of the tests with real peers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import Endpoint
from tests.support.baresip import Baresip
from tests.support.programs import LOOPBACK
from tests.support.router import Router, cannot_make_routers
from tests.support.starting import NewEndpoint, starting

CODECS = ["PCMU", "PCMA"]


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
