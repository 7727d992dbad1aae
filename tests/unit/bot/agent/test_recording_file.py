"""bot.agent.recording_file: lengths of a file that the library writes meanwhile."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from bot.agent.recording_file import DATA_LENGTH_AT, DATA_NAME_AT, RecordingFile

HEADER = b"RIFF".ljust(DATA_NAME_AT, b"\0") + b"data" + bytes(4)


@pytest.mark.parametrize("content", [b"", HEADER[:42], HEADER, HEADER + bytes(7)])
def test_a_file_is_tended_at_any_size(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "part.wav"
    path.write_bytes(content)
    file = RecordingFile(str(path))
    assert file.tend() is None
    file.close()
    if len(content) >= len(HEADER):
        told = struct.unpack_from("<I", path.read_bytes(), DATA_LENGTH_AT)[0]
        assert told == (len(content) - len(HEADER)) // 2 * 2
    else:
        assert path.read_bytes() == content


def test_a_header_that_is_written_while_the_file_is_tended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "part.wav"
    path.touch()
    file, read = RecordingFile(str(path)), os.pread

    def written_first(handle: int, count: int, at: int) -> bytes:
        path.write_bytes(HEADER + bytes(320))
        return read(handle, count, at)

    monkeypatch.setattr(os, "pread", written_first)
    assert file.tend() is None
    assert struct.unpack_from("<I", path.read_bytes(), DATA_LENGTH_AT)[0] == 320
