"""A folder of results that comes to be whole or not at all, and never over somebody's files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import ConfigError

__all__ = ["new_folder"]


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A draft of the folder, which takes the name ``path`` when the block ends well.

    Raises ConfigError when ``path`` has files in it already, or cannot be made.
    """
    target = Path(path)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            what = "has files in it" if target.is_dir() else "is a file"
            raise ConfigError(f"--out {target}: {what}; name a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        draft.chmod(0o755)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--out {target}: {getattr(error, 'strerror', None) or error}") from None
    try:
        yield draft
        draft.replace(target)
    except OSError as error:
        raise ConfigError(f"--out {target}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
