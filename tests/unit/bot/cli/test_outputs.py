"""bot.cli.outputs: colours in a pipe when they are forced, and no other sequence of a terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PRINTS = r"from bot.cli import outputs; outputs.watch(); print('\x1b[32mpass\x1b[0m \x1b]0;title\x07')"


@pytest.mark.parametrize(
    ("forced", "printed"),
    [("1", "\x1b[32mpass\x1b[0m \\x1b]0;title\\x07\n"), ("", "\\x1b[32mpass\\x1b[0m \\x1b]0;title\\x07\n")],
    ids=["forced", "a pipe"],
)
def test_colours_in_a_pipe(forced: str, printed: str) -> None:
    environment = {**os.environ, "FORCE_COLOR": forced}
    done = subprocess.run(
        [sys.executable, "-c", PRINTS], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == printed
