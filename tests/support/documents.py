"""The fenced blocks of the documentation, and what runs them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PAGES", "PROJECT", "Block", "blocks", "commands", "page_blocks", "programs"]

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
"""Every page whose blocks are run."""
FENCED = re.compile(
    r"^(?P<fence>`{3,}|~{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})", re.MULTILINE)
TITLED = re.compile(r'(?P<kind>\w+) title="(?P<title>[\w./-]+)"')
NOT_RUN = re.compile(r"> Not run by the tests: (?P<reason>[^\n]{10,})\n\s*\Z")
"""What a reader sees above a block that no test can run."""
COMMAND = re.compile(r"^\s*(?:\$ |srtpbot |make |pip |import |from |with )", re.MULTILINE)
PROGRAM = """#!/bin/sh
exec {python} {arguments} "$@"
"""


@dataclass(frozen=True)
class Block:
    """What stands between two fences; ``line`` is where it begins."""

    kind: str
    text: str
    line: int
    page: str = "README.md"
    title: str = ""
    """The file that the block is to be saved as; the blocks below it have this file."""
    not_run: str = ""
    """Why no test runs it."""
    files: dict[str, str] = field(default_factory=dict)
    """The files that the blocks above it are saved as."""

    def __str__(self) -> str:
        return f"{self.page}-{self.kind}-line-{self.line}"


def blocks(document: str, page: str = "README.md") -> list[Block]:
    """All of them; an odd fence would hide one."""
    found: list[Block] = []
    files: dict[str, str] = {}
    for one in FENCED.finditer(document):
        kind, title = one["kind"].strip(), ""
        if match := TITLED.fullmatch(kind):
            kind, title = match["kind"], match["title"]
        reason = NOT_RUN.search(document[: one.start()])
        line = document.count("\n", 0, one.start()) + 1
        why = reason["reason"] if reason else ""
        found.append(Block(kind, one["text"], line, page, title, why, dict(files)))
        if title:
            files[title] = one["text"]
    assert len(FENCE.findall(document)) == 2 * len(found), f"{page}: a fence is indented, or has no end"
    return found


def page_blocks() -> list[Block]:
    """The blocks of every page."""
    return [
        block for path in PAGES for block in blocks(path.read_text(), path.relative_to(PROJECT).as_posix())
    ]


def commands(block: Block, folder: Path) -> list[list[str]]:
    """What runs a block; fails for a kind that cannot be run."""
    for name, text in block.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    match block.kind:
        case _ if block.title:
            return []
        case "python":
            file = folder / "test_block.py"
            file.write_text(block.text)
            tested = [["pytest", "-q", file.name]] if "def test_" in block.text else []
            return [["python", file.name], *tested]
        case "sh":
            (folder / "block.sh").write_text(block.text)
            return [["bash", "-eu", "block.sh"]]
        case "yaml":
            (folder / "block.yaml").write_text(block.text)
            return [["srtpbot", "run", "block.yaml"]]
        case "text":
            assert not COMMAND.search(block.text), "it has commands, so it is no text"
            return []
        case _:
            raise AssertionError(f"{block.page}:{block.line}: a block of kind {block.kind!r} cannot be run")


def programs(folder: Path) -> Path:
    """A folder with the programs that the pages use, for ``PATH``."""
    folder.mkdir()
    for name, arguments in (
        ("srtpbot", "-c 'from bot.cli.main import main; main()'"),
        ("python", ""),
        ("pytest", "-m pytest"),
    ):
        (folder / name).write_text(PROGRAM.format(python=sys.executable, arguments=arguments))
        (folder / name).chmod(0o755)
    return folder
