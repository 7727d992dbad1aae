"""The tap of a running call: in-band digits are detected, and starts are reported once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from bot import Call, ConfigError, DtmfMethod, Endpoint, expect
from bot.ipc.events import AudioHeard, MediaStateChanged, PlaybackStarted, RecordingStarted
from media.audio import wav
from media.signals.dtmf import synthesise
from media.signals.tones import silence
from tests.support.starting import NewEndpoint, connect, until

INBAND = DtmfMethod.INBAND
E = TypeVar("E")


def events(endpoint: Endpoint, kind: type[E]) -> list[E]:
    return [entry.event for entry in endpoint.journal.recent() if isinstance(entry.event, kind)]


def digits(call: Call, method: DtmfMethod = INBAND) -> str:
    return "".join(one.digit for one in call.facts.received if one.method is method)


# ---- digits


@pytest.mark.parametrize("codec", ["PCMA", "G722"])
def test_inband_digits_are_received_in_every_call(codec: str, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(codecs=[codec], detect_inband_dtmf=True)
    caller = new_endpoint(codecs=[codec], detect_inband_dtmf=True)
    outgoing, answered = connect(caller, callee)
    for sender, receiver in ((outgoing, answered), (answered, outgoing)):
        sender.send_dtmf("159#", method=INBAND)
        expect(receiver).to_have_received_dtmf("159#", method="inband")
        durations = [one.duration_ms or 0 for one in receiver.facts.received]
        assert all(40 <= one <= 125 for one in durations)  # a busy machine loses a packet of a digit
    assert digits(outgoing) == digits(answered) == "159#"
    for endpoint in (caller, callee):
        assert events(endpoint, AudioHeard) == []


def test_a_digit_is_dated_when_it_is_heard_and_not_when_it_is_told(new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint(detect_inband_dtmf=True))
    sender.send_dtmf("1,2", method=INBAND, on_ms=600, off_ms=100)
    expect(receiver).to_have_received_dtmf("12", method="inband")
    for sent, received in zip(sender.facts.sent, receiver.facts.received, strict=True):
        assert -0.02 < received.at - sent.at < 0.5  # the digit ends after 0.6 s


@pytest.mark.parametrize("codec", ["PCMA", "G722"])
def test_listening_begins_and_ends_in_the_midst_of_a_call(codec: str, new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(codecs=[codec]), new_endpoint(codecs=[codec]))
    with pytest.raises(ConfigError, match=r"call\.listen\(\)"):
        expect(receiver).to_have_received_dtmf("1", method="inband")
    sender.send_dtmf("1,", method=INBAND).wait()
    receiver.listen()
    sender.send_dtmf("2,", method=INBAND).wait()
    expect(receiver).to_have_received_dtmf("2", method="inband")
    receiver.listen(False)
    sender.send_dtmf("3,", method=INBAND).wait()
    receiver.listen()
    sender.send_dtmf("4,", method=INBAND).wait()
    expect(receiver).to_have_received_dtmf("24", method="inband")
    assert sender.facts.received == []


def test_listening_may_be_asked_for_before_there_is_media(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = new_endpoint().make_call(callee.uri)
    incoming.value.listen()
    incoming.value.listen()
    incoming.value.listen(False)
    outgoing.listen()
    answered = incoming.value.answer()
    expect(outgoing).to_have_active_media()
    answered.send_dtmf("73", method=INBAND).wait()
    expect(outgoing).to_have_received_dtmf("73", method="inband")


def test_signalled_digits_are_not_heard_as_well(new_endpoint: NewEndpoint) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint(detect_inband_dtmf=True))
    for method in (DtmfMethod.RFC4733, DtmfMethod.INFO):
        sender.send_dtmf("42", method=method).wait()
    sender.send_dtmf("7,", method=INBAND).wait()
    expect(receiver).to_have_received_dtmf("7", method="inband")
    assert digits(receiver, DtmfMethod.RFC4733) == digits(receiver, DtmfMethod.INFO) == "42"
    assert len(receiver.facts.received) == 5


@pytest.mark.parametrize("holder", [0, 1], ids=["the sender holds", "the receiver holds"])
def test_hold_and_unhold_keep_listening(holder: int, new_endpoint: NewEndpoint) -> None:
    pair = connect(new_endpoint(), new_endpoint(detect_inband_dtmf=True))
    sender, receiver = pair
    sender.send_dtmf("1", method=INBAND)
    expect(receiver).to_have_received_dtmf("1", method="inband")
    pair[holder].hold()
    expect(pair[1 - holder]).to_have_active_media(direction="recvonly")
    expect(pair[holder]).to_have_active_media(direction="sendonly")
    pair[holder].unhold()
    for call in pair:
        expect(call).to_have_active_media()
    sender.send_dtmf(",2", method=INBAND)
    expect(receiver).to_have_received_dtmf("12", method="inband")


@pytest.mark.parametrize("ender", [0, 1], ids=["by the sender", "by the receiver"])
def test_a_digit_that_the_end_of_the_call_cuts_off(ender: int, new_endpoint: NewEndpoint) -> None:
    pair = connect(new_endpoint(), new_endpoint(detect_inband_dtmf=True))
    sender, receiver = pair
    sender.send_dtmf("6", method=INBAND, on_ms=5000)
    begun = receiver.facts.stats(0)
    expect(receiver).to_have_received_packets(at_least=(begun.rx.packets if begun else 0) + 25)
    assert receiver.facts.received == []
    pair[ender].hangup()
    expect(receiver).to_be_disconnected(code=200)
    expect(receiver).to_have_received_dtmf("6", method="inband", timeout=0)
    (digit,) = receiver.facts.received
    assert (digit.duration_ms or 0) > 100


def test_twenty_tapped_calls_in_a_row(new_endpoint: NewEndpoint) -> None:
    caller, callee = new_endpoint(detect_inband_dtmf=True), new_endpoint(detect_inband_dtmf=True)
    for number in range(20):
        outgoing, answered = connect(caller, callee)
        outgoing.send_dtmf(str(number % 10), method=INBAND)
        expect(answered).to_have_received_dtmf(str(number % 10), method="inband")
        outgoing.listen(bool(number % 2))
        (outgoing if number % 3 else answered).hangup()
        for call in (outgoing, answered):
            expect(call).to_be_disconnected(code=200)
    assert caller.failure is None
    assert callee.failure is None


def test_taps_come_and_go_while_the_clock_ticks(new_endpoint: NewEndpoint) -> None:
    """A native port that ends on one thread while the other calls it would crash the agent."""
    callee = new_endpoint()
    _, one = connect(new_endpoint(), callee)
    _, other = connect(new_endpoint(), callee)
    for packets in range(1, 41):
        for call in (one, other):
            call.listen()
        expect(one).to_have_received_packets(at_least=packets)
        for call in (one, other):
            call.listen(False)
    assert callee.failure is None


def test_an_endpoint_is_closed_with_a_tap_that_listens(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(detect_inband_dtmf=True)
    outgoing, answered = connect(new_endpoint(), callee)
    outgoing.send_dtmf("9", method=INBAND)
    expect(answered).to_have_received_dtmf("9", method="inband")
    callee.close()
    assert callee.failure is None
    expect(outgoing).to_be_disconnected(code=200, by="remote")


# ---- starts


def started_once(endpoint: Endpoint, kinds: tuple[type[E], ...]) -> Callable[[], bool]:
    return lambda: all(len(events(endpoint, kind)) == 1 for kind in kinds)


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "digit.wav"
    parts = silence(0.2, 8000), synthesise("5", 8000), silence(0.2, 8000)
    wav.write(path, wav.Audio(np.concatenate([part.samples for part in parts]), 8000))
    return path


def test_starts_come_once_and_when_the_media_is_active(
    new_endpoint: NewEndpoint, tone: Path, tmp_path: Path
) -> None:
    callee, caller = new_endpoint(), new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    recording = outgoing.record(tmp_path / "heard.wav")
    playback = outgoing.play(tone, loop=True)
    kinds: tuple[type[PlaybackStarted | RecordingStarted], ...] = PlaybackStarted, RecordingStarted
    assert events(caller, PlaybackStarted) == []
    assert events(caller, RecordingStarted) == []
    answered = incoming.value.answer()
    until(outgoing, started_once(caller, kinds))
    active = events(caller, MediaStateChanged)[0].at
    for kind in kinds:
        (one,) = events(caller, kind)
        assert (one.call, -0.03 < one.at - active < 0.2) == (outgoing.number, True)

    answered.hold()
    expect(outgoing).to_have_active_media(direction="recvonly")
    expect(answered).to_have_active_media(direction="sendonly")
    answered.unhold()
    expect(outgoing).to_have_active_media(direction="sendrecv")
    playback.stop()
    recording.stop()
    assert started_once(caller, kinds)()
    assert events(callee, PlaybackStarted) == []


def test_each_start_has_its_number(new_endpoint: NewEndpoint, tone: Path, tmp_path: Path) -> None:
    caller = new_endpoint()
    outgoing, _ = connect(caller, new_endpoint())
    with outgoing.record(tmp_path / "one.wav"), outgoing.record(tmp_path / "other.wav"):
        for _ in range(2):
            outgoing.play(tone).wait()
    assert len({event.playback for event in events(caller, PlaybackStarted)}) == 2
    assert len({event.recording for event in events(caller, RecordingStarted)}) == 2
    assert len(events(caller, PlaybackStarted)) == len(events(caller, RecordingStarted)) == 2
