"""Fixtures of the tests with the real native library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.sip_peer import sip_peer
from tests.support.starting import audio_cache, new_endpoint, other_speech, speech

__all__ = ["audio_cache", "new_endpoint", "other_speech", "sip_peer", "speech"]


@pytest.fixture
def callers() -> Iterator[ExitStack]:
    """Closes the peers that a test enters."""
    with ExitStack() as stack:
        yield stack
