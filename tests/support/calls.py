"""Helpers that check calls: the next call is answered, and each side receives the other's audio."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bot import Call, CallState, Endpoint, expect
from bot.deadline import Deadline
from bot.ipc.events import SipSent
from bot.sip.message import Message
from bot.ua.call_record import StateSeen
from media.audio.wav import write
from media.signals.tones import tone
from tests.support.sounds import dominant_hz

__all__ = [
    "BUSY_HERE",
    "RECOVERY_S",
    "SERVICE_UNAVAILABLE",
    "assert_both_hear",
    "assert_next_call_works",
    "finals",
    "next_call",
]

BUSY_HERE, SERVICE_UNAVAILABLE = 486, 503
CONNECTION_RESET = os.strerror(errno.ECONNRESET)
RECOVERY_S = 6.0
RETRY_S = 0.2
TONES_HZ = 700, 1100
TONE_S = 0.6


def next_call(caller: Endpoint, uri: str, within_s: float = RECOVERY_S) -> Call:
    """A call that is answered within a few seconds; until then it is tried again when it is turned away."""
    deadline = Deadline(within_s)
    while True:
        call = caller.make_call(uri)
        reached = call.wait(CallState.CONFIRMED, CallState.DISCONNECTED, timeout=deadline.left)
        if reached is CallState.CONFIRMED:
            return call
        assert call.facts.ended is not None
        assert turned_away(call.facts.ended), call.facts.ended
        assert not deadline.passed, f"still refused after {within_s} s: {call.facts.ended}"
        caller.wait_until(lambda: False, Deadline(RETRY_S))


def turned_away(ended: StateSeen) -> bool:
    """Whether the other side has no room: it says so, or resets a connection that it has no handle for."""
    return ended.code in {BUSY_HERE, SERVICE_UNAVAILABLE} or CONNECTION_RESET in ended.reason


def assert_next_call_works(caller: Endpoint, uri: str, within_s: float = RECOVERY_S) -> None:
    """The next call is answered, and audio flows both ways."""
    call = next_call(caller, uri, within_s)
    expect(call).to_have_active_media()
    expect(call).to_have_received_packets(at_least=10)
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")


def assert_both_hear(one: Call, other: Call, folder: Path) -> None:
    """Each plays a tone of its own at the same time, and hears the other's."""
    sources = [folder / f"{hz}.wav" for hz in TONES_HZ]
    for source, hz in zip(sources, TONES_HZ, strict=True):
        write(source, tone([hz], TONE_S, 8000))
    recordings = one.record(folder / "one.wav"), other.record(folder / "other.wav")
    playing = one.play(sources[0]), other.play(sources[1])
    for playback in playing:
        playback.wait()
    by_one, by_other = (recording.stop(linger=0) for recording in recordings)
    assert dominant_hz(by_other.path) == pytest.approx(TONES_HZ[0], abs=5)
    assert dominant_hz(by_one.path) == pytest.approx(TONES_HZ[1], abs=5)


def finals(endpoint: Endpoint) -> list[int]:
    """The status codes of the final responses that the endpoint has sent."""
    sent = [
        Message.parse(one.event.text) for one in endpoint.journal.recent() if isinstance(one.event, SipSent)
    ]
    return [message.status for message in sent if message.status >= 200]
