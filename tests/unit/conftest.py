"""Skips the tests that need the capabilities of the library if there is none."""

from __future__ import annotations

from collections.abc import Generator
from importlib.util import find_spec

import pytest

from bot.errors import NativeError

HAS_LIBRARY = find_spec("pjsua2") is not None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Skip a test that met the lack of the library."""
    try:
        return (yield)
    except NativeError as error:
        if HAS_LIBRARY or "no module pjsua2" not in str(error):
            raise
        pytest.skip("no module pjsua2")
