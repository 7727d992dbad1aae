"""References with a constant spectrum (tones, noise), which only the waveform identifies."""

import pytest

from media.audio.wav import Audio
from media.compare.compare import Options, compare
from media.signals.signals import make
from tests.support.coverage import combined
from tests.support.reference_audio import RATE, audio, coded, quiet, recorded_pair

SUBTYPES = {"PCMA": "ALAW", "PCMU": "ULAW", "GSM": "GSM610"}


def call(codec: str, played: Audio) -> Audio:
    """As it is recorded: through the codec, 305 ms late, with something after it."""
    return coded(audio(quiet(0.305), played.samples, quiet(0.305)), SUBTYPES[codec])


@pytest.mark.parametrize("pair", ["dial-tone.PCMA", "milliwatt.GSM"])
def test_recorded_tones_match(pair: str) -> None:
    reference, recording = recorded_pair(pair)

    result = compare(reference, recording, options=Options(codec=pair.split(".")[1]))

    assert result.matched, result.reasons


SIGNALS = [
    "milliwatt:4",
    "tone:440:4",
    "tone:2600:2@-25",
    "tone:1004:1",
    "dial:4",
    "tone:425:3",
    "tone:500+1500+2500:3@-15",
    "ringback:10",
    "busy:4",
    "dtmf:159#:200ms:200ms",
    "noise:4:7",
    "white:4:7",
    "marker:17,silence:300ms,marker:18",
]


@pytest.mark.parametrize(("signal", "codec"), combined(SIGNALS, list(SUBTYPES)))
def test_tones_and_noise_match(codec: str, signal: str) -> None:
    result = compare(make(signal, RATE), call(codec, make(signal, RATE)), options=Options(codec=codec))

    assert result.matched, result.reasons


OTHERS = [
    ("tone:440:4", "tone:452:4"),
    ("tone:1004:4", "tone:1400:4"),
    ("tone:440:4", "tone:440:2,silence:2"),
    ("dial:4", "tone:350:4"),
    ("tone:440:4", "dial:4"),
    ("ringback:10", "busy:10"),
    ("busy:6", "reorder:6"),
    ("tone:440:4", "tone:440:2,tone:466:2"),
    ("noise:4:7", "noise:4:8"),
    ("white:4:7", "white:4:8"),
    ("white:4:7", "white:2:7,silence:2"),
    ("marker:17,silence:300ms,marker:18", "marker:17,silence:300ms,marker:19"),
]


@pytest.mark.parametrize(("others", "codec"), combined(OTHERS, list(SUBTYPES)))
def test_another_tone_cadence_or_noise_does_not(codec: str, others: tuple[str, str]) -> None:
    asked, played = others
    result = compare(make(asked, RATE), call(codec, make(played, RATE)), options=Options(codec=codec))

    assert not result.matched


@pytest.mark.parametrize("codec", ["GSM", "PCMA"])
def test_hiss_is_not_looked_for_where_no_verdict_depends_on_it(
    codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.compare.compare.hiss_share", lambda *_: pytest.fail("looked for"))
    sent = make("speech:3", RATE)

    assert compare(sent, sent, options=Options(codec=codec)).matched
