"""Pipes to child processes, whose ends are files of a known type."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import BinaryIO

__all__ = ["pipe"]


def pipe(opened: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """The reading and the writing end of a pipe; ``opened`` closes the reading end."""
    reading, writing = os.pipe()
    return opened.enter_context(open(reading, "rb")), open(writing, "wb")
