"""Capabilities of the build that a test needs; on another build the test is skipped with the reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import pytest

from bot.config import Capabilities
from bot.model import CryptoSuite
from bot.ua import build

__all__ = ["calls", "dtls", "gcm", "ipv6", "opus", "require", "suite"]

calls = pytest.mark.skipif(find_spec("pjsua2") is None, reason="no module pjsua2")
"""Mark of a test whose calls run in another process, where nothing else says that there is no library."""


def require(what: str, holds: Callable[[Capabilities], bool]) -> None:
    """Skip the test at hand where the build has no ``what``."""
    if not holds(build()):
        pytest.skip(f"PJSIP {build().version} as it is built here has no {what}")


def suite(one: CryptoSuite) -> None:
    """Skip the test at hand where the build has no such suite."""
    require(one, lambda build: one in build.suites)


ipv6 = partial(require, "IPv6", lambda build: build.ipv6)
gcm = partial(require, "GCM suites", lambda build: any("GCM" in suite for suite in build.suites))
dtls = partial(require, "DTLS-SRTP", lambda build: "DTLS" in build.keyings)
opus = partial(require, "Opus", lambda build: any(codec.name == "opus" for codec in build.codecs))
