"""Where audio that was converted or made for playing is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import NativeError

__all__ = ["cache_folder", "no_room"]


def cache_folder() -> Path:
    """Where converted audio is kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "srtpbot" / "audio"


def no_room(error: Exception) -> NativeError:
    """What is raised when the folder of converted audio cannot be written."""
    return NativeError(
        f"audio to play cannot be kept: {error}; is the disk full? XDG_CACHE_HOME can name another folder"
    )
