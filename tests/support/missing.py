"""What a test with a real peer needs and this machine has not."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.baresip import modules_folder
from tests.support.kamailio import tls_module
from tests.support.programs import INSTALL, installed

__all__ = ["missing"]

PARTS: dict[str, Callable[[], object]] = {"baresip": modules_folder, "kamailio-tls": tls_module}
"""What must be found besides the program itself."""


def missing(peer: str) -> str:
    """Why tests with this peer cannot run, and how to get it; empty when it is here."""
    part = PARTS.get(peer)
    if installed(peer.partition("-")[0]) is not None and (part is None or part() is not None):
        return ""
    return f"{peer} is not installed: {INSTALL[peer]}"
