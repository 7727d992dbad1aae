"""Reading, writing, resampling and conversion of audio files (RIFF WAVE, and all formats of libsndfile)."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from media.audio.file_errors import folder_hint, reason
from media.audio.riff import AudioError, repair

__all__ = ["Audio", "AudioError", "CacheError", "playable", "read", "repair", "resample", "write"]

Samples = NDArray[np.float32]

BLOCK = 1 << 16  # frames converted at a time: bounds the memory for an hour-long file
WIDEBAND, LONG_S = 16000, 600  # limits above which a file has more detail than a comparison needs
SHORTEST_S = 0.1  # PJSIP's player refuses files of about one frame (20 ms)
FULL_SCALE = 32768.0  # a 16-bit sample of -32768 is -1.0


class CacheError(AudioError):
    """The converted copy of valid audio does not fit on the disk."""


@dataclass(frozen=True, eq=False, slots=True)
class Audio:
    """Mono audio: `samples` of shape (n,), float32, full scale is [-1, 1]; `rate` in Hz.

    Raises AudioError when the samples are not one-dimensional or not finite, or the rate is not positive.
    """

    samples: Samples
    rate: int

    def __post_init__(self) -> None:
        """Check the constraints of the class."""
        samples = np.asarray(self.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise AudioError(f"audio must be mono, of shape (n,), but its shape is {samples.shape}")
        if not np.isfinite(samples).all():
            raise AudioError("audio holds samples that are NaN or infinite; make it again")
        if self.rate <= 0:
            raise AudioError(f"a sample rate must be a positive number of Hz, not {self.rate}")
        object.__setattr__(self, "samples", samples)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


def read(path: str | Path) -> Audio:
    """Read any file that libsndfile reads, all its channels averaged into one.

    It keeps the rate of the file, except for files of more than ten minutes above 16 kHz. These are
    resampled to 16 kHz, more than a telephone carries, so that an hour needs no more memory than it has
    to. Float files that exceed full scale are clipped to [-1, 1], as every 16-bit player would.
    Raises AudioError, which names the file, when it is missing, a directory, unreadable, empty,
    not audio, without a frame, or holds NaN or infinity.
    """
    path = Path(path)
    with _open(path) as file:
        rate = file.samplerate
        if rate > WIDEBAND and file.frames > LONG_S * rate:
            rate = WIDEBAND
        try:
            samples = np.empty(-(-file.frames * rate // file.samplerate) + rate, dtype=np.float32)
        except (MemoryError, ValueError) as error:
            claim = f"its header claims {file.frames} frames"
            raise AudioError(f"{path}: {claim}; convert it to WAV first") from error
        end = 0
        for block in _resampled(path, file, rate):
            samples[end : end + len(block)] = block
            end += len(block)
        return Audio(samples[:end], rate)


def write(path: str | Path, audio: Audio) -> None:
    """Write 16-bit mono PCM in a plain RIFF WAVE file; samples beyond full scale are clipped, never wrapped.

    Raises AudioError when the file cannot be written.
    """
    path = Path(path)
    try:
        with _create(path, audio.rate) as file:
            for start in range(0, len(audio.samples), BLOCK):
                file.write(_int16(audio.samples[start : start + BLOCK]))
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path}: cannot be written: {_why(error)}{folder_hint(path)}") from error


def resample(audio: Audio, rate: int) -> Audio:
    """The same audio at another rate in Hz (soxr, high quality, linear phase: it adds no delay)."""
    if rate == audio.rate:
        return audio
    if rate <= 0:
        raise AudioError(f"a sample rate must be a positive number of Hz, not {rate}")
    if len(audio.samples) == 0:
        return Audio(audio.samples, rate)
    import soxr

    return Audio(soxr.resample(audio.samples, audio.rate, rate, "HQ"), rate)


def playable(path: str | Path, rate: int, cache: Path) -> Path:
    """Convert any audio file to one that PJSIP's player takes: 16-bit mono PCM WAV at `rate` Hz.

    Files shorter than 100 ms are padded with silence to 100 ms, because the player refuses those
    of about a frame. The result is kept in `cache` (made when missing) under a name that changes
    with the file's absolute path, modification time and size and with the rate: a file is converted
    once, in bounded memory, and processes that convert it at the same time do not disturb each other.
    Raises AudioError like `read`, and CacheError when the cache cannot be written.
    """
    path = Path(path)
    if rate <= 0:
        raise AudioError(f"a sample rate must be a positive number of Hz, not {rate}")
    with _open(path) as file:
        target = cache / _cached_name(path, rate)
        if target.exists():
            return target
        try:
            cache.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=cache)
            os.close(handle)
        except OSError as error:
            raise CacheError(f"{cache}: cannot hold converted audio: {_why(error)}") from error
        part = Path(name)
        try:
            _convert(path, file, part, rate)
            os.replace(part, target)
        except (OSError, soundfile.LibsndfileError) as error:
            raise CacheError(f"{target}: cannot be written: {_why(error)}") from error
        finally:
            part.unlink(missing_ok=True)
    return target


def _convert(path: Path, source: soundfile.SoundFile, target: Path, rate: int) -> None:
    frames = 0
    with _create(target, rate) as file:
        for block in _resampled(path, source, rate):
            frames += _append(file, block)
        _append(file, np.zeros(max(0, round(SHORTEST_S * rate) - frames), np.float32))


def _resampled(path: Path, file: soundfile.SoundFile, rate: int) -> Iterator[Samples]:
    """The audio of the file in blocks, resampled if necessary."""
    if file.samplerate == rate:
        yield from _blocks(path, file)
        return
    import soxr

    stream = soxr.ResampleStream(file.samplerate, rate, 1, "float32", "HQ")
    for block in _blocks(path, file):
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _append(file: soundfile.SoundFile, block: Samples) -> int:
    file.write(_int16(block))
    return len(block)


def _cached_name(path: Path, rate: int) -> str:
    status = path.stat()
    key = f"{path.absolute()}\0{status.st_mtime_ns}\0{status.st_size}\0{rate}"
    digest = hashlib.sha256(os.fsencode(key)).hexdigest()[:16]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem)[:40]
    return f"{stem}-{rate}-{digest}.wav"


def _open(path: Path) -> soundfile.SoundFile:
    """An open file with at least one frame; raises AudioError."""
    if path.is_dir():
        raise AudioError(f"{path}: is a directory; name an audio file in it")
    if not path.exists():
        raise AudioError(f"{path}: no such file; check the path")
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{path}: is empty (0 bytes); record or copy it again")
        file = soundfile.SoundFile(str(path))
    except (OSError, TypeError, ValueError, soundfile.LibsndfileError) as error:
        if isinstance(error, AudioError):
            raise
        if not os.access(path, os.R_OK):
            raise AudioError(f"{path}: may not be read; check its permissions") from error
        unread = f"is not audio that libsndfile reads ({_why(error)})"
        raise AudioError(f"{path}: {unread}; convert it to WAV") from error
    if file.frames <= 0:
        file.close()
        raise AudioError(f"{path}: holds no audio frame; if its recorder was killed, repair() may recover it")
    return file


def _blocks(path: Path, file: soundfile.SoundFile) -> Iterator[Samples]:
    """The audio of the file in mono blocks of at most BLOCK frames."""
    while True:
        try:
            frames = file.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{path}: cannot be read to its end ({_why(error)}); copy it again") from error
        if len(frames) == 0:
            return
        if not np.isfinite(frames).all():
            raise AudioError(f"{path}: holds samples that are NaN or infinite; make it again")
        mono = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)
        yield np.clip(mono, -1.0, 1.0)


def _create(path: Path, rate: int) -> soundfile.SoundFile:
    return soundfile.SoundFile(str(path), "w", samplerate=rate, channels=1, format="WAV", subtype="PCM_16")


def _int16(block: Samples) -> NDArray[np.int16]:
    scaled = np.rint(block * np.float32(FULL_SCALE))
    return np.asarray(np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1), dtype=np.int16)


def _why(error: BaseException) -> str:
    """The text of an error without the path, which the message already contains."""
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string).rstrip(".")
    return reason(error)
