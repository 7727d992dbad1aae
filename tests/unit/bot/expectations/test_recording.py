"""bot.expectations.recording: verdicts on the audio of recordings, and their texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import expect
from bot.errors import ConfigError, ExpectationFailed, WaitTimeout
from bot.expectations.recording import SHOWN, RecordingExpectation, SoundExpectation, listed
from bot.expectations.values import Answerer
from bot.ipc.events import ExpectationChecked
from bot.ua.call import Recording
from media.audio.wav import write
from media.signals.signals import make
from tests.support.fakes import LONG, Rig, at_once, while_waiting

RATE = 8000
Sound = Callable[[str], RecordingExpectation]


@pytest.fixture
def recording(rig: Rig, tmp_path: Path) -> Recording:
    return rig.confirmed().call.record(tmp_path / "heard.wav")


@pytest.fixture
def sound(recording: Recording) -> Sound:
    """The call hears this signal, and its recording is closed."""

    def hear(signal: str) -> RecordingExpectation:
        write(recording.path, make(signal, RATE))
        recording.stop()
        return expect(recording)

    return hear


def verdict(rig: Rig) -> ExpectationChecked:
    (one,) = [entry.event for entry in rig.journal.recent() if isinstance(entry.event, ExpectationChecked)]
    return one


def fails(rig: Rig, assertion: Callable[[], None], expected: str, observed: str) -> None:
    with pytest.raises(ExpectationFailed) as caught:
        assertion()
    one = verdict(rig)
    assert not one.passed
    assert (one.expected, one.observed) == (expected, observed)
    assert f"observed: {observed}" in str(caught.value)
    assert "SIP messages:" in str(caught.value)


# ---- markers


def test_to_contain_marker(rig: Rig, sound: Sound) -> None:
    sound("babble:0.5,marker:17,silence:0.3,marker:4711,babble:0.5").to_contain_marker(17)
    one = verdict(rig)
    assert (one.passed, one.name) == (True, "call 1 recording contains marker")
    assert (one.expected, one.observed) == ("marker 17", "17 at 0.500 s, 4711 at 1.520 s")


def test_to_contain_another_marker(rig: Rig, sound: Sound) -> None:
    it = sound("silence:0.25,marker:17")
    fails(rig, lambda: it.to_contain_marker(18), "marker 18", "17 at 0.250 s")


def test_to_contain_a_marker_where_there_is_none(rig: Rig, sound: Sound) -> None:
    it = sound("babble:2")
    fails(rig, lambda: it.to_contain_marker(18), "marker 18", "no markers")


@pytest.mark.parametrize("identity", [-1, 65536])
def test_no_identity_of_a_marker(sound: Sound, identity: int) -> None:
    with pytest.raises(ConfigError, match="0 to 65535"):
        sound("silence").to_contain_marker(identity)


# ---- DTMF


@pytest.mark.parametrize("digits", ["159#D", "159#d"])
def test_to_contain_dtmf(rig: Rig, sound: Sound, digits: str) -> None:
    sound("silence:0.2,dtmf:159#D,silence:0.2").to_contain_dtmf(digits)
    one = verdict(rig)
    assert (one.passed, one.name, one.expected) == (True, "call 1 recording contains DTMF", "'159#D'")
    assert one.observed.startswith("'159#D': 1 at 0.20")


@pytest.mark.parametrize("digits", ["1", "12", "1234", "21"])
def test_to_contain_other_dtmf(rig: Rig, sound: Sound, digits: str) -> None:
    it = sound("dtmf:123,silence:0.2")
    with pytest.raises(ExpectationFailed, match=f"(?s)expected: '{digits}'.*observed: '123': 1 at 0.00"):
        it.to_contain_dtmf(digits)


def test_to_contain_dtmf_where_there_is_none(rig: Rig, sound: Sound) -> None:
    it = sound("babble:2")
    fails(rig, lambda: it.to_contain_dtmf("1"), "'1'", "no digits")


@pytest.mark.parametrize(
    ("digits", "words"), [("", "there is none"), ("1,2", "',' is not one"), ("1x2", "'X'")]
)
def test_no_digits(sound: Sound, digits: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sound("silence").to_contain_dtmf(digits)


# ---- signals


@pytest.mark.parametrize(
    ("signal", "name"),
    [("ringback:us:10", "ringback"), ("busy:eu:4", "busy"), ("reorder:us:3", "congestion")],
)
def test_to_contain_signal(rig: Rig, sound: Sound, signal: str, name: str) -> None:
    sound(f"silence:0.5,{signal},silence:0.5").to_contain_signal(name)
    one = verdict(rig)
    assert (one.passed, one.name, one.expected) == (True, "call 1 recording contains signal", name)
    assert one.observed.startswith(f"{name} (")
    assert one.observed.endswith(" at 0.50 s")


def test_to_contain_another_signal(rig: Rig, sound: Sound) -> None:
    it = sound("busy:us:4")
    fails(rig, lambda: it.to_contain_signal("ringback"), "ringback", "busy (US) at 0.00 s")


def test_to_contain_a_signal_where_there_is_none(rig: Rig, sound: Sound) -> None:
    it = sound("babble:2")
    fails(rig, lambda: it.to_contain_signal("dial"), "dial", "no signals")


def test_no_signal(sound: Sound) -> None:
    with pytest.raises(ConfigError, match="'ringing'; expected one of ringback, busy, congestion, dial"):
        sound("silence").to_contain_signal("ringing")


# ---- who answered

HUMAN, MACHINE = "silence:0.5,speech:1,silence:2", "silence:0.5,speech:2,tone:1000:0.4@-12,silence:1"


@pytest.mark.parametrize(
    ("signal", "who", "why"),
    [
        (HUMAN, "human", "and then silence, as a person waits for an answer"),
        (MACHINE, "machine", "a beep of 1000 Hz"),
        ("silence:0.5,speech:6,silence:1", "machine", "longer than the 2.8 s of a person"),
    ],
)
def test_to_be_answered_by(rig: Rig, sound: Sound, signal: str, who: Answerer, why: str) -> None:
    it = sound(signal)
    it.to_be_answered_by(who)
    one = verdict(rig)
    assert (one.passed, one.name, one.expected) == (True, "call 1 is answered by", who)
    assert one.observed.startswith(f"{who}: ")
    assert why in one.observed
    with pytest.raises(ExpectationFailed, match=f"observed: {who}: "):
        it.to_be_answered_by("machine" if who == "human" else "human")


@pytest.mark.parametrize(
    ("signal", "observed"), [("silence:5", "silence: nobody spoke"), ("silence:0.5,speech:1", "unknown: ")]
)
@pytest.mark.parametrize("who", ["human", "machine"])
def test_nobody_is_neither(rig: Rig, sound: Sound, who: Answerer, signal: str, observed: str) -> None:
    with pytest.raises(ExpectationFailed, match=f"observed: {observed}"):
        sound(signal).to_be_answered_by(who)


def test_a_call_that_was_not_answered_is_answered_by_nobody(rig: Rig, tmp_path: Path) -> None:
    recording = rig.outgoing().call.record(tmp_path / "heard.wav")
    write(recording.path, make(MACHINE, RATE))
    recording.stop()
    with pytest.raises(ExpectationFailed, match="observed: the call was not answered"):
        expect(recording).to_be_answered_by("machine")


def test_another_answerer(sound: Sound) -> None:
    wrong: Any = "person"
    with pytest.raises(ConfigError, match="unknown answerer 'person'; expected 'human' or 'machine'"):
        sound(HUMAN).to_be_answered_by(wrong)


# ---- silence and level


@pytest.mark.parametrize("signal", ["silence:2", "noise:2@-65"])
def test_to_be_silent(rig: Rig, sound: Sound, signal: str) -> None:
    it = sound(signal)
    it.to_be_silent()
    one = verdict(rig)
    assert (one.passed, one.name) == (True, "call 1 recording is silent")
    assert (one.expected, one.observed) == ("nothing above -50 dBFS", "2.00 s of silence")
    with pytest.raises(ExpectationFailed, match=r"observed: 2\.00 s of silence"):
        it.not_to_be_silent()


@pytest.mark.parametrize(
    ("signal", "observed"),
    [
        ("silence:0.5,tone:440:0.1,silence:1", "sound from 0.50"),
        ("tone:440:0.1,silence:1", "sound from 0.000 s on"),
        ("noise:1@-30", "sound from 0.000 s on"),
        ("silence:1,tone:440:0.02@-20", "sound from 1.00"),
    ],
)
def test_not_to_be_silent(rig: Rig, sound: Sound, signal: str, observed: str) -> None:
    it = sound(signal)
    it.not_to_be_silent()
    one = verdict(rig)
    assert (one.passed, one.name) == (True, "call 1 recording is not silent")
    assert observed in one.observed
    assert "peak -" in one.observed
    with pytest.raises(ExpectationFailed, match=observed):
        it.to_be_silent()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"at_least": -22}, "at least -22 dBFS"),
        ({"at_most": -18.5}, "at most -18.5 dBFS"),
        ({"at_least": -22, "at_most": -18}, "at least -22 and at most -18 dBFS"),
    ],
)
def test_to_have_level(rig: Rig, sound: Sound, limits: dict[str, float], expected: str) -> None:
    sound("babble:3@-20").to_have_level(**limits)
    one = verdict(rig)
    assert (one.passed, one.name, one.expected) == (True, "call 1 recording has level", expected)
    assert one.observed.startswith("-20.0 dBFS, active ")
    assert one.observed.endswith("% of 3.00 s")


@pytest.mark.parametrize("limits", [{"at_least": -18}, {"at_most": -22}, {"at_least": -25, "at_most": -22}])
def test_to_have_another_level(rig: Rig, sound: Sound, limits: dict[str, float]) -> None:
    it = sound("babble:3@-20")
    with pytest.raises(ExpectationFailed, match=r"observed: -20\.0 dBFS"):
        it.to_have_level(**limits)


@pytest.mark.parametrize("limits", [{"at_least": -90}, {"at_most": 0}])
def test_silence_has_no_level(rig: Rig, sound: Sound, limits: dict[str, float]) -> None:
    it = sound("silence:2")
    with pytest.raises(ExpectationFailed, match="observed: silence, which has no active level"):
        it.to_have_level(**limits)


@pytest.mark.parametrize(
    ("limits", "words"),
    [({}, "needs a limit"), ({"at_least": -10, "at_most": -20}, "no level is at least -10")],
)
def test_no_limits(sound: Sound, limits: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sound("silence").to_have_level(**limits)


# ---- files


ASSERTIONS: dict[str, Callable[[RecordingExpectation], None]] = {
    "to_contain_marker": lambda it: it.to_contain_marker(1),
    "to_contain_dtmf": lambda it: it.to_contain_dtmf("1"),
    "to_contain_signal": lambda it: it.to_contain_signal("busy"),
    "to_be_answered_by": lambda it: it.to_be_answered_by("human"),
    "to_be_silent": lambda it: it.to_be_silent(),
    "not_to_be_silent": lambda it: it.not_to_be_silent(),
    "to_have_level": lambda it: it.to_have_level(at_most=0),
}


@pytest.mark.parametrize("content", [b"", b"RIFF", None])
@pytest.mark.parametrize("name", ASSERTIONS)
def test_no_audio_is_a_failure(rig: Rig, recording: Recording, name: str, content: bytes | None) -> None:
    if content is None:
        recording.path.unlink(missing_ok=True)
    else:
        recording.path.write_bytes(content)
    recording.stop()
    with pytest.raises(ExpectationFailed, match="observed: no audio: "):
        ASSERTIONS[name](expect(recording))
    assert not verdict(rig).passed


@pytest.mark.parametrize("name", ASSERTIONS)
def test_a_few_samples_are_judged_as_well(rig: Rig, recording: Recording, name: str) -> None:
    write(recording.path, make("silence:0.001", RATE))
    recording.stop()
    if name == "to_be_silent":
        ASSERTIONS[name](expect(recording))
    else:
        with pytest.raises(ExpectationFailed):
            ASSERTIONS[name](expect(recording))
    assert verdict(rig).passed is (name == "to_be_silent")


def test_the_file_is_waited_for(rig: Rig, recording: Recording, sound: Sound) -> None:
    with while_waiting(rig.journal, lambda: sound("silence:1")), at_once():
        expect(recording).to_be_silent(timeout=LONG)


def test_a_file_that_never_ends(recording: Recording) -> None:
    with pytest.raises(WaitTimeout, match=r"heard\.wav is still being recorded"):
        expect(recording).to_be_silent(timeout=0.05)


def test_many_findings_are_not_all_told() -> None:
    assert listed("marker", []) == "no markers"
    assert listed("marker", ["1"] * SHOWN) == ", ".join(["1"] * SHOWN)
    assert listed("marker", ["1"] * (SHOWN + 2)).endswith("1 and 2 more")


def test_every_assertion_is_tested() -> None:
    """A new assertion has to be named here, after it was tested."""
    assert {name for name in vars(SoundExpectation) if not name.startswith("_")} == set(ASSERTIONS)
