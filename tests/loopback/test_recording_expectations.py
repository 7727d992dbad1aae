"""Expectations of recordings of real calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import ConfigError, DtmfMethod, ExpectationFailed, expect
from bot.expectations.values import Answerer
from tests.support.starting import NewEndpoint, connect

# The marker comes twice, since a busy machine's jitter buffer may jump in the midst of one.
SOUNDS = "silence:0.2,babble:0.8,marker:1234,babble:0.8,marker:1234,babble:0.4,busy:us:6,silence:0.3"


def test_sounds_of_a_call(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    with receiver.record(tmp_path / "heard.wav") as received, sender.record(tmp_path / "back.wav") as back:
        sender.play(SOUNDS).wait()
        sender.send_dtmf("42,", method=DtmfMethod.INBAND).wait()
    expect(received).to_contain_marker(1234)
    expect(received).to_contain_signal("busy")
    expect(received).to_contain_dtmf("42")
    expect(received).to_have_level(at_least=-22, at_most=-8)
    expect(received).not_to_be_silent()
    with pytest.raises(ExpectationFailed, match="observed: 1234 at "):
        expect(received).to_contain_marker(4321)
    expect(back).to_be_silent()
    with pytest.raises(ExpectationFailed, match="no markers"):
        expect(back).to_contain_marker(1234)


@pytest.mark.parametrize(("greeting", "who"), [("speech:1", "human"), ("speech:4,tone:1000:0.4", "machine")])
def test_who_answered(new_endpoint: NewEndpoint, tmp_path: Path, greeting: str, who: Answerer) -> None:
    """The announcement before the answer, early media, is not the greeting."""
    callee, caller = new_endpoint(), new_endpoint()
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.ring(183)
    with outgoing.record(tmp_path / "heard.wav") as received:
        incoming.value.play("speech:3.5").wait()
        incoming.value.answer()
        incoming.value.play(f"silence:0.3,{greeting},silence:1.5").wait()
    expect(received).to_be_answered_by(who)


def test_a_signal_is_played_and_matched_by_its_name(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    sender, receiver = connect(new_endpoint(), new_endpoint())
    with receiver.record(tmp_path / "heard.wav") as received:
        sender.play("speech:2").wait()
    expect(received).to_match("speech:2")
    with pytest.raises(ExpectationFailed, match="expected: the audio of babble:2"):
        expect(received).to_match("babble:2")
    for taken in (sender.play, expect(received).to_match):
        with pytest.raises(ConfigError, match=r"speach:2: no such file.*did you mean 'speech'"):
            taken("speach:2")
