"""Signals that are described in a line sound as described, or the message says what was expected."""

from pathlib import Path

import numpy as np
import pytest

from media.audio import wav
from media.audio.levels import speech_level
from media.audio.wav import AudioError
from media.signals import tones
from media.signals.call_progress_tones import exchange_tone
from media.signals.dtmf import synthesise
from media.signals.marker import find_markers, marker
from media.signals.noise import CENTRES_HZ, LEVELS_DB, speech_noise
from media.signals.signals import PLANS, SIGNALS, arrange, files, make
from media.signals.speech import sentence, speak


def dbfs(samples: np.ndarray) -> float:
    """Level where a full-scale sine is 0 dBFS (AES17)."""
    return float(10 * np.log10(2 * np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize(
    ("specification", "seconds", "level"),
    [
        ("tone:440", 1, -10),
        ("tone:440+480:2@-20", 2, -17),
        ("tone: 440Hz : 200ms @ -20 dBFS", 0.2, -20),
        ("sweep", 3, -10),
        ("sweep:2", 2, -10),
        ("sweep:3000-300:0.5s@-20", 0.5, -20),
        ("noise:2", 2, -20),
        ("white:1:7@-30", 1, -30),
        ("milliwatt", 1, -3.17),
        ("milliwatt:0.05min", 3, -3.17),
        ("sit", 0.99, -20),
        ("dial", 3, -17),
        ("busy:uk:0.375", 0.375, -20),
    ],
)
def test_lengths_and_levels(specification: str, seconds: float, level: float) -> None:
    audio = make(specification, 8000)

    assert audio.duration_s == pytest.approx(seconds, abs=1e-9)
    assert dbfs(audio.samples) == pytest.approx(level, abs=0.4)


def test_the_signals_are_those_of_the_other_modules() -> None:
    pairs = [
        ("tone:440+480:0.5@-20", tones.tone([440, 480], 0.5, 8000, -20)),
        ("silence:0.5", tones.silence(0.5, 8000)),
        ("babble:1:3", tones.speech_like(1, 8000, 3)),
        ("dtmf:15#d", synthesise("15#D", 8000)),
        ("dtmf:1:50ms:0.07", synthesise("1", 8000, 50, 70)),
        ("marker:17", marker(17, 8000)),
        ("speech", sentence(8000)),
        ("noise:1:5", speech_noise(1, 8000, 5)),
        ("ringback:eu:2", exchange_tone("ringback", "eu", 2, 8000)),
    ]
    for specification, expected in pairs:
        assert np.array_equal(make(specification, 8000).samples, expected.samples), specification


def test_items_follow_one_another() -> None:
    audio, parts = arrange(" tone:440:200ms, silence:0.3 ,MARKER:17", 16000)

    assert [(part.text, round(part.start_s, 6)) for part in parts] == [
        ("tone:440:200ms", 0),
        ("silence:0.3", 0.2),
        ("MARKER:17", 0.5),
    ]
    assert not audio.samples[3200:8000].any()
    assert [(one.identity, round(one.start_s, 2)) for one in find_markers(audio)] == [(17, 0.5)]
    assert audio.duration_s == pytest.approx(sum(part.duration_s for part in parts))


def test_every_signal_has_its_usage_and_its_maker() -> None:
    assert list(PLANS) == list(SIGNALS)
    assert all(usage.startswith(name) for name, (usage, _) in SIGNALS.items())


@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ("", ["empty", "tone:440:2"]),
        ("tone:440,,silence", ["item 2 is empty"]),
        ("silence,", ["item 2 is empty"]),
        (",", ["item 1 is empty"]),
        ("silence,tne:440", ["item 2", "'tne:440'", "did you mean 'tone'"]),
        ("chirp:3", ["did you mean 'sweep'"]),
        ("hum", ["unknown signal 'hum'", "known signals: tone, sweep"]),
        ("tone", ["item 1", "expected tone:HZ"]),
        ("tone:A4", ["'A4'", "Hz such as 440"]),
        ("tone:440:0", ["'0' is no length", "200ms"]),
        ("tone:440:2h", ["'2h' is no length"]),
        ("tone:440:nan", ["'nan' is no length"]),
        ("tone:440:1:1", ["'1' is too much"]),
        ("tone:5000", ["item 1, 'tone:5000'", "between 0 and 4000 Hz"]),
        ("tone:440@2", ["full scale"]),
        ("tone:440@loud", ["@-20"]),
        ("tone:" + "+".join(["440"] * 17), ["17 frequencies"]),
        ("silence:1e9", ["'1e9' is too long", "3600 s"]),
        ("silence:3000,tone:440:1000", ["4000 s", "at most 3600 s"]),
        ("silence:1@-20", ["silence has no level"]),
        ("sweep:1-2-3", ["'1-2-3'", "Hz-Hz"]),
        ("sweep:3:4", ["'4' is too much"]),
        ("noise:1:-1", ["whole number"]),
        ("noise@0", ["full scale"]),
        ("marker:65536", ["from 0 to 65535"]),
        ("marker", ["marker:NUMBER"]),
        ("dtmf:12X", ["'X', digit 3"]),
        ("dtmf:", ["no digit"]),
        ("ringback:usa", ["did you mean 'us'", "us or eu or uk"]),
        ("busy:2:us", ["'us' is too much"]),
        ("sit:1", ["'1' is too much"]),
        ("file:", ["no path"]),
        ("file", ["file:PATH"]),
        ("file:nowhere.wav", ["item 1", "nowhere.wav: no such file"]),
        ("speech@3", ["peaks exceed full scale", "use @-"]),
        ("speech:10ms@-20", ["too short or too quiet"]),
    ],
)
def test_invalid_items_are_explained(specification: str, words: list[str]) -> None:
    with pytest.raises(AudioError) as caught:
        make(specification, 8000)

    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(AudioError, match="positive"):
        make("speech", 0)


def test_a_file_is_resampled_and_levelled(tmp_path: Path) -> None:
    path = tmp_path / "a,b@home.wav"
    wav.write(path, tones.speech_like(3, 16000, 2))

    audio = make(f'file:"{path}"@-26', 8000)

    assert audio.duration_s == pytest.approx(3)
    assert speech_level(audio).active_dbfs == pytest.approx(-26, abs=0.05)
    assert files(f'silence,file:"{path}"') == (str(path),)


def test_noise_has_the_spectrum_of_speech() -> None:
    samples = speech_noise(10, 16000, 1, -20).samples
    power = np.square(np.abs(np.fft.rfft(samples.reshape(-1, 16000), axis=1))).mean(axis=0)

    thirds = [
        10 * np.log10(power[int(hz / 2 ** (1 / 6)) : int(hz * 2 ** (1 / 6))].sum()) for hz in CENTRES_HZ[5:20]
    ]
    assert np.array(thirds) - np.mean(thirds) == pytest.approx(
        LEVELS_DB[5:20] - LEVELS_DB[5:20].mean(), abs=1.5
    )
    assert dbfs(samples) == pytest.approx(-20, abs=0.01)
    assert not np.array_equal(samples, speech_noise(10, 16000, 2, -20).samples)


def test_noise_ends_where_a_block_does_not() -> None:
    assert len(speech_noise(0, 8000).samples) == 0
    assert len(speech_noise(1e-4, 8000).samples) == 1
    assert len(speech_noise(70000 / 8000, 8000).samples) == 70000


def test_the_sentence_has_words_and_pauses() -> None:
    audio = sentence(8000)
    level = speech_level(audio)
    frames = np.square(audio.samples[: len(audio.samples) // 160 * 160].reshape(-1, 160)).mean(axis=1)
    loud = frames > frames.max() / 300
    words = np.count_nonzero(np.diff(loud.astype(int)) == 1)

    assert 3 < audio.duration_s < 5
    assert level.active_dbfs == pytest.approx(-17, abs=3)
    assert np.abs(audio.samples).max() < 0.71
    assert abs(float(audio.samples.mean())) < 1e-3
    assert words >= 6


def test_vowels_have_their_formants() -> None:
    """The vowel of "three" has its energy where /i/ has it, that of "call" below 1 kHz."""
    samples = sentence(16000).samples.astype(np.float64)
    spectra = np.abs(np.fft.rfft(samples[: len(samples) // 1600 * 1600].reshape(-1, 1600), axis=1))
    low = spectra[:, 20:100].sum(axis=1)  # 200 Hz to 1 kHz
    middle = spectra[:, 100:180].sum(axis=1)  # up to 1.8 kHz
    high = spectra[:, 200:330].sum(axis=1)  # 2 to 3.3 kHz
    voiced = low > 0.3 * low.max()

    assert (voiced & (high > 2 * middle)).any()
    assert (voiced & (low > 6 * middle)).any()


def test_the_sentence_is_repeated_and_cut() -> None:
    once, long = sentence(8000).samples, speak(10, 8000).samples

    assert len(long) == 80000
    assert np.array_equal(long[: len(once)], once)
    assert np.array_equal(long[len(once) : 2 * len(once)], once)


@pytest.mark.parametrize(("s", "rate"), [(-1, 8000), (float("inf"), 8000), (1, 0)])
def test_impossible_lengths_are_refused(s: float, rate: int) -> None:
    for maker in (speak, speech_noise):
        with pytest.raises(AudioError):
            maker(s, rate)


def test_cadences() -> None:
    busy = make("busy:us:2", 8000).samples.reshape(-1, 4000)

    assert [bool(part.any()) for part in busy] == [True, False, True, False]
    for name, region, words in (("busy", "fr", "no region"), ("hum", "us", "no tone")):
        with pytest.raises(AudioError, match=words):
            exchange_tone(name, region, 1, 8000)
