"""Files are read, written, converted and mended, or refused in words that help."""

import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from media.audio import wav
from media.audio.wav import Audio, AudioError, CacheError
from media.signals import tones

quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def pcm(samples: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(samples * 32768), dtype=np.int64)


# Reading


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("a.wav", 8000, 1, "PCM_U8"),
        ("a.wav", 96000, 2, "PCM_24"),
        ("a.wav", 44100, 1, "FLOAT"),
        ("a.wav", 8000, 1, "ALAW"),
        ("a.wav", 8000, 1, "GSM610"),
        ("a.flac", 48000, 6, "PCM_16"),
        ("a.ogg", 16000, 2, "VORBIS"),
    ],
)
def test_reads_what_libsndfile_reads_as_mono(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str
) -> None:
    tone = tones.tone([440], 0.5, rate).samples
    soundfile.write(tmp_path / name, np.stack([tone] * channels, axis=1), rate, subtype=subtype)

    audio = wav.read(tmp_path / name)

    assert audio.rate == rate
    assert audio.samples.ndim == 1
    assert audio.duration_s == pytest.approx(0.5, abs=0.07)  # GSM comes in blocks of 40 ms
    assert np.corrcoef(audio.samples[: len(tone)], tone[: len(audio.samples)])[0, 1] > 0.99


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([[0.5, 0.1], [0.25, -0.25]]), 8000, subtype="FLOAT")

    assert wav.read(tmp_path / "a.wav").samples == pytest.approx([0.3, 0.0])


def test_float_beyond_full_scale_is_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([1.5, -2.0, 0.5]), 8000, subtype="FLOAT")

    assert wav.read(tmp_path / "a.wav").samples.tolist() == [1.0, -1.0, 0.5]


def test_refuses_a_file_without_audio_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not audio at all, whatever its name says")
    (tmp_path / "bytes.raw").write_bytes(b"\0" * 100)
    wav.write(tmp_path / "header.wav", tones.silence(0, 8000))
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "inf.wav", np.array([0.0, np.inf]), 8000, subtype="FLOAT")
    for name, words in {
        "gone.wav": "no such file",
        ".": "is a directory",
        "empty.wav": "is empty",
        "text.wav": "is not audio",
        "bytes.raw": "is not audio",
        "header.wav": "no audio frame",
        "nan.wav": "NaN",
        "inf.wav": "infinite",
    }.items():
        path = tmp_path / name
        with pytest.raises(AudioError, match=words) as caught:
            wav.read(path)
        assert str(path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_refuses_a_file_it_may_not_read(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", tones.silence(0.1, 8000))
    (tmp_path / "a.wav").chmod(0)

    with pytest.raises(AudioError, match="may not be read"):
        wav.read(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("samples", "rate"),
    [(np.zeros((2, 2)), 8000), (np.zeros(2), 0), (np.array([np.nan]), 8000), (np.array([np.inf]), 8000)],
)
def test_audio_keeps_its_promises(samples: np.ndarray, rate: int) -> None:
    with pytest.raises(AudioError):
        Audio(samples, rate)


# Writing


@quick
@given(
    samples=arrays.arrays(np.int16, st.integers(0, 300)),
    rate=st.sampled_from([8000, 11025, 16000, 44100, 48000]),
)
def test_sixteen_bits_survive_the_round_trip(tmp_path: Path, samples: np.ndarray, rate: int) -> None:
    path = tmp_path / "a.wav"
    wav.write(path, Audio((samples / 32768).astype(np.float32), rate))

    if not len(samples):
        assert soundfile.info(path).frames == 0
        return
    audio = wav.read(path)
    assert audio.rate == rate
    assert pcm(audio.samples).tolist() == samples.tolist()


@quick
@given(samples=arrays.arrays(np.float32, st.integers(1, 100), elements=st.floats(-4, 4, width=32)))
def test_samples_beyond_full_scale_are_clipped_not_wrapped(tmp_path: Path, samples: np.ndarray) -> None:
    wav.write(tmp_path / "a.wav", Audio(samples, 8000))

    expected = np.clip(samples, -1, 32767 / 32768)
    assert wav.read(tmp_path / "a.wav").samples == pytest.approx(expected, abs=0.5 / 32768 + 1e-7)


def test_the_file_is_plain_riff(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", tones.silence(0.1, 16000))

    head = (tmp_path / "a.wav").read_bytes()[:44]
    assert head[:4] == b"RIFF"
    assert head[8:36] == b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    assert head[36:] == b"data" + struct.pack("<I", 3200)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="gone"):
        wav.write(tmp_path / "gone" / "a.wav", tones.silence(0.1, 8000))


# Resampling


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 48000])
def test_resampling_keeps_time_and_level(rate: int) -> None:
    audio = wav.resample(tones.tone([440], 1.0, 44100), rate)

    expected = tones.tone([440], 1.0, rate)
    assert audio.rate == rate
    assert len(audio.samples) == pytest.approx(rate, abs=1)
    inner = slice(rate // 10, rate * 9 // 10)
    assert audio.samples[inner] == pytest.approx(expected.samples[inner], abs=2e-3)


def test_resampling_to_the_same_rate_is_the_same_audio() -> None:
    audio = tones.silence(0.1, 8000)

    assert wav.resample(audio, 8000) is audio


def test_resampling_nothing_is_nothing() -> None:
    assert wav.resample(tones.silence(0, 8000), 16000).duration_s == 0


def test_resampling_to_no_rate_is_refused() -> None:
    with pytest.raises(AudioError, match="rate"):
        wav.resample(tones.silence(0.1, 8000), 0)


# What PJSIP plays


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("a.wav", 96000, 1, "PCM_16"),
        ("a.wav", 8000, 1, "PCM_U8"),
        ("a.wav", 16000, 2, "PCM_24"),
        ("a.wav", 44100, 1, "FLOAT"),
        ("a.flac", 48000, 6, "PCM_24"),
        ("a.ogg", 22050, 1, "VORBIS"),
    ],
)
def test_playable_is_sixteen_bit_mono(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str
) -> None:
    tone = tones.tone([440], 2.0, rate).samples
    soundfile.write(tmp_path / name, np.stack([tone] * channels, axis=1), rate, subtype=subtype)

    path = wav.playable(tmp_path / name, 16000, tmp_path / "cache")

    info = soundfile.info(path)
    assert (info.format, info.subtype, info.channels, info.samplerate) == ("WAV", "PCM_16", 1, 16000)
    assert info.duration == pytest.approx(2.0, abs=0.01)
    inner = slice(4000, 28000)
    assert wav.read(path).samples[inner] == pytest.approx(
        tones.tone([440], 2.0, 16000).samples[inner], abs=0.02
    )


def test_converting_in_blocks_is_converting_at_once(tmp_path: Path) -> None:
    audio = tones.speech_like(5, 44100, 1)
    wav.write(tmp_path / "a.wav", audio)

    path = wav.playable(tmp_path / "a.wav", 8000, tmp_path / "cache")

    assert len(audio.samples) > 3 * wav.BLOCK
    whole = wav.resample(wav.read(tmp_path / "a.wav"), 8000)
    assert wav.read(path).samples == pytest.approx(whole.samples, abs=1e-4)


def test_a_short_file_is_padded_for_the_player(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", tones.tone([440], 0.01, 8000))

    path = wav.playable(tmp_path / "a.wav", 8000, tmp_path / "cache")

    assert wav.read(path).duration_s == pytest.approx(0.1)


def test_a_file_is_converted_once_until_it_changes(tmp_path: Path) -> None:
    source = tmp_path / "a b/c.wav"
    source.parent.mkdir()
    wav.write(source, tones.tone([440], 0.2, 8000))
    first = wav.playable(source, 8000, tmp_path / "cache")
    made = first.stat().st_mtime_ns

    assert wav.playable(source, 8000, tmp_path / "cache") == first
    assert first.stat().st_mtime_ns == made
    assert wav.playable(source, 16000, tmp_path / "cache") != first
    wav.write(source, tones.tone([880], 0.3, 8000))
    assert wav.playable(source, 8000, tmp_path / "cache") != first


def test_many_may_convert_the_same_file_at_once(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", tones.speech_like(2, 16000, 1))
    paths: list[Path] = []

    def convert() -> None:
        paths.append(wav.playable(tmp_path / "a.wav", 8000, tmp_path / "cache"))

    threads = [threading.Thread(target=convert) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(paths)) == 1
    assert len(paths) == 8
    assert wav.read(paths[0]).duration_s == pytest.approx(2.0, abs=0.001)
    assert list((tmp_path / "cache").iterdir()) == [paths[0]]


def test_a_file_that_cannot_be_converted_leaves_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")

    with pytest.raises(AudioError, match=r"a\.wav"):
        wav.playable(tmp_path / "a.wav", 8000, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_is_a_file_is_named(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", tones.silence(0.2, 8000))
    (tmp_path / "cache").touch()

    with pytest.raises(CacheError, match="cache"):
        wav.playable(tmp_path / "a.wav", 8000, tmp_path / "cache")


def test_importing_wav_loads_neither_pictures_nor_the_resampler() -> None:
    code = (
        "import sys, media.audio.wav; print(*[m for m in ('matplotlib', 'soxr', 'bot') if m in sys.modules])"
    )
    root = Path(wav.__file__).parents[2]

    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
