"""bot.files: a file is written whole, for its owner only, and never through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.capture import keylog
from bot.errors import BotError, NativeError
from bot.files import (
    Draft,
    create,
    draft_folder,
    make_folder,
    new_folder,
    why_not_writable,
    write_by,
    write_whole,
)
from bot.ua.journal import Journal

Writer = Callable[[Path], object]


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """The umask of a careless user."""
    before = os.umask(0)
    yield
    os.umask(before)


def through_new_folder(path: Path) -> None:
    with new_folder(path) as draft:
        (draft / "x.wav").touch()


WRITERS: dict[str, Writer] = {
    "write_whole": lambda path: write_whole(path, b"new"),
    "create": lambda path: os.close(create(path)),
    "write_by": lambda path: write_by(path, Path.touch),
    "journal": lambda path: Journal(path).close(),
    "key log": lambda path: keylog.Log(path).close(),
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("there", ["nothing", "a file", "a hard link"])
def test_a_file_is_new_and_its_owners_only(name: str, there: str, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "report.json", tmp_path / "precious"
    elsewhere.write_bytes(b"precious")
    if there == "a hard link":
        target.hardlink_to(elsewhere)
    elif there == "a file":
        target.write_bytes(b"old")
    WRITERS[name](target)
    assert mode(target) == 0o600
    assert elsewhere.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious", "report.json"]


@pytest.mark.parametrize("name", [*WRITERS, "new_folder", "make_folder"])
@pytest.mark.parametrize("leads_to", ["precious", "nowhere", "folder"])
def test_a_link_is_refused_and_nothing_is_written_elsewhere(name: str, leads_to: str, tmp_path: Path) -> None:
    writers = {**WRITERS, "new_folder": through_new_folder, "make_folder": make_folder}
    target = tmp_path / "name"
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "folder").mkdir()
    target.symlink_to(tmp_path / leads_to)
    with pytest.raises(NativeError, match="name: is a symbolic link, which is not followed; "):
        writers[name](target)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "name", "precious"]


def test_a_link_that_is_made_meanwhile_is_not_followed(tmp_path: Path) -> None:
    target, precious = tmp_path / "name", tmp_path / "precious"
    precious.write_bytes(b"precious")
    draft = Draft(target)
    os.close(draft.handle)
    target.symlink_to(precious)
    with pytest.raises(NativeError):
        draft.publish()
    draft.discard()
    assert precious.read_bytes() == b"precious"


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.json"
    target.write_bytes(b"first")

    def full(handle: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(target, b"second")
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_that_has_vanished_is_made_again(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "report.json", b"new")
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


def test_drafts_are_out_of_reach(tmp_path: Path) -> None:
    with draft_folder(tmp_path / "rx.wav") as draft:
        assert (draft.name, mode(draft.parent)) == ("rx.wav", 0o700)
    with new_folder(tmp_path / "out") as folder:
        assert mode(folder) == 0o700
        (folder / "x.wav").touch(0o666)
    assert (mode(tmp_path / "out"), mode(tmp_path / "out" / "x.wav")) == (0o700, 0o600)


@pytest.mark.parametrize("name", ["/dev/null", "/dev/fd/{}"])
def test_a_device_and_an_open_file_just_get_it(name: str, tmp_path: Path) -> None:
    with (tmp_path / "open").open("wb") as file:
        write_whole(name.format(file.fileno()), b"anything")
    assert not Path("/dev/null").is_file()


def test_a_full_device_says_so() -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("there is no /dev/full here")
    with pytest.raises(OSError, match="No space left"):
        write_whole("/dev/full", b"anything")


def test_errors_of_links_end_with_exit_status_3() -> None:
    assert issubclass(NativeError, BotError)
    assert NativeError.exit_status == 3


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stderr", "report.json"])
def test_what_can_be_written(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device in a folder that only root may change, too."""
    monkeypatch.chdir(tmp_path)
    assert why_not_writable(path) == ""


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (".", "is a directory; name a file in it"),
        ("missing/report.json", "its folder does not exist"),
        ("/dev/missing", "No such file or directory"),
    ],
)
def test_what_cannot_be_written(
    path: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert why_not_writable(path) == problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_locked_folder_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert why_not_writable(tmp_path / "report.json").endswith("Permission denied")
