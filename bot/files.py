"""Output files of a run: readable by the owner only, complete, and never written through a link.

They contain recordings, phone numbers and identities. A name in a folder that others may write to can be a
symbolic or hard link that somebody made before. So every file is made beside its name, exclusively (O_EXCL)
and with mode 0600 whatever the umask, and then takes the name: what a link leads to is never opened. Folders
are made with mode 0700.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.errors import ConfigError, NativeError

__all__ = [
    "NO_ROOM",
    "Draft",
    "create",
    "draft_folder",
    "make_folder",
    "new_folder",
    "refuse_link",
    "unused_name",
    "why_not_writable",
    "write_by",
    "write_whole",
]

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
OWN_STREAMS = {"/dev", "/dev/fd", "/proc/self/fd"}
"""The links in here are this process's open files."""
LONGEST_STEM = 40


def refuse_link(path: str | Path) -> None:
    """Raise NativeError when the name is a symbolic link."""
    if os.path.islink(path) and os.path.dirname(os.path.abspath(path)) not in OWN_STREAMS:
        raise NativeError(
            f"{path}: is a symbolic link, which is not followed; remove the link, or name its target"
        )


def make_folder(folder: str | Path) -> None:
    """Make a folder and those above it, with mode 0700; one that is there stays as it is.

    Raises NativeError when the name is a link, OSError when the folder cannot be made.
    """
    target = Path(folder)
    refuse_link(target)
    if not target.is_dir():
        if not target.parent.is_dir():
            make_folder(target.parent)
        target.mkdir(mode=0o700, exist_ok=True)


def why_not_writable(path: str | Path) -> str:
    """Why no output can be written there, as the end of a message; "" if one can.

    A file is made anew in its folder; a pipe or a device takes the output itself.
    """
    if os.path.isdir(path):
        return "is a directory; name a file in it"
    if _is_special(path):
        reason = errno.EACCES if os.path.exists(path) else errno.ENOENT
        return "" if os.access(path, os.W_OK) else os.strerror(reason)
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return "its folder does not exist"
    return "" if os.access(folder, os.W_OK) else "its folder cannot be written: Permission denied"


def unused_name(stem: str, suffix: str, used: set[str]) -> str:
    """A file name that is not in ``used``, and from now on is: ``stem-2`` where ``stem`` was used."""
    name, number = f"{stem}{suffix}", 1
    while name in used:
        number += 1
        name = f"{stem}-{number}{suffix}"
    used.add(name)
    return name


class Draft:
    """A new file beside the final one. Raises OSError when it cannot be made, NativeError for a link."""

    def __init__(self, path: str | Path) -> None:
        refuse_link(path)
        self.target = Path(path)
        self.handle, name = tempfile.mkstemp(
            prefix=f".{self.target.name[:LONGEST_STEM]}.", suffix=".new", dir=self.target.absolute().parent
        )
        os.set_inheritable(self.handle, False)
        self.path = Path(name)

    def publish(self) -> None:
        """Give the file its name; a file that had it is replaced, not changed."""
        refuse_link(self.target)
        os.replace(self.path, self.target)

    def discard(self) -> None:
        """Remove the file, unless it has its name."""
        self.path.unlink(missing_ok=True)


def create(path: str | Path) -> int:
    """A descriptor of a new, empty file of this name, or of a pipe or device. Raises as ``Draft``."""
    if _is_special(path):
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    draft = Draft(path)
    try:
        draft.publish()
    except BaseException:
        os.close(draft.handle)
        draft.discard()
        raise
    return draft.handle


def write_whole(path: str | Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file completely, or keep the old one; a pipe or a device gets the content. Errors as ``Draft``.

    A removed folder is made again. ``durable`` waits until the disk has the content.
    """
    if _is_special(path):
        with open(path, "wb", buffering=0) as special:
            _write_all(special.fileno(), content)
        return
    make_folder(Path(os.path.abspath(path)).parent)
    draft = Draft(path)
    try:
        try:
            _write_all(draft.handle, content)
            if durable:
                os.fsync(draft.handle)
        finally:
            os.close(draft.handle)
        draft.publish()
    finally:
        draft.discard()


def write_by(path: str | Path, write: Callable[[Path], None]) -> None:
    """Like ``write_whole``, for a library that opens a file by its name. Raises what ``write`` raises too."""
    make_folder(Path(os.path.abspath(path)).parent)
    with draft_folder(path) as draft:
        write(draft)
        draft.chmod(0o600)
        refuse_link(path)
        os.replace(draft, path)


@contextmanager
def draft_folder(path: str | Path) -> Iterator[Path]:
    """The name of ``path`` in a folder beside it that only this user can enter; removed at the end."""
    refuse_link(path)
    target = Path(os.path.abspath(path))
    folder = tempfile.mkdtemp(prefix=f".{target.name[:LONGEST_STEM]}.", dir=target.parent)
    try:
        yield Path(folder) / target.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A draft of the folder, which takes the name ``path`` when the block ends well.

    Raises ConfigError when ``path`` has files in it already or cannot be made, NativeError when it is a
    link or cannot be written any further.
    """
    target = Path(path)
    refuse_link(target)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            what = "has files in it" if target.is_dir() else "is a file"
            raise ConfigError(f"--out {target}: {what}; name a new folder")
        make_folder(target.absolute().parent)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except (OSError, ValueError) as error:
        kind = NativeError if getattr(error, "errno", None) in NO_ROOM else ConfigError
        raise kind(f"--out {target}: {getattr(error, 'strerror', None) or error}") from None
    try:
        yield draft
        for file in draft.iterdir():
            file.chmod(0o600)
        draft.replace(target)
    except OSError as error:
        raise NativeError(f"--out {target}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _is_special(path: str | Path) -> bool:
    """Whether the name is that of a pipe, a device or an open file of this process, which is not replaced."""
    if os.path.dirname(os.path.abspath(path)) in OWN_STREAMS:
        return True
    with suppress(OSError, ValueError):
        mode = os.stat(path).st_mode
        return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
