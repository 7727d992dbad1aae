"""Parser for the chunks of a RIFF WAVE file; repairs the file of a killed recorder.

Source: Multimedia Programming Interface and Data Specifications 1.0 (RIFF, `fmt `, `fact`, `data`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import soundfile

__all__ = ["AudioError", "repair"]

RIFF_HEADER = 12  # "RIFF", length, "WAVE"
CHUNK_HEADER = 8  # name, length
FORMAT_LENGTH = 16  # tag, channels, rate, bytes per second, block align, bits
LONGEST = 0xFFFFFFFF  # a length is 32 bits
ONE_FRAME_PER_BLOCK = {1, 3, 6, 7}  # PCM, float, A-law, mu-law: `fact` counts blocks
EMPTY_FORMAT = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)


class AudioError(ValueError):
    """Unusable audio; the message names the file, the fault and the remedy."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The positions of the chunks in a WAVE file.

    `data` is the offset of the samples, None without a data chunk.
    """

    format: bytes | None
    fact: int | None
    data: int | None
    declared: int
    end: int  # end of the last whole chunk before the data


def repair(path: str | Path) -> float:
    """Repair a WAV file of a killed recorder in place, and return its length in seconds.

    A killed recorder leaves lengths of 0, or old ones, in the RIFF and data headers while the samples
    are there. Only a header that is wrong is written; half a sample at the end is cut off. An empty
    file, or one without samples, becomes a valid empty WAV (16-bit mono at 8000 Hz when its format
    was not written yet) and gives 0.0. Raises AudioError when the file is missing or not a WAV.
    """
    path = Path(path)
    try:
        with path.open("r+b") as file:
            _mend(path, file)
    except OSError as error:
        raise AudioError(f"{path}: cannot be repaired: {error.strerror or error}") from error
    try:
        return float(soundfile.info(str(path)).duration)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: is no WAV that libsndfile reads: {error.error_string}") from error


def _mend(path: Path, file: BinaryIO) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(RIFF_HEADER)
    if not ("RIFF".startswith(head[:4].decode("latin-1")) and b"WAVE".startswith(head[8:])):
        raise AudioError(f"{path}: is not a RIFF WAVE file; only those can be repaired")
    layout = _walk(path, file, size)
    if layout.format is None:
        _rewrite_empty(file)
    elif layout.data is None:
        _append_empty_data(file, layout.end)
    else:
        _fix_lengths(path, file, size, layout, layout.data, fmt=layout.format)


def _walk(path: Path, file: BinaryIO, size: int) -> _Layout:
    """Walk through the chunks up to the data, or to the damage."""
    fmt: bytes | None = None
    fact: int | None = None
    at = RIFF_HEADER
    while at + CHUNK_HEADER <= size:
        name, length = _chunk(file, at)
        if name == b"data":
            if fmt is None:
                raise AudioError(f"{path}: its data chunk comes before its fmt chunk; it cannot be read")
            return _Layout(fmt, fact, at + CHUNK_HEADER, length, at)
        if at + CHUNK_HEADER + length > size:
            break
        if name == b"fmt ":
            fmt = file.read(length)
            if length < FORMAT_LENGTH or _block_align(fmt) == 0:
                raise AudioError(f"{path}: its fmt chunk is damaged; the samples cannot be told apart")
        if name == b"fact":
            fact = at + CHUNK_HEADER
        at += CHUNK_HEADER + length + length % 2
    return _Layout(fmt, fact, None, 0, min(at, size))


def _fix_lengths(path: Path, file: BinaryIO, size: int, layout: _Layout, data: int, *, fmt: bytes) -> None:
    if not _holds(file, size, data, layout.declared, _block_align(fmt)):
        length = (size - data) // _block_align(fmt) * _block_align(fmt)
        if length > LONGEST:
            raise AudioError(f"{path}: is longer than the 4 GiB that a WAVE file can hold")
        file.truncate(data + length)
        size = data + length + length % 2
        if length % 2:
            _put(file, data + length, b"\0")
        _put(file, data - 4, struct.pack("<I", length))
        tag = int.from_bytes(fmt[:2], "little")
        if layout.fact is not None and tag in ONE_FRAME_PER_BLOCK:
            _put(file, layout.fact, struct.pack("<I", length // _block_align(fmt)))
    file.seek(4)
    right = struct.pack("<I", min(size - CHUNK_HEADER, LONGEST))
    if file.read(4) != right:
        _put(file, 4, right)


def _holds(file: BinaryIO, size: int, data: int, declared: int, block: int) -> bool:
    """Whether the declared length is true: the data ends the file, or whole chunks follow to its end."""
    at = data + declared
    if at > size or declared % block:
        return False
    if at == size:
        return declared % 2 == 0  # else the pad byte is missing
    at += declared % 2
    while at + CHUNK_HEADER <= size:
        name, length = _chunk(file, at)
        if not all(0x20 <= byte < 0x7F for byte in name):
            return False
        at += CHUNK_HEADER + length + length % 2
    return at == size


def _chunk(file: BinaryIO, at: int) -> tuple[bytes, int]:
    file.seek(at)
    name, length = struct.unpack("<4sI", file.read(CHUNK_HEADER))
    return name, length


def _block_align(fmt: bytes) -> int:
    return int.from_bytes(fmt[12:14], "little")


def _rewrite_empty(file: BinaryIO) -> None:
    file.truncate(0)
    _put(file, 0, b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", FORMAT_LENGTH) + EMPTY_FORMAT)
    _append_empty_data(file, RIFF_HEADER + CHUNK_HEADER + FORMAT_LENGTH)


def _append_empty_data(file: BinaryIO, at: int) -> None:
    file.truncate(at)
    _put(file, at, b"data\0\0\0\0")
    _put(file, 4, struct.pack("<I", at))


def _put(file: BinaryIO, at: int, content: bytes) -> None:
    file.seek(at)
    file.write(content)
