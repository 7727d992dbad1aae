"""A file is written whole, or what was there stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.cli.whole import write_whole


def test_a_new_file_and_an_old_one(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    write_whole(target, b"first")
    write_whole(target, b"second")
    assert target.read_bytes() == b"second"
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.json"
    target.write_bytes(b"first")

    def full(self: Path, content: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(target, b"second")
    assert target.read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"first")
    link.symlink_to(file)
    write_whole(link, b"second")
    assert link.is_symlink()
    assert file.read_bytes() == b"second"


def test_a_device_just_gets_it() -> None:
    write_whole("/dev/null", b"anything")
    assert not Path("/dev/null").is_file()


def test_a_full_device_says_so() -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("there is no /dev/full here")
    with pytest.raises(OSError, match="No space left"):
        write_whole("/dev/full", b"anything")
