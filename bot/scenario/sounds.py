"""The sounds of a scenario: a file beside it, or a signal made where it is needed; not who plays them."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import ConfigError

if TYPE_CHECKING:
    from media.wav import Audio

__all__ = ["audible", "file_of", "readable", "seconds_of"]

RATE = 16000
"""Of signals; wide-band codecs carry all of it."""
SILENT = 0.001
"""-60 dBFS."""


def readable(sound: str, folder: str) -> None:
    """Raise ConfigError unless the sound can be played."""
    made(sound, folder)


def audible(sound: str, folder: str) -> None:
    """Raise ConfigError unless a recording can be compared with the sound."""
    samples = made(sound, folder).samples
    if not len(samples) or max(-samples.min(), samples.max()) < SILENT:
        raise ConfigError(f"{sound}: is silent, so everything would match; use one with audio")


def file_of(sound: str, folder: str, target: Path) -> Path:
    """An audio file of the sound; a signal is written into the folder ``target``, once."""
    from media.wav import write

    path = Path(folder, os.path.expanduser(sound))
    if is_file(sound, path):
        return path
    audio = made(sound, folder)
    written = target / (re.sub(r"[^A-Za-z0-9.]+", "-", sound).strip("-")[:80] + ".wav")
    if not written.exists():
        target.mkdir(parents=True, exist_ok=True)
        draft = written.with_suffix(f".{os.urandom(4).hex()}")
        write(draft, audio)
        draft.replace(written)
    return written


def seconds_of(path: Path) -> float:
    """How long a file lasts."""
    import soundfile

    return float(soundfile.info(str(path)).duration)


def is_file(sound: str, path: Path) -> bool:
    """What exists is a file, and so is what is named like one."""
    return path.is_file() or (
        path.suffix.lower() in {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".au"} and ":" not in sound
    )


@lru_cache(maxsize=64)
def made(sound: str, folder: str) -> Audio:
    """The sound itself; ConfigError says why there is none."""
    from media.signals import make
    from media.wav import AudioError, read

    path = Path(folder, os.path.expanduser(sound))
    try:
        if is_file(sound, path):
            return read(path)
        return make(beside(sound, folder), RATE)
    except AudioError as error:
        raise ConfigError(str(error)) from None


def beside(sound: str, folder: str) -> str:
    """A signal whose files (``file:x.wav``) are those of the folder."""
    return re.sub(
        r'(^|,)file:("?)(?![/"])',
        lambda one: f"{one[1]}file:{one[2]}{folder}{os.sep}" if folder else one[0],
        sound,
    )
