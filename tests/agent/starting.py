"""Starts endpoints on 127.0.0.1 for tests, and ends every one of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import Call, Endpoint
from bot.deadline import Deadline
from media.tones import speech_like
from media.wav import write

__all__ = [
    "LOOPBACK",
    "STARVED_MS",
    "NewEndpoint",
    "audio_cache",
    "connect",
    "new_endpoint",
    "other_speech",
    "speech",
    "until",
]

NewEndpoint = Callable[..., Endpoint]
LOOPBACK = "127.0.0.1"
STARVED_MS = 300.0
"""Audio that may lack where more tests run than there are processors, and the audio clock comes late."""
SPEECH_S, RATE = 2.0, 16000


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
    """Start endpoints that speak PCMA unless told otherwise; they are closed in reverse order."""
    started: list[Endpoint] = []

    def start(**settings: Any) -> Endpoint:
        settings = {"name": f"bot{len(started) + 1}", "bind": LOOPBACK, "codecs": ["PCMA"], **settings}
        endpoint = Endpoint(**settings).start()
        started.append(endpoint)
        return endpoint

    try:
        yield start
    finally:
        for endpoint in reversed(started):
            endpoint.close()


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of something like speech, 16 kHz."""
    return spoken(tmp_path_factory, seed=1)


@pytest.fixture(scope="session")
def other_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of other speech, by another voice."""
    return spoken(tmp_path_factory, seed=2)


def spoken(factory: pytest.TempPathFactory, seed: int) -> Path:
    path = factory.mktemp("speech") / f"speech-{seed}.wav"
    write(path, speech_like(SPEECH_S, RATE, seed=seed))
    return path


def connect(caller: Endpoint, callee: Endpoint, **arguments: Any) -> tuple[Call, Call]:
    """Place a call and answer it; both calls, with their media active."""
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri, **arguments)
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        until(call, lambda call=call: any(line.active for line in call.media))  # type: ignore[misc]
    return outgoing, answered


def until(subject: Call | Endpoint, holds: Callable[[], bool], timeout: float = 5.0) -> None:
    """Wait on the journal until something holds."""
    host = subject.host if isinstance(subject, Call) else subject
    assert host.wait_until(holds, Deadline(timeout)), f"{subject}: not so within {timeout:g} s"
