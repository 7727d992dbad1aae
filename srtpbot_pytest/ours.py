"""Whether the package ``bot`` is srtpbot's: other projects have packages of this name."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

__all__ = ["loaded", "need_srtpbot"]

SITE = Path(__file__).resolve().parent.parent


def is_ours(file: str | None) -> bool:
    """Whether a module's file lies in the package beside this one."""
    return file is not None and Path(file).resolve().is_relative_to(SITE / "bot")


def loaded(name: str) -> ModuleType | None:
    """The module of srtpbot that was imported; None otherwise. Never imports it."""
    module = sys.modules.get(name)
    return module if module is not None and is_ours(module.__file__) else None


def need_srtpbot(fixture: str) -> None:
    """Fail the test that wants a fixture where another package ``bot`` or ``media`` hides srtpbot's."""
    for name in ("bot", "media"):
        spec = find_spec(name)
        file = spec.origin if spec is not None else None
        if file is None or Path(file).resolve().parent != SITE / name:
            pytest.fail(
                f"the fixture {fixture} needs the package {name!r} of srtpbot in {SITE}; here it is {file}: "
                f"keep these tests in a folder where {name!r} is not a package of your own",
                pytrace=False,
            )
