"""The delay of a round trip, measured twice: in the recording, and by when the tap heard digits.

Both sides of the comparison pass through the same packets and jitter buffers, so what they differ
by is the error of the times in the journal: when a file and a recording started, and when a digit
was heard. Codecs that delay audio do it to both.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from bot import Call, expect
from bot.deadline import Deadline
from bot.ipc.events import PlaybackStarted, RecordingStarted
from bot.ua.endpoint import Endpoint
from media.audio.wav import read, write
from media.detect.dtmf import detect
from media.signals.marker import find_markers
from media.signals.signals import arrange
from tests.support.starting import NewEndpoint, connect

SIGNAL = "silence:0.3,babble:0.4,marker:17,silence:0.13,dtmf:59:100ms:150ms,babble:0.4,marker:18,silence:0.4"
CALLS = 3
WITHIN_MS = 5.0
PLAUSIBLE_MS = (15.0, 300.0)
"""A packet at least; jitter buffers of a busy machine at most."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("round-trip") / "source.wav"
    write(path, arrange(SIGNAL, 8000)[0])
    return path


def started(endpoint: Endpoint, call: Call) -> tuple[float, float]:
    """When the call's file and its recording started, by the journal."""
    of_call = [entry.event for entry in endpoint.journal.recent()]
    (played,) = [one.at for one in of_call if isinstance(one, PlaybackStarted) and one.call == call.number]
    (recorded,) = [one.at for one in of_call if isinstance(one, RecordingStarted) and one.call == call.number]
    return played, recorded


@pytest.mark.parametrize("codec", ["PCMA", "G722"])
def test_recording_and_journal_agree_on_the_delay(
    codec: str, new_endpoint: NewEndpoint, source: Path, tmp_path: Path
) -> None:
    parrot = new_endpoint(codecs=[codec])
    caller = new_endpoint(codecs=[codec])
    markers = {one.identity: one.start_s for one in find_markers(read(source))}
    digits = {one.digit: one.start_s for one in detect(read(source))}
    assert (set(markers), set(digits)) == ({17, 18}, {"5", "9"})
    differences: list[float] = []
    for number in range(CALLS):
        outgoing, answered = connect(caller, parrot)
        answered.loopback()
        outgoing.listen()
        with outgoing.record(tmp_path / f"{number}.wav") as recording:
            phase = Deadline(0.1 + 0.0137 * number)  # another one of the clock's in each call
            assert not outgoing.endpoint.wait_until(lambda: False, phase)
            outgoing.play(source).wait()
        expect(outgoing).to_have_received_dtmf("59", method="inband")
        expect(recording).to_contain_marker(17)
        expect(recording).to_contain_dtmf("59")
        played, recorded = started(caller, outgoing)
        received = read(recording.path)
        for marker in find_markers(received):
            delay_ms = 1000 * (recorded + marker.start_s - played - markers[marker.identity])
            assert PLAUSIBLE_MS[0] < delay_ms < PLAUSIBLE_MS[1]
        recorded_digits = {one.digit: one.start_s for one in detect(received)}
        for live in outgoing.facts.received:
            by_recording = recorded + recorded_digits[live.digit] - played - digits[live.digit]
            by_journal = live.at - played - digits[live.digit]
            differences.append(1000 * (by_journal - by_recording))
        outgoing.hangup()
        for call in (outgoing, answered):
            expect(call).to_be_disconnected()
    assert abs(statistics.median(differences)) < WITHIN_MS, differences
