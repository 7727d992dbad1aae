"""What each of hundreds of agents must not load."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["_hashlib", "_ssl", "numpy", "soundfile", "asyncio", "logging"])
def test_an_agent_does_not_load(module: str) -> None:
    """OpenSSL beside that of the library takes 3 MB, numpy 20 MB."""
    program = f"import sys, bot.agent.__main__; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
