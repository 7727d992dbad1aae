"""A folder of results that comes to be whole or not at all, and never over somebody's files."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import ConfigError, NativeError

__all__ = ["new_folder"]

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A draft of the folder, which takes the name ``path`` when the block ends well.

    Its files are for their owner's eyes only: they may hold what was said in calls. Raises ConfigError when
    ``path`` has files in it already or cannot be made, NativeError when it cannot be written any further.
    """
    target = Path(path)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            what = "has files in it" if target.is_dir() else "is a file"
            raise ConfigError(f"--out {target}: {what}; name a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except (OSError, ValueError) as error:
        kind = NativeError if getattr(error, "errno", None) in NO_ROOM else ConfigError
        raise kind(f"--out {target}: {getattr(error, 'strerror', None) or error}") from None
    try:
        yield draft
        for file in draft.iterdir():
            file.chmod(0o600)
        draft.chmod(0o755)
        draft.replace(target)
    except OSError as error:
        raise NativeError(f"--out {target}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
