"""Opus where the build has it (RFC 7587): one channel, the bridge at 48 kHz, audio whole at each bit rate."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import expect
from tests.support import needs
from tests.support.starting import STARVED_MS, NewEndpoint, connect


@pytest.fixture(autouse=True)
def _with_opus() -> None:
    needs.opus()


@pytest.mark.parametrize("rate", [None, 8000, 16000])
def test_call(new_endpoint: NewEndpoint, rate: int | None, speech: Path, tmp_path: Path) -> None:
    settings = {"codecs": ["opus"], "clock_rate": rate, "srtp": "mandatory"}
    caller, callee = new_endpoint(**settings), new_endpoint(**settings)
    assert caller.started.conference_rate == (rate or 48000)
    outgoing, answered = connect(caller, callee)
    for call in (outgoing, answered):
        expect(call).to_use_codec("opus")
        expect(call).to_be_encrypted()
        assert call.media[0].channels == 1
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    outgoing.send_dtmf("5")
    expect(answered).to_have_received_dtmf("5")
    invite = outgoing.facts.messages[0].text
    assert "opus/48000/2" in invite  # RFC 7587 7: whatever the audio has


def test_marker(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    outgoing, answered = connect(new_endpoint(codecs=["opus"]), new_endpoint(codecs=["opus", "PCMA"]))
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play("marker:17").wait()
    expect(recording).to_contain_marker(17)
