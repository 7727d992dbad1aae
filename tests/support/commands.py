"""Fixtures that start the srtpbot command in a folder of the test and end it with the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.process import Bot, import_path
from tests.support.starting import LOOPBACK

__all__ = ["PROJECT", "NewBot", "answer", "call", "srtpbot"]

NewBot = Callable[..., Bot]
PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def srtpbot(tmp_path: Path) -> Iterator[NewBot]:
    """Start the command with these arguments in the test's folder; it ends with the test."""
    with ExitStack() as running:

        def start(*arguments: object, **environment: str) -> Bot:
            all_of_it = {**os.environ, "PYTHONPATH": import_path(), **environment}
            return running.enter_context(Bot(*arguments, folder=tmp_path, environment=all_of_it))

        yield start


@pytest.fixture
def call(srtpbot: NewBot) -> NewBot:
    """``srtpbot call`` from 127.0.0.1."""

    def start(uri: str, *arguments: object, **environment: str) -> Bot:
        return srtpbot("call", uri, "--bind", LOOPBACK, *arguments, **environment)

    return start


@pytest.fixture
def answer(srtpbot: NewBot) -> NewBot:
    """``srtpbot answer`` at a free port of 127.0.0.1."""

    def start(*arguments: object, **environment: str) -> Bot:
        return srtpbot("answer", "--bind", LOOPBACK, "--port", 0, *arguments, **environment)

    return start
