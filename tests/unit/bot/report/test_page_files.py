"""bot.report.page_files: relative links, and audio in the page or beside it."""

from __future__ import annotations

from pathlib import Path

from bot.report.page_files import FOLDER, PageFiles


def test_a_link_is_relative_and_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("a:b <c>.wav", "../other.wav"):
        (folder / name).write_bytes(b"x")
    files = PageFiles(folder)
    assert files.link(folder / "a:b <c>.wav") == "a%3Ab%20%3Cc%3E.wav"
    assert files.link(folder / "../other.wav") == "../other.wav"
    assert files.link(folder / "missing.wav") is None
    assert PageFiles(None).link(folder / "../other.wav") is None
    assert files.links("missing", "a:b <c>.wav") == [("a:b <c>.wav", "a%3Ab%20%3Cc%3E.wav")]


def test_audio_is_in_the_page_while_there_is_room_then_beside_it(tmp_path: Path) -> None:
    files = PageFiles(tmp_path, most_bytes=8)
    assert files.sound("a.flac", b"12345") == "data:audio/flac;base64,MTIzNDU="
    assert files.beside == 0
    assert files.sound("b.flac", b"1") == f"{FOLDER}/b.flac"
    assert files.beside == 1
    assert (tmp_path / FOLDER / "b.flac").read_bytes() == b"1"
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / FOLDER / "b.flac").stat().st_mode & 0o777 == 0o600


def test_audio_without_room_is_counted(tmp_path: Path) -> None:
    nowhere = PageFiles(None, most_bytes=0)
    assert nowhere.sound("a.flac", b"1") is None
    (tmp_path / FOLDER).write_text("in the way")
    blocked = PageFiles(tmp_path, most_bytes=0)
    assert blocked.sound("a.flac", b"1") is None
    assert (nowhere.left_out, blocked.left_out) == (1, 1)
