"""References with repetitions, while the jitter buffer changes its delay: nothing is missing."""

import numpy as np
import pytest

from media.audio.wav import Audio
from media.compare.compare import Options, compare
from media.signals import tones
from media.signals.signals import make
from tests.support.coverage import combined
from tests.support.reference_audio import RATE, Samples, audio, coded, recorded_pair

SUBTYPES = {"PCMA": "ALAW", "GSM": "GSM610"}


def sentence(seed: int, s: float) -> Samples:
    return np.concatenate([tones.speech_like(s, RATE, seed).samples, np.zeros(2400, np.float32)])


def received(sent: Samples, codec: str, steps: list[tuple[float, int]]) -> Audio:
    """Through the codec; at each place, in s, so many ms are repeated, or left out where it is negative."""
    parts, at = [np.zeros(2440, np.float32)], 0
    for place, ms in steps:
        here, by = round(place * RATE), ms * RATE // 1000
        parts += [sent[at:here], sent[here - by : here] if by > 0 else sent[:0]]
        at = here - min(by, 0)
    return coded(audio(*parts, sent[at:], parts[0]), SUBTYPES[codec])


@pytest.mark.parametrize("pair", ["sentence-twice-40ms-slip", "jitter-step-10ms"])
def test_recorded_repetitions_match(pair: str) -> None:
    reference, recording = recorded_pair(f"{pair}.PCMA")

    result = compare(reference, recording, options=Options(codec="PCMA"))

    assert result.matched, result.reasons


STEPS = [
    [(7.6, 10)],
    [(7.6, -10)],
    [(2.0, 20)],
    [(10.5, -20)],
    [(3.0, 10), (6.0, 10), (9.0, 10)],
    [(1.5, -20), (5.0, 20), (11.0, -10)],
]


@pytest.mark.parametrize(("steps", "seconds", "codec"), combined(STEPS, [12, 12, 20], list(SUBTYPES)))
def test_our_own_speech_matches_whatever_the_jitter_buffer_does(
    codec: str, steps: list[tuple[float, int]], seconds: int
) -> None:
    reference = make(f"speech:{seconds}", RATE)

    result = compare(reference, received(reference.samples, codec, steps), options=Options(codec=codec))

    assert result.matched, result.reasons
    assert result.delay_ms == pytest.approx(305, abs=25)


@pytest.mark.parametrize("order", ["aba", "aa", "abab", "aaa", "abaca"])
@pytest.mark.parametrize(("ms", "codec", "pause"), combined([-40, -20, 20, 40], list(SUBTYPES), [1, 2]))
def test_a_repeated_sentence_matches_when_a_pause_slips(order: str, ms: int, codec: str, pause: int) -> None:
    sentences = {name: sentence(seed, 2.0 + seed % 3) for name, seed in zip("abc", (3, 5, 7), strict=True)}
    samples = np.concatenate([sentences[name] for name in order])
    ends = np.cumsum([len(sentences[name]) for name in order]) / RATE - 0.1
    steps = [(float(ends[min(pause, len(order) - 1) - 1]), ms)]

    result = compare(Audio(samples, RATE), received(samples, codec, steps), options=Options(codec=codec))

    assert result.matched, result.reasons


@pytest.mark.parametrize("codec", SUBTYPES)
@pytest.mark.parametrize(
    ("asked", "played"), [("aba", "aab"), ("aba", "ab"), ("aba", "ba"), ("aa", "a"), ("abab", "aabb")]
)
def test_another_order_or_too_few_do_not(asked: str, played: str, codec: str) -> None:
    sentences = {name: sentence(seed, 2.0) for name, seed in zip("ab", (3, 5), strict=True)}
    reference, sent = (np.concatenate([sentences[name] for name in order]) for order in (asked, played))

    result = compare(Audio(reference, RATE), received(sent, codec, []), options=Options(codec=codec))

    assert not result.matched
