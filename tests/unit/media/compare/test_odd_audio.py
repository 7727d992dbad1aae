"""Short, loud, damaged and odd audio: compared or refused, in bounded memory."""

import contextlib
import dataclasses
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.audio.wav import Audio, AudioError, read
from media.compare.compare import compare
from media.signals import tones
from tests.support.reference_audio import (
    RATE,
    audio,
    dense,
    quiet,
    speech,
)


@pytest.mark.parametrize("length", [1, 50, 79, 80, 400, 2000])
def test_short_audio_is_compared_without_a_fuss(length: int) -> None:
    piece = Audio(speech().samples[2000 : 2000 + length], RATE)

    assert compare(speech(), piece).matched is False
    with contextlib.suppress(AudioError):  # a few samples are no more than DC
        compare(piece, speech())
        compare(piece, piece)


@pytest.mark.parametrize("length", [1, 79, 80, 400, 1000])
def test_too_short_a_reference_is_refused(length: int) -> None:
    loud = int(np.abs(dense(1).samples).argmax())
    piece = Audio(dense(1).samples[loud : loud + length], RATE)

    with pytest.raises(AudioError, match=r"reference (has only|is silent)"):
        compare(piece, dense(1))


def test_short_pieces_are_found_in_their_own_speech_only() -> None:
    rng = np.random.default_rng(3)
    for seed in range(1, 9):
        at = int(rng.integers(0, 2 * RATE))
        piece = Audio(dense(seed).samples[at : at + 2400], RATE)
        assert compare(piece, dense(seed)).matched
        assert not compare(piece, speech(seed % 8 + 1, 12)).matched


@pytest.mark.parametrize("level", [1e4, 1e18, 1e38])
def test_samples_far_beyond_full_scale_are_refused(level: float) -> None:
    loud = Audio(speech().samples / np.abs(speech().samples).max() * level, RATE)

    with pytest.raises(AudioError, match="the recording has samples beyond"):
        compare(speech(), loud)
    with pytest.raises(AudioError, match="the reference has samples beyond"):
        compare(loud, speech())


@functools.cache
def odd() -> dict[str, Audio]:
    samples = speech().samples
    rng = np.random.default_rng(0)
    return {
        "empty": audio(quiet(0)),
        "one sample": audio(np.ones(1)),
        "one sample at 96 kHz": audio(np.ones(1), rate=96000),
        "silence": audio(quiet(2)),
        "less than a float can square": audio(np.full(RATE, 1e-39)),
        "the last bit": audio(rng.integers(-1, 2, 2 * RATE) / 32768),
        "full scale": audio(np.ones(RATE)),
        "clipped to a square": audio(np.sign(samples)),
        "eight bits": audio(np.round(samples * 127) / 127),
        "a click at the start": audio(np.ones(1), quiet(2)),
        "a click at the end": audio(quiet(2), np.ones(1)),
        "a square wave": audio(np.tile([1.0, -1.0], RATE)),
        "a burst": audio(rng.normal(0, 0.1, 160), quiet(2)),
        "4000 Hz": tones.speech_like(2, 4000, 1),
        "7350 Hz": tones.speech_like(2, 7350, 1),
        "96 kHz": tones.speech_like(2, 96000, 1),
    }


@pytest.mark.parametrize("name", odd())
def test_odd_audio_is_compared_or_refused(name: str) -> None:
    """Warnings are errors here, so neither divides by zero."""
    for reference, recording in [
        (speech(), odd()[name]),
        (odd()[name], speech()),
        (odd()[name], odd()[name]),
    ]:
        with contextlib.suppress(AudioError):
            json.dumps(dataclasses.asdict(compare(reference, recording, sent=speech(3))), allow_nan=False)


@pytest.mark.parametrize("name", ["clipped to a square", "eight bits", "4000 Hz", "7350 Hz", "96 kHz"])
def test_odd_audio_matches_itself(name: str) -> None:
    assert compare(odd()[name], odd()[name]).matched


@pytest.mark.parametrize(
    ("channels", "rate", "subtype"),
    [(6, 8000, "PCM_16"), (2, 96000, "FLOAT"), (1, 8000, "PCM_U8"), (1, 44100, "PCM_24"), (1, 8000, "ULAW")],
)
def test_files_of_any_format_match_their_audio(
    tmp_path: Path, channels: int, rate: int, subtype: str
) -> None:
    given = speech(1, 4, rate)
    soundfile.write(tmp_path / "heard.wav", np.stack([given.samples] * channels, axis=1), rate, subtype)

    result = compare(speech(1, 4, rate), read(tmp_path / "heard.wav"))

    assert result.matched, result.reasons


def test_a_recording_that_breaks_off_misses_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "whole.wav", dense(1).samples, RATE, "PCM_16")
    whole = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "broken.wav").write_bytes(whole[: len(whole) // 2])

    result = compare(dense(1), read(tmp_path / "broken.wav"))

    assert not result.matched
    assert "of the end are missing" in result.reasons[0]
    assert result.missing_ms == pytest.approx(2000, abs=40)


QUARTER = """
import resource
import numpy as np
from media.audio.wav import Audio
from media.compare.compare import compare
from media.signals import tones

rate = 48000
minutes = [tones.speech_like(60, rate, seed).samples for seed in range(3)]
sent = np.empty(900 * rate, np.float32)
for index, turn in enumerate(np.random.default_rng(0).integers(0, 60 * rate, 15)):
    sent[index * 60 * rate : (index + 1) * 60 * rate] = np.roll(minutes[index % 3], turn)
heard = np.zeros(len(sent) + rate, np.float32)
heard[rate:] = sent
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
result = compare(Audio(sent, rate), Audio(heard, rate))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(result.matched, round(result.delay_ms), (peak - before) // 2**20)
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_quarter_of_an_hour_at_48_khz_needs_little_beside_its_samples() -> None:
    """An hour takes four times that, 0.5 GB."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUARTER],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[4],
        timeout=230,
    )

    matched, delay_ms, megabytes = done.stdout.split()
    assert (matched, delay_ms) == ("True", "1000")
    assert int(megabytes) < 256
