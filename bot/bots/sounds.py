"""Files to play, made of what an operator names: a file, or a signal such as ``tone:440:2``."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from bot.audio_cache import cache_folder, no_room
from bot.call import Call, Playback
from bot.errors import ConfigError

__all__ = ["kept", "play_once", "sound"]

RATE = 16000


def sound(text: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """The file of that name, in ``folder`` unless it is absolute, or a file made of that signal.

    Raises ConfigError when it is neither, and NativeError like ``kept``.
    """
    path = (folder or Path()) / text
    if path.is_file():
        return path
    name = os.fspath(text)
    if os.sep in name or path.suffix.lower() in {".wav", ".flac", ".ogg", ".mp3"}:
        raise ConfigError(f"{path}: there is no such file")
    from media.signals import make
    from media.wav import AudioError, write

    try:
        audio = make(name, RATE)
    except AudioError as error:
        raise ConfigError(f"{name}: is no file, and no signal: {error}") from None
    digest = hashlib.sha256(audio.samples.tobytes()).hexdigest()[:16]
    return kept(f"signal-{digest}.wav", lambda part: write(part, audio))


def kept(name: str, write: Callable[[Path], None]) -> Path:
    """The file of that name in the cache, written once and whole; NativeError when it cannot be."""
    from media.wav import AudioError

    target = cache_folder() / name
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=".", suffix=".wav", dir=target.parent)
        os.close(handle)
        try:
            write(Path(draft))
            os.replace(draft, target)
        finally:
            Path(draft).unlink(missing_ok=True)
    except (OSError, AudioError) as error:
        raise no_room(error) from None
    return target


def play_once(call: Call, path: Path) -> Playback:
    """Play what somebody said, and leave no converted copy of it in the cache: the player has it open."""
    playback = call.play(path)
    call.host.playable(path).unlink(missing_ok=True)
    return playback
