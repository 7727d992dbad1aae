"""Audio through Opus at low bit rates: whole audio matches, and what is missing is found."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import soxr

from media.audio.wav import Audio, Samples
from media.compare.compare import Options, compare
from media.signals.tones import speech_like

av = pytest.importorskip("av", reason="needs the extra 'codecs': pip install av")

RATE, OPUS_RATE, FRAME = 16000, 48000, 960
BIT_RATES = [8000, 16000, 24000]
BEFORE = np.zeros(800, np.float32)


def through(samples: Samples, bit_rate: int) -> Samples:
    """What a decoder of Opus makes of it, 20 ms a packet."""
    coder, decoder = (av.CodecContext.create("libopus", mode) for mode in "wr")
    coder.sample_rate, coder.layout, coder.format, coder.bit_rate = OPUS_RATE, "mono", "s16", bit_rate
    coder.options = {"application": "voip", "frame_duration": "20"}
    coder.time_base = Fraction(1, OPUS_RATE)
    decoder.sample_rate, decoder.layout = OPUS_RATE, "mono"
    wave = soxr.resample(samples, RATE, OPUS_RATE)
    wave = np.append(wave, np.zeros(-len(wave) % FRAME, np.float32))
    received = []
    for at in range(0, len(wave), FRAME):
        block = np.rint(np.clip(wave[at : at + FRAME], -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(block[None, :], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = OPUS_RATE, at, Fraction(1, OPUS_RATE)
        received += [
            one.to_ndarray().reshape(-1) for packet in coder.encode(frame) for one in decoder.decode(packet)
        ]
    joined = np.concatenate(received)
    scale = 32768 if joined.dtype.kind == "i" else 1
    back: Samples = soxr.resample((joined / scale).astype(np.float32), OPUS_RATE, RATE)
    return back


@pytest.mark.parametrize("bit_rate", BIT_RATES)
@pytest.mark.parametrize("passes", [1, 2])
def test_whole_audio_matches(bit_rate: int, passes: int) -> None:
    sent = speech_like(4.0, RATE, seed=11)
    received = sent.samples
    for _ in range(passes):
        received = through(received, bit_rate)
    found = compare(
        sent, Audio(np.append(BEFORE, received), RATE), options=Options(codec="opus/48000", passes=passes)
    )
    assert found.matched, found.reasons


@pytest.mark.parametrize("bit_rate", BIT_RATES)
def test_missing_and_foreign_audio_is_found(bit_rate: int) -> None:
    sent, other = (speech_like(4.0, RATE, seed=seed) for seed in (11, 12))
    received = through(sent.samples, bit_rate)
    cut, replaced = received.copy(), through(other.samples, bit_rate)
    cut[RATE : 2 * RATE] = 0
    for wrong in (cut, replaced):
        recording = Audio(np.append(BEFORE, wrong), RATE)
        assert not compare(sent, recording, options=Options(codec="opus/48000")).matched
