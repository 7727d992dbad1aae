"""Texts for files that cannot be read or written."""

from __future__ import annotations

from pathlib import Path

__all__ = ["folder_hint", "reason"]


def reason(error: BaseException) -> str:
    """The text of an error without the path, which the message already contains."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def folder_hint(path: Path) -> str:
    """The most likely reason why a file cannot be created, or an empty text."""
    return "" if path.parent.is_dir() else "; does its folder exist?"
