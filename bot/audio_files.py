"""Audio sources: files, and signals such as ``speech:2`` or ``marker:17``, which are generated on demand.

``call.play``, ``to_match``, ``--play``, ``--expect-audio``, scenarios and bots accept both. A name is a
file if the file exists, otherwise a signal (``media.signals``, ``srtpbot audio make --help``).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import ConfigError, NativeError, naming
from bot.files import write_by

if TYPE_CHECKING:
    from media.audio.wav import Audio

__all__ = ["Source", "audio_at", "audio_file", "audio_of", "check_audible", "kept", "playable"]

Source = str | os.PathLike[str]
"""Name of a file or a signal."""
RATE = 16000
"""Sample rate of signals in Hz, for wideband codecs."""
SILENT = 0.001
"""Peak level of silence, as a fraction of full scale: -60 dBFS."""
SUFFIXES = {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".raw", ".w64"}
"""Suffixes of audio files; a name with such a suffix is not a signal."""
EXPECTED = "expected an audio file, or a signal such as speech:2"


def audio_file(source: Source, folder: Source = "") -> Path:
    """The path of the file ``source``, relative to ``folder``, or of a WAV file with the signal in the cache.

    Raises ConfigError for an unknown source, and NativeError when the cache is not writable.
    """
    from media.audio.wav import write

    path = found(source, folder)
    if path is not None:
        return path
    audio = signal(os.fspath(source), os.fspath(folder))
    digest = hashlib.sha256(audio.samples.tobytes()).hexdigest()[:16]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", os.fspath(source)).strip("-")[:40]
    return kept(f"{name}-{digest}.wav", lambda part: write(part, audio))


def audio_at(place: str, source: Source, folder: Source = "") -> Path:
    """``audio_file`` with ``place``, an option or a key, at the start of error messages."""
    with naming(place):
        return audio_file(source, folder)


def audio_of(source: Source, folder: Source = "") -> Audio:
    """The audio of a file at its own rate, or of a signal at 16 kHz; raises ConfigError."""
    from media.audio.wav import AudioError, read

    path = found(source, folder)
    if path is None:
        return signal(os.fspath(source), os.fspath(folder))
    try:
        return read(path)
    except AudioError as error:
        raise ConfigError(str(error)) from None


def check_audible(source: Source, folder: Source = "") -> None:
    """Raise ConfigError for silence: every recording would match it."""
    samples = audio_of(source, folder).samples
    if not len(samples) or max(-samples.min(), samples.max()) < SILENT:
        raise ConfigError(f"{source}: is silent, so every recording would match; use audible audio")


def found(source: Source, folder: Source) -> Path | None:
    """The path of an existing file, None for a signal; raises ConfigError for a missing file."""
    name = os.fspath(source)
    if not name.strip() or "\0" in name:
        raise ConfigError(f"{name!r}: invalid name; {EXPECTED}")
    path = Path(folder, os.path.expanduser(name))
    if path.is_file() or (path.exists() and not path.is_dir()):
        return path
    if is_signal(name):
        return None
    if path.is_dir():
        raise ConfigError(f"{path}: is a directory; {EXPECTED}")
    if os.sep in name or path.suffix.lower() in SUFFIXES:
        raise ConfigError(f"{path}: no such file; {EXPECTED}")
    return None


def is_signal(name: str) -> bool:
    """Whether the name starts with the name of a signal."""
    from media.signals.signals import SIGNALS

    return name.replace(",", ":").replace("@", ":").partition(":")[0].strip().lower() in SIGNALS


def signal(name: str, folder: str) -> Audio:
    """The audio of a signal; ``file:x.wav`` in it is relative to ``folder``; raises ConfigError."""
    from media.audio.wav import AudioError
    from media.signals.signals import files, make

    try:
        return make(name, RATE, folder) if files(name) else made(name)
    except AudioError as error:
        if is_signal(name):
            raise ConfigError(str(error)) from None
        raise ConfigError(f"{name}: no such file and no such signal: {error}; {EXPECTED}") from None


@lru_cache(maxsize=64)
def made(name: str) -> Audio:
    """The cached audio of a signal without files."""
    from media.signals.signals import make

    return make(name, RATE)


def playable(source: Source, rate: int) -> Path:
    """The path of a 16-bit mono WAV file of ``rate`` Hz in the cache, made of a file or a signal.

    Raises ConfigError for an unknown source, and NativeError when the cache is not writable.
    """
    from media.audio.wav import AudioError, CacheError
    from media.audio.wav import playable as converted

    try:
        return converted(audio_file(source), rate, cache_folder())
    except CacheError as error:
        raise no_room(error) from None
    except AudioError as error:
        raise ConfigError(str(error)) from None


def cache_folder() -> Path:
    """The cache folder of converted audio."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "srtpbot" / "audio"


def kept(name: str, write: Callable[[Path], None]) -> Path:
    """The file ``name`` in the cache, written atomically if it is missing; raises NativeError."""
    from media.audio.wav import AudioError

    target = cache_folder() / name
    if target.is_file():
        return target
    try:
        write_by(target, write)
    except (OSError, AudioError) as error:
        raise no_room(error) from None
    return target


def no_room(error: Exception) -> NativeError:
    """The error of a cache folder that is not writable."""
    return NativeError(
        f"cannot write the audio cache: {error}; free disk space, or set XDG_CACHE_HOME to another folder"
    )
