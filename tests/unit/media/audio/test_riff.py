"""What a killed recorder leaves behind becomes readable, and nothing else is touched."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.audio import wav
from media.audio.riff import AudioError, repair
from media.signals import tones

quick = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

TONE = tones.tone([440], 1.0, 8000)


def wave_file(subtype: str = "PCM_16", *, s: float = 1.0) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tones.tone([440], s, 8000).samples, 8000, format="WAV", subtype=subtype)
    return file.getvalue()


def with_lengths(content: bytes, riff: int, data: int) -> bytes:
    at = content.index(b"data") + 4
    return content[:4] + struct.pack("<I", riff) + content[8:at] + struct.pack("<I", data) + content[at + 4 :]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.wav"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "PCM_24", "FLOAT", "ALAW", "ULAW", "GSM610"])
@pytest.mark.parametrize("lengths", [(0, 0), (36, 0), (1036, 650), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_wrong_lengths_are_put_right(path: Path, subtype: str, lengths: tuple[int, int]) -> None:
    whole = wave_file(subtype)
    path.write_bytes(with_lengths(whole, *lengths))

    assert repair(path) == pytest.approx(1.0, abs=0.07)  # GSM comes in blocks of 40 ms

    expected, _ = soundfile.read(io.BytesIO(whole))
    assert wav.read(path).samples[:8000] == pytest.approx(expected[:8000], abs=1e-6)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "GSM610"])
def test_a_right_file_is_left_alone(path: Path, subtype: str) -> None:
    path.write_bytes(wave_file(subtype))
    path.chmod(0o600)
    before = path.read_bytes(), path.stat().st_mtime_ns

    assert repair(path) == pytest.approx(1.0, abs=0.07)  # GSM comes in blocks of 40 ms
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_half_a_sample_at_the_end_is_cut_off(path: Path) -> None:
    path.write_bytes(with_lengths(wave_file(), 0, 0) + b"\x01")

    assert repair(path) == 1.0
    assert path.stat().st_size == 44 + 16000


def test_chunks_before_the_data_are_walked(path: Path) -> None:
    whole = wave_file()
    note = b"LIST" + struct.pack("<I", 5) + b"datax\0"
    path.write_bytes(with_lengths(whole, 0, 0)[:36] + note + with_lengths(whole, 0, 0)[36:])

    assert repair(path) == 1.0
    assert wav.read(path).samples == pytest.approx(TONE.samples, abs=1 / 32768)


def test_chunks_after_the_data_stay(path: Path) -> None:
    note = b"LIST" + struct.pack("<I", 4) + b"INFO"
    path.write_bytes(wave_file() + note)

    assert repair(path) == 1.0
    assert path.read_bytes().endswith(note)
    assert struct.unpack("<I", path.read_bytes()[4:8])[0] == path.stat().st_size - 8


def test_silence_after_a_stale_length_is_not_taken_for_chunks(path: Path) -> None:
    wav.write(path, tones.silence(1, 8000))
    path.write_bytes(with_lengths(path.read_bytes(), 36, 0))

    assert repair(path) == 1.0


@pytest.mark.parametrize("length", [0, 3, 8, 12, 20, 36, 40, 44])
def test_a_file_without_samples_becomes_an_empty_wav(path: Path, length: int) -> None:
    path.write_bytes(with_lengths(wave_file(), 0, 0)[:length])

    assert repair(path) == 0.0
    info = soundfile.info(path)
    assert (info.frames, info.samplerate, info.channels) == (0, 8000, 1)


def test_the_rate_of_an_empty_file_is_kept(path: Path) -> None:
    wav.write(path, tones.silence(0, 16000))
    path.write_bytes(path.read_bytes()[:38])

    assert repair(path) == 0.0
    assert soundfile.info(path).samplerate == 16000


@pytest.mark.parametrize(
    "content",
    [
        b"OggS" + b"\0" * 60,
        b"RIFF\0\0\0\0AVI " + b"\0" * 60,
        b"hello",
        b"RIFF\0\0\0\0WAVEdata" + b"\0" * 60,
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + b"\0" * 16 + b"data\0\0\0\0\1\1",
        b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0" + b"\1" * 4 + b"data\0\0\0\0\1\1",
    ],
)
def test_other_files_are_refused_and_not_changed(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(AudioError, match=r"a\.wav"):
        repair(path)
    assert path.read_bytes() == content


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(AudioError, match=r"a\.wav.*No such file"):
        repair(path)


@quick
@given(
    subtype=st.sampled_from(["PCM_16", "PCM_24", "FLOAT", "ULAW", "GSM610", "IMA_ADPCM"]),
    share=st.floats(0, 1),
    killed=st.booleans(),
)
def test_any_prefix_of_a_wav_is_mended_or_refused(
    tmp_path: Path, subtype: str, share: float, killed: bool
) -> None:
    path = tmp_path / "a.wav"
    whole = wave_file(subtype, s=0.05)
    content = with_lengths(whole, 0, 0) if killed else whole
    path.write_bytes(content[: round(share * len(content))])
    try:
        length = repair(path)
    except AudioError:
        return
    frames, rate = soundfile.read(path)
    assert length == len(frames) / rate
    again = path.read_bytes()
    assert repair(path) == length
    assert path.read_bytes() == again


@quick
@given(content=st.binary(max_size=120))
def test_any_bytes_after_a_header_are_mended_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\x24\0\0\0WAVE" + content)
    try:
        repair(path)
    except AudioError:
        return
    soundfile.read(path)


def test_every_prefix_of_sixteen_bit_pcm_keeps_its_samples(path: Path) -> None:
    whole = with_lengths(wave_file(s=0.01), 0, 0)
    expected = np.frombuffer(whole[44:], "<i2")
    for length in range(44, len(whole) + 1):
        path.write_bytes(whole[:length])
        repair(path)
        assert soundfile.read(path, dtype="int16")[0].tolist() == expected[: (length - 44) // 2].tolist()
