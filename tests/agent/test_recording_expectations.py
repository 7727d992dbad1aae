"""What real calls carried, judged by the sound of the recordings alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import DtmfMethod, ExpectationFailed, expect
from media.signals import make
from media.wav import write
from tests.agent.starting import NewEndpoint, connect

# The marker comes twice, since a busy machine's jitter buffer may jump in the midst of one.
SOUNDS = "silence:0.2,babble:0.8,marker:1234,babble:0.8,marker:1234,babble:0.4,busy:us:6,silence:0.3"


def test_sounds_of_a_call(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    write(source, make(SOUNDS, 8000))
    sender, receiver = connect(new_endpoint(), new_endpoint())
    with receiver.record(tmp_path / "heard.wav") as heard, sender.record(tmp_path / "back.wav") as back:
        sender.play(source).wait()
        sender.send_dtmf("42,", method=DtmfMethod.INBAND).wait()
    expect(heard).to_contain_marker(1234)
    expect(heard).to_contain_signal("busy")
    expect(heard).to_contain_dtmf("42")
    expect(heard).to_have_level(at_least=-22, at_most=-8)
    expect(heard).not_to_be_silent()
    with pytest.raises(ExpectationFailed, match="observed: 1234 at "):
        expect(heard).to_contain_marker(4321)
    expect(back).to_be_silent()
    with pytest.raises(ExpectationFailed, match="no markers"):
        expect(back).to_contain_marker(1234)
