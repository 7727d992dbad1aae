"""Scores by PESQ: what it is fed, by a stand-in for the package, and what it says where it is installed."""

import functools
import importlib.util
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError, resample
from media.quality.emodel import Band
from media.quality.pesq import PesqMissing, Score, assess
from media.signals import tones
from tests.support.reference_audio import coded

ROOT = Path(__file__).parents[4]
RATE = 8000

needs_pesq = pytest.mark.skipif(
    importlib.util.find_spec("pesq") is None,
    reason="the package pesq is not installed: pip install 'srtpbot[pesq]' (takes a C compiler)",
)


@functools.cache
def speech(s: float = 4, rate: int = RATE, seed: int = 1) -> Audio:
    return tones.speech_like(s, rate, seed)


def score(reference: Audio, recording: Audio, *, wideband: bool | None = None) -> float:
    return assess(reference, recording, wideband=wideband).mos_lqo


def silence(s: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(round(s * rate), np.float32)


def around(audio: Audio, before: float, after: float) -> Audio:
    parts = silence(before, audio.rate), audio.samples, silence(after, audio.rate)
    return Audio(np.concatenate(parts), audio.rate)


def noisy(audio: Audio, snr_db: float) -> Audio:
    power = float(np.mean(np.square(audio.samples))) / 10 ** (snr_db / 10)
    noise = np.random.default_rng(0).normal(0, power**0.5, len(audio.samples))
    return Audio(audio.samples + noise.astype(np.float32), audio.rate)


# ---- what PESQ is fed


class PesqError(RuntimeError):
    pass


class NoUtterancesError(PesqError):
    pass


@dataclass
class Native:
    """A fake of the package: it records its arguments and returns or raises given answers."""

    answers: list[float | Exception] = field(default_factory=list)
    calls: list[tuple[int, str]] = field(default_factory=list)
    pairs: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def pesq(self, rate: int, sent: np.ndarray, heard: np.ndarray, mode: str) -> float:
        self.calls.append((rate, mode))
        self.pairs.append((sent, heard))
        answer = self.answers.pop(0) if self.answers else 4.0
        if isinstance(answer, Exception):
            raise answer
        return answer

    def lag(self, index: int = 0) -> int:
        """By how many samples the second of a pair is later."""
        sent, received = self.pairs[index]
        size = 2 * len(sent)
        alike = np.fft.irfft(np.fft.rfft(received, size) * np.conj(np.fft.rfft(sent, size)))
        best = int(np.argmax(alike))
        return best if best < len(sent) else best - size


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Native:
    native = Native()
    module = ModuleType("pesq")
    vars(module).update(pesq=native.pesq, PesqError=PesqError, NoUtterancesError=NoUtterancesError)
    monkeypatch.setitem(sys.modules, "pesq", module)
    return native


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(PesqMissing, match=r"pip install 'srtpbot\[pesq\]'"):
        score(speech(), speech())


def test_the_package_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, media.quality.pesq; sys.exit('pesq' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("rate", "heard_rate", "wideband", "fed", "band"),
    [
        (8000, 8000, None, (8000, "nb"), Band.NARROWBAND),
        (48000, 8000, None, (8000, "nb"), Band.NARROWBAND),
        (16000, 16000, None, (16000, "wb"), Band.WIDEBAND),
        (48000, 32000, None, (16000, "wb"), Band.WIDEBAND),
        (16000, 16000, False, (8000, "nb"), Band.NARROWBAND),
        (22050, 16000, True, (16000, "wb"), Band.WIDEBAND),
    ],
)
def test_rate_and_band(
    native: Native, rate: int, heard_rate: int, wideband: bool | None, fed: tuple[int, str], band: Band
) -> None:
    reference = speech(3, rate)
    found = assess(reference, resample(reference, heard_rate), wideband=wideband)
    assert found == Score(4.0, band, (4.0,))
    assert native.calls == [fed]
    sent, received = native.pairs[0]
    assert len(sent) == len(received) == 3 * fed[0]
    assert abs(native.lag()) <= 1


def test_a_telephone_call_recorded_at_16_khz_is_narrowband(native: Native) -> None:
    reference = speech(3, 16000)
    assert assess(reference, resample(resample(reference, 8000), 16000)).band is Band.NARROWBAND
    assert native.calls == [(8000, "nb")]


@pytest.mark.parametrize("late", [0.0, 0.5, 3.0])
def test_delay_and_level_are_taken_out(native: Native, late: float) -> None:
    reference = speech()
    assess(reference, Audio(around(reference, late, 1).samples * np.float32(0.1) + np.float32(0.01), RATE))
    sent, received = native.pairs[0]
    assert native.lag() == 0
    assert len(sent) == len(received) == len(reference.samples)
    assert np.abs(sent).max() == np.abs(received).max() == 1
    assert abs(float(received.mean())) < 1e-6
    assert sent.dtype == received.dtype == np.float32


@pytest.mark.parametrize(("early", "kept", "silent"), [(0.1, 3.9, 0.0), (0.2, 3.8, 0.0), (1.0, 3.8, 0.8)])
@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_missing_edge(native: Native, early: float, kept: float, silent: float, at_the_end: bool) -> None:
    reference = speech()
    cut = round(early * RATE)
    recording = reference.samples[:-cut] if at_the_end else reference.samples[cut:]
    assess(reference, Audio(recording, RATE))
    sent, received = native.pairs[0]
    assert len(sent) == len(received) == pytest.approx(kept * RATE, abs=80)
    received = received[::-1] if at_the_end else received
    moved = np.flatnonzero(np.abs(np.diff(received)) > 1e-3)
    assert moved[0] >= round(silent * RATE) - 80
    assert native.lag() == 0


@pytest.mark.parametrize("s", [0.5, 13.4, 13.6, 24.5, 37])
def test_long_audio_is_cut_in_pieces(native: Native, s: float) -> None:
    reference = speech(s)
    found = assess(reference, around(reference, 0.3, 0.3))
    lengths = [len(sent) / RATE for sent, _ in native.pairs]
    assert max(lengths) <= 15
    assert len(found.pieces) == len(lengths) == (1 if s < 13.5 else int(np.ceil(s / 12)))
    assert sum(lengths) == pytest.approx(s, abs=1e-9)
    assert all(abs(native.lag(index)) <= 1 for index in range(len(lengths)))


def test_pieces_are_cut_in_pauses(native: Native) -> None:
    reference = speech(26, seed=5)
    assess(reference, reference)
    ends = np.cumsum([len(sent) for sent, _ in native.pairs])[:-1]
    assert len(ends) == 2
    for end in ends:
        assert np.abs(reference.samples[end - 240 : end + 320]).max() < 1e-3


def test_every_piece_is_aligned_when_the_delay_changes(native: Native) -> None:
    reference = speech(28)
    first, second = reference.samples[: 13 * RATE], reference.samples[13 * RATE :]
    recording = np.concatenate([silence(0.2), first, silence(0.4), second])
    assess(reference, Audio(recording, RATE))
    lags = [native.lag(index) for index in range(len(native.pairs))]
    assert [lag for lag in lags if abs(lag) > 1] in ([], [3200])  # the piece with the change itself


def test_the_score_is_the_mean_by_the_time_spoken(native: Native) -> None:
    reference = Audio(np.concatenate([speech(12).samples, silence(9), speech(3, seed=2).samples]), RATE)
    native.answers = [4.0, 1.0]
    found = assess(reference, reference)
    assert found.pieces == (4.0, 1.0)
    assert 3.2 < found.mos_lqo < 3.6


def test_a_silent_piece_is_not_scored(native: Native) -> None:
    reference = Audio(np.concatenate([speech(10).samples, silence(26)]), RATE)
    assert len(assess(reference, reference).pieces) == 1


def test_a_lost_piece_has_the_lowest_score(native: Native) -> None:
    reference = speech(16)
    half = Audio(np.concatenate([reference.samples[: 6 * RATE], silence(10)]), RATE)
    assert assess(reference, half).pieces == (4.0, 1.017)


def test_dc_is_no_speech(native: Native) -> None:
    """Pauses are not scored, and lost speech counts as lost, at any offset."""
    reference = Audio(np.concatenate([speech(16).samples, silence(10)]) + np.float32(0.3), RATE)
    lost = np.concatenate([speech(16).samples[: 6 * RATE], silence(20)]) + np.float32(0.2)
    assert assess(reference, Audio(lost, RATE)).pieces == (4.0, 1.017)


def test_faint_speech_is_scored(native: Native) -> None:
    reference = speech()
    assert score(reference, Audio(reference.samples * np.float32(0.02), RATE)) == 4.0


def test_no_utterance_is_no_score(native: Native) -> None:
    native.answers = [NoUtterancesError("No utterances detected")]
    with pytest.raises(AudioError, match="no speech in the reference"):
        score(speech(), speech())


@pytest.mark.parametrize("answer", [PesqError("Unknown"), ValueError("cannot convert float NaN to integer")])
def test_a_failure_is_reported(native: Native, answer: Exception) -> None:
    native.answers = [answer]
    with pytest.raises(AudioError, match=r"PESQ failed on 4\.0 s of audio"):
        score(speech(), speech())


@pytest.mark.parametrize(
    ("reference", "recording", "why"),
    [
        (speech(0.4), speech(6), "0.4 s is too short for PESQ"),
        (Audio(np.zeros(0, np.float32), RATE), speech(6), "too short"),
        (Audio(np.zeros(1, np.float32), RATE), speech(6), "too short"),
        (speech(3, 6000), speech(3), "at least 8000 Hz here, not 6000 Hz"),
        (speech(3), speech(3, 6000), "at least 8000 Hz here, not 6000 Hz"),
        (Audio(silence(3), RATE), speech(6), "the reference is silent"),
        (speech(), Audio(silence(6), RATE), "the recording is silent"),
        (speech(), Audio(silence(0), RATE), "the recording is empty"),
        (speech(), speech(4, seed=9), "the reference is not in the recording"),
    ],
)
def test_no_score_without_speech(native: Native, reference: Audio, recording: Audio, why: str) -> None:
    with pytest.raises(AudioError, match=why):
        score(reference, recording)
    assert native.calls == []


def test_wideband_takes_16_khz(native: Native) -> None:
    with pytest.raises(AudioError, match="at least 16000 Hz here, not 8000 Hz"):
        score(speech(3, 16000), speech(3), wideband=True)


# ---- what PESQ says


@needs_pesq
@pytest.mark.parametrize(
    ("rate", "wideband", "best"), [(8000, False, 4.549), (16000, False, 4.549), (16000, True, 4.644)]
)
def test_identical_audio(rate: int, wideband: bool, best: float) -> None:
    """The mapping functions of P.862.1 and P.862.2 end there, at a raw score of 4.5."""
    reference = speech(6, rate)
    assert score(reference, reference, wideband=wideband) == pytest.approx(best, abs=1e-3)


@needs_pesq
def test_noise_lowers_it() -> None:
    reference = speech()
    scores = [score(reference, noisy(reference, snr_db)) for snr_db in (50, 40, 30, 20, 10)]
    assert all(better > worse + 0.1 for better, worse in pairwise(scores))
    assert scores[0] > 3.5
    assert 1 <= scores[-1] < 2


@needs_pesq
def test_codecs_in_the_order_of_their_quality() -> None:
    reference = speech(6)
    ulaw, alaw, gsm = (score(reference, coded(reference, name)) for name in ("ULAW", "ALAW", "GSM610"))
    assert min(ulaw, alaw) > 4.2
    assert 2.5 < gsm < min(ulaw, alaw) - 0.5


@needs_pesq
def test_delay_and_level_do_not_count() -> None:
    reference = speech()
    received = coded(reference, "ULAW")
    quieter = Audio(around(received, 0.7, 0.2).samples * np.float32(0.3), RATE)
    assert score(reference, quieter) == pytest.approx(score(reference, received), abs=0.05)


@needs_pesq
def test_a_lost_packet_counts_less_than_ten() -> None:
    reference = speech(6)
    rng = np.random.default_rng(3)

    def losing(count: int) -> Audio:
        samples = reference.samples.copy()
        for packet in rng.choice(np.arange(20, 280), count, replace=False):
            samples[packet * 160 : (packet + 1) * 160] = 0
        return Audio(samples, RATE)

    few, many = score(reference, losing(4)), score(reference, losing(40))
    assert 1 <= many < few - 0.3 < 4.2


@needs_pesq
def test_eighty_words_do_not_crash_it() -> None:
    """The package overruns a table of 50 utterances; only pieces that cannot hold so many are given to it."""
    code = (
        "import numpy as np; from media.quality.pesq import assess; from media.audio.wav import Audio\n"
        "noise = np.random.default_rng(1)\n"
        "word = np.concatenate([noise.normal(0, 0.1, 1840), noise.normal(0, 1e-5, 1760)])\n"
        "words = np.concatenate([word * gain for gain in noise.uniform(0.5, 1, 80)]).astype(np.float32)\n"
        "print(assess(Audio(words, 8000), Audio(words, 8000)).mos_lqo)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(4.549, abs=0.01)
