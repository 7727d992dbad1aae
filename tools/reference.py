"""Makes the files that repeat the code: ``make reference``, which ``make docs`` runs first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tools import settings_module
from tools.pages import PAGES

__all__ = ["FOLDER", "files", "main"]

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def files() -> Iterator[tuple[Path, str]]:
    """Each file with the text that it has to have."""
    yield settings_module.PATH, settings_module.made()
    for name, page in PAGES.items():
        yield FOLDER / name, page()


def main() -> None:
    """Write every file whose text has changed."""
    for path, text in files():
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


if __name__ == "__main__":
    main()
