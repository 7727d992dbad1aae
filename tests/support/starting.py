"""Starts endpoints on 127.0.0.1 for tests, and ends every one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot import Call, CallState, Endpoint
from bot.deadline import Deadline
from media.audio.wav import Audio, write
from media.signals.tones import silence, speech_like

__all__ = [
    "LOOPBACK",
    "STARVED_MS",
    "NewEndpoint",
    "audio_cache",
    "close",
    "connect",
    "new_endpoint",
    "other_speech",
    "speech",
    "starting",
    "until",
]

NewEndpoint = Callable[..., Endpoint]
LOOPBACK = "127.0.0.1"
NATIVE_CRASH = re.compile("killed by SIG(SEGV|ABRT|BUS|FPE|ILL)")
STARVED_MS = 300.0
"""Audio that may lack where more tests run than there are processors, and the audio clock comes late."""
RATE = 16000
BEFORE_S, SPEECH_S, AFTER_S = 0.3, 1.6, 0.5
"""Silence around the speech, so that a clock that comes late costs none of it."""


@pytest.fixture(autouse=True, scope="session")
def audio_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted audio goes to a folder of the session's, not to the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", os.fspath(folder))
        patch.delenv("SRTPBOT_PASSWORD", raising=False)
        yield folder


@pytest.fixture
def new_endpoint() -> Iterator[NewEndpoint]:
    """Start endpoints with the codec PCMA by default; they are closed in reverse order."""
    yield from starting(lambda number: {"name": f"bot{number}", "codecs": ["PCMA"]})


def starting(defaults: Callable[[int], dict[str, Any]]) -> Iterator[NewEndpoint]:
    """Start endpoints on 127.0.0.1 with ``defaults`` by number; they are closed in reverse order."""
    started: list[Endpoint] = []

    def start(**settings: Any) -> Endpoint:
        settings = {"bind": LOOPBACK, **defaults(len(started) + 1), **settings}
        endpoint = Endpoint(**settings).start()
        started.append(endpoint)
        return endpoint

    try:
        yield start
    finally:
        close(started)


def close(started: list[Endpoint]) -> None:
    """Close them in reverse order; raises when one crashed as it ended, which its test would not see."""
    whole = [endpoint for endpoint in started if endpoint.failure is None]
    for endpoint in reversed(started):
        endpoint.close()
    for endpoint in whole:
        if endpoint.failure is not None and NATIVE_CRASH.search(str(endpoint.failure)):
            raise endpoint.failure


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something like speech, 2.4 s at 16 kHz."""
    return spoken(tmp_path_factory, seed=1)


@pytest.fixture(scope="session")
def other_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other speech, by another voice."""
    return spoken(tmp_path_factory, seed=2)


def spoken(factory: pytest.TempPathFactory, seed: int) -> Path:
    path = factory.mktemp("speech") / f"speech-{seed}.wav"
    parts = silence(BEFORE_S, RATE), speech_like(SPEECH_S, RATE, seed=seed), silence(AFTER_S, RATE)
    write(path, Audio(np.concatenate([part.samples for part in parts]), RATE))
    return path


def connect(caller: Endpoint, callee: Endpoint, **arguments: Any) -> tuple[Call, Call]:
    """Place a call and answer it; both calls, confirmed and with their media active."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, **arguments)
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        until(call, partial(is_up, call))
    return outgoing, answered


def is_up(call: Call) -> bool:
    return call.state is CallState.CONFIRMED and any(line.active for line in call.media)


def until(subject: Call | Endpoint, holds: Callable[[], bool], timeout: float = 5.0) -> None:
    """Wait on the journal until something holds."""
    host = subject.endpoint if isinstance(subject, Call) else subject
    assert host.wait_until(holds, Deadline(timeout)), f"{subject}: not so within {timeout:g} s"
