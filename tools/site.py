"""Builds the site of the documentation: ``python -m tools.site``, which ``make docs`` runs.

The pages stay readable in the repository, where they link to files outside of ``docs``. The site has copies
of those that are pages, and leaves the links to other files as their names.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["main", "moved"]

PROJECT = Path(__file__).parents[1]
TARGET = PROJECT / "out" / "docs"
OUTSIDE = {"SECURITY.md": "security.md", "INTEROP.md": "interop.md", "CHANGELOG.md": "changelog.md"}
"""Pages of the project's folder, and their names in the site."""
LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+)([^)\s]+)\)")


def main() -> int:
    """Copy the pages, then build; returns the exit status of the builder."""
    shutil.rmtree(TARGET, ignore_errors=True)
    shutil.copytree(PROJECT / "docs", TARGET / "docs")
    for name, page in OUTSIDE.items():
        text = (PROJECT / name).read_text()
        (TARGET / "docs" / page).write_text(re.sub(r"\]\((?:docs/)?([\w/-]+\.md)\)", in_site, text))
    for path in (TARGET / "docs").rglob("*.md"):
        path.write_text(moved(path.read_text(), depth=len(path.relative_to(TARGET / "docs").parts) - 1))
    shutil.copy(PROJECT / "zensical.toml", TARGET)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=TARGET, check=False).returncode


def in_site(link: re.Match[str]) -> str:
    """A link of a page of the project's folder."""
    return f"]({OUTSIDE.get(link[1], link[1])})"


def moved(text: str, *, depth: int) -> str:
    """A page with its links out of ``docs`` changed; ``depth`` is the number of folders it is in."""

    def change(link: re.Match[str]) -> str:
        title, up, name = link.groups()
        if up.count("../") <= depth:
            return link[0]
        return f"[{title}]({'../' * depth}{OUTSIDE[name]})" if name in OUTSIDE else f"`{name}`"

    return LINK.sub(change, text)


if __name__ == "__main__":
    sys.exit(main())
