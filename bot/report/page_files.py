"""Links from a page to the files beside it, and the audio in it.

Audio is in the page itself, up to ``MOST_BYTES``, so that one file is all of it; further audio is written to
a folder beside the page.
"""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

from bot.files import write_whole

__all__ = ["FOLDER", "MOST_BYTES", "PageFiles"]

MOST_BYTES = 12_000_000
"""Largest size of the audio in a page, in bytes of base64."""
FOLDER = "report-audio"
"""Folder beside the page for further audio."""


class PageFiles:
    """Files of one page in ``folder``; None for a page whose place is unknown: it has no links."""

    def __init__(self, folder: Path | None, *, most_bytes: int | None = None) -> None:
        self.folder = folder
        self.beside = 0
        """Number of sounds beside the page."""
        self.left_out = 0
        """Number of sounds for which there was no room."""
        self._left = MOST_BYTES if most_bytes is None else most_bytes

    def link(self, path: str | Path) -> str | None:
        """The relative URL of an existing file; None without a file or a folder."""
        if self.folder is None or not os.path.exists(path):
            return None
        return quote(os.path.relpath(path, self.folder).replace(os.sep, "/"))

    def links(self, *names: str) -> list[tuple[str, str]]:
        """The names and URLs of those files in the folder of the page that exist."""
        if self.folder is None:
            return []
        return [(name, url) for name in names if (url := self.link(self.folder / name)) is not None]

    def sound(self, name: str, content: bytes) -> str | None:
        """The URL of FLAC audio: its data, or a file ``name`` beside the page; None without room."""
        size = (len(content) + 2) // 3 * 4
        if size <= self._left:
            self._left -= size
            return f"data:audio/flac;base64,{b64encode(content).decode()}"
        if self.folder is None:
            self.left_out += 1
            return None
        path = self.folder / FOLDER / name
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_whole(path, content)
        except OSError:
            self.left_out += 1
            return None
        self.beside += 1
        return self.link(path)
