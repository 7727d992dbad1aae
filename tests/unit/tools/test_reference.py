"""The pages that repeat the code are current, and the pages of the documentation lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bot.cli.main import COMMANDS
from tools.reference import files

PROJECT = Path(__file__).parents[3]
PAGES = sorted((PROJECT / "docs").rglob("*.md"))
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@pytest.mark.parametrize(("path", "text"), list(files()), ids=lambda one: getattr(one, "name", ""))
def test_a_file_is_current(path: Path, text: str) -> None:
    assert path.read_text() == text, f"{path.name} is stale: run `make reference`"


def test_every_command_is_in_the_reference() -> None:
    text = (PROJECT / "docs" / "reference" / "commands.md").read_text()
    assert {name for name in COMMANDS if f"\n## srtpbot {name}\n" not in text} == set()


@pytest.mark.parametrize("page", [PROJECT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    dead = []
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            dead.append(path)
        elif anchor and anchor not in anchors(target):
            dead.append(f"{path}#{anchor}")
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub and the site make them."""
    titles = (title.lower().replace(" ", "-") for title in HEADING.findall(page.read_text()))
    return {re.sub(r"[^\w-]", "", title) for title in titles}


def test_every_page_is_in_the_sites_navigation() -> None:
    text = (PROJECT / "zensical.toml").read_text()
    tomllib.loads(text)
    named = set(re.findall(r'"([\w/-]+\.md)"', text))
    pages = {page.relative_to(PROJECT / "docs").as_posix() for page in PAGES}
    assert pages <= named
    assert named - pages == {"security.md", "interop.md", "changelog.md"}, "copied from the project's folder"
