"""The file of a journal: whole lines, each written as its event comes, so that a crash leaves them all.

A bounded journal has two files: when the newer one has half the permitted size, it becomes the older one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from bot.errors import ConfigError, NativeError
from bot.files import NO_ROOM, create, make_folder

__all__ = ["JournalFile", "older_file"]

CHUNK: Final = 1 << 20


def older_file(path: Path) -> Path:
    """The name of the older part of a journal."""
    return path.with_name(f"{path.stem}.1{path.suffix}")


class JournalFile:
    """An open file or device; a removed file is created again with its content.

    ``most`` is the largest size of both parts together in bytes; 0 is no limit.

    Raises ConfigError when ``path`` cannot be written, NativeError when it is a link or the disk is full.
    """

    def __init__(self, path: Path, first_line: bytes, most: int = 0) -> None:
        self.path = path
        self._first_line, self._most_of_part = first_line, most // 2
        self._is_file = not path.exists() or path.is_file()
        self._size = 0
        try:
            make_folder(path.absolute().parent)
            self._file = create(path)
            if self._is_file:
                with suppress(FileNotFoundError):
                    older_file(path).unlink()  # of an earlier run
            self._size = self._put(self._file, first_line, 0)
        except OSError as error:
            kind = NativeError if error.errno in NO_ROOM else ConfigError
            raise kind(f"{path}: cannot write the journal: {error.strerror}") from None

    def append(self, line: bytes) -> None:
        """Write a whole line or nothing; raises OSError or BotError."""
        self._make_again()
        if self._is_file and 0 < self._most_of_part < self._size + len(line):
            self._rotate()
        self._size = self._put(self._file, line, self._size)

    def close(self) -> None:
        """Close it."""
        os.close(self._file)

    def _make_again(self) -> None:
        """Write the content into a new file when the file or its folder was removed."""
        if not self._is_file or os.fstat(self._file).st_nlink:
            return
        make_folder(self.path.absolute().parent)
        again = create(self.path)
        size = 0
        while chunk := os.pread(self._file, CHUNK, size):
            size = self._put(again, chunk, size)
        os.close(self._file)
        self._file = again

    def _rotate(self) -> None:
        """Begin a new file, and keep the one that is full as the older part."""
        os.replace(self.path, older_file(self.path))
        os.close(self._file)
        self._file = create(self.path)
        self._size = self._put(self._file, self._first_line, 0)

    def _put(self, file: int, content: bytes, size: int) -> int:
        """Append the whole content or nothing; returns the new size of the file."""
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(file, left) :]
        except OSError:
            if self._is_file:
                os.ftruncate(file, size)
            raise
        return size + len(content)
