"""media.audio.flac: the same samples again, two channels side by side."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from media.audio.flac import flac, side_by_side
from media.audio.wav import Audio
from media.signals.tones import tone


def decoded(content: bytes) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return samples, rate


def test_it_is_lossless_and_half_as_large() -> None:
    audio = tone([440], 1.0, 8000)
    content = flac(audio)
    samples, rate = decoded(content)
    assert rate == 8000
    assert np.abs(samples[:, 0] - audio.samples).max() < 1 / 32000
    assert len(content) < 16000


def test_two_channels_have_the_higher_rate_and_the_longer_length() -> None:
    samples, rate = decoded(flac(tone([440], 0.5, 8000), tone([440], 1.0, 16000)))
    assert (samples.shape, rate) == ((16000, 2), 16000)
    assert not samples[9000:, 0].any()


def test_the_later_one_begins_with_silence() -> None:
    ones = Audio(np.ones(800, np.float32), 8000)
    left, right = side_by_side(ones, ones, 0.1)
    assert (len(left.samples), len(right.samples)) == (800, 1600)
    assert not right.samples[:800].any()
    left, right = side_by_side(ones, ones, -0.1)
    assert (len(left.samples), len(right.samples)) == (1600, 800)
