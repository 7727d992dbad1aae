"""Owns the words for a file that cannot be read or written; it must not know what is in one."""

from __future__ import annotations

from pathlib import Path

__all__ = ["folder_hint", "reason"]


def reason(error: BaseException) -> str:
    """An error's own words, without the path that the message names already."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def folder_hint(path: Path) -> str:
    """What is most often the matter when a file cannot be made, if it is."""
    return "" if path.parent.is_dir() else "; does its folder exist?"
