"""The WAV file of a running recorder, with a valid header and reserved space at any time.

The library writes the lengths of a RIFF WAVE file at the end of the recorder, and ignores a full disk.
Therefore the lengths are updated during the recording, so that the file is readable after a crash. The space
of the next seconds is reserved, so that a full disk is detected before audio is lost.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct

__all__ = ["REMOVED", "RecordingFile"]

RIFF_LENGTH_AT, DATA_NAME_AT, DATA_LENGTH_AT, SAMPLES_AT = 4, 36, 40, 44
"""Where the library's header has them: RIFF, fmt of 16 bytes, data."""
CHUNK_HEADER = 8
AHEAD = 1 << 18
"""Bytes that are reserved: more than two seconds at 48 kHz."""
KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE of fallocate(2)."""
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REMOVED = "the file was removed"
_C = ctypes.CDLL(None, use_errno=True)


class RecordingFile:
    """Raises OSError when the file cannot be opened."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)

    def tend(self) -> str | None:
        """Update the lengths and reserve space; the reason why nothing more can be written, or None."""
        if self.is_removed:
            return REMOVED
        has_header = os.pread(self._handle, 4, DATA_NAME_AT) == b"data"
        size = os.fstat(self._handle).st_size  # the library writes meanwhile, on another thread
        if has_header and size >= SAMPLES_AT:
            data = (size - SAMPLES_AT) // 2 * 2
            self._put(DATA_LENGTH_AT, data)
            self._put(RIFF_LENGTH_AT, data + SAMPLES_AT - CHUNK_HEADER)
        return no_room(self._handle, size)

    @property
    def is_removed(self) -> bool:
        """Whether the file has no name any more: what is written is lost when it is closed."""
        return os.fstat(self._handle).st_nlink == 0

    def release(self) -> None:
        """Leave the lengths to the library: from now on right ones mean that it has completed the file."""
        self._put(RIFF_LENGTH_AT, 0)

    def close(self) -> None:
        """Release the reserved space."""
        os.ftruncate(self._handle, os.fstat(self._handle).st_size)
        os.close(self._handle)

    def _put(self, at: int, length: int) -> None:
        os.pwrite(self._handle, struct.pack("<I", min(length, 0xFFFFFFFF)), at)


def no_room(handle: int, size: int) -> str | None:
    """Why the file cannot grow any more; None when it can, or when the file system does not say."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and size + AHEAD > limit:
        return os.strerror(errno.EFBIG)
    reserve = getattr(_C, "fallocate", None)
    if reserve is not None:
        reserve.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        if reserve(handle, KEEP_SIZE, size, AHEAD) == 0:
            return None
        if (problem := ctypes.get_errno()) in NO_ROOM:
            return os.strerror(problem)
    free = os.fstatvfs(handle)
    return os.strerror(errno.ENOSPC) if free.f_bavail * free.f_frsize < AHEAD else None
