"""Every example of the README does what it says, pasted as printed into an empty folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.capture.recorder import CaptureFilter, PacketRecorder
from bot.errors import NativeError
from tests.support.namespaces import Namespace, cannot_make_namespaces
from tests.support.process import import_path
from tests.support.starting import LOOPBACK

PROJECT = Path(__file__).resolve().parents[2]
FENCED = re.compile(
    r"^(?P<fence>`{3,}|~{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})", re.MULTILINE)
COMMAND = re.compile(r"^\s*(?:\$ |srtpbot |make |pip |import |from |with )", re.MULTILINE)
LONGEST_S = 100.0
SRTPBOT = f"""#!/bin/sh
exec {sys.executable} -c 'from bot.cli.main import main; main()' "$@"
"""


@dataclass(frozen=True)
class Block:
    """What stands between two fences; ``line`` is where it begins."""

    kind: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.kind}-line-{self.line}"


def blocks(document: str) -> list[Block]:
    """All of them; an odd fence would hide one."""
    found = [
        Block(one["kind"].strip(), one["text"], document.count("\n", 0, one.start()) + 1)
        for one in FENCED.finditer(document)
    ]
    assert len(FENCE.findall(document)) == 2 * len(found), "a fence is indented, or has no end"
    return found


README = blocks((PROJECT / "README.md").read_text())


@pytest.fixture
def alone() -> Iterator[None]:
    """The README's ports are fixed, so that one block runs at a time on this machine."""
    with Path(tempfile.gettempdir(), "srtpbot-readme.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def commands(block: Block, folder: Path) -> list[list[str]]:
    """What runs a block; fails for a kind that cannot be run."""
    match block.kind:
        case "python":
            file = folder / "test_block.py"
            file.write_text(block.text)
            tested = [[sys.executable, "-m", "pytest", "-q", file.name]] if "def test_" in block.text else []
            return [[sys.executable, file.name], *tested]
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
            raise AssertionError(f"README.md:{block.line}: a block of kind {block.kind!r} cannot be run")


def skip_without_capture(folder: Path) -> None:
    """Skip what needs to capture where that is not allowed, and say why."""
    try:
        with PacketRecorder(folder / "allowed.pcap", CaptureFilter.of([LOOPBACK])):
            pass
    except NativeError as error:
        pytest.skip(str(error))


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("block", README, ids=str)
def test_a_block_runs_as_printed(block: Block, tmp_path: Path, audio_cache: Path) -> None:
    if "--capture" in block.text:
        skip_without_capture(tmp_path)
    empty, programs = tmp_path / "empty", tmp_path / "programs"
    for folder in (empty, programs):
        folder.mkdir()
    (programs / "srtpbot").write_text(SRTPBOT)
    (programs / "srtpbot").chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": import_path()}
    with contextlib.ExitStack() as stack:
        if cannot_make_namespaces() is None:  # there no capture has the calls of other tests
            stack.enter_context(stack.enter_context(Namespace()).entered())
        run_all(commands(block, empty), block, empty, environment)


def run_all(wanted: list[list[str]], block: Block, empty: Path, environment: dict[str, str]) -> None:
    """Run the commands of a block one after the other."""
    for command in wanted:
        run = subprocess.run(
            command,
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        said = f"README.md:{block.line}: {' '.join(command)}\n{run.stdout}{run.stderr}"
        assert run.returncode == 0, said
        assert "Traceback" not in said


def test_every_kind_is_there() -> None:
    assert {block.kind for block in README} == {"python", "sh", "yaml", "text"}
    assert not re.search(
        r"\b192\.0\.2\.|\b198\.51\.100\.|\b203\.0\.113\.", "".join(one.text for one in README)
    )


@pytest.mark.parametrize("kind", ["", "bash", "json", "console", "python title=x"])
def test_another_kind_is_not_passed_over(kind: str, tmp_path: Path) -> None:
    [block] = blocks(f"words\n\n```{kind}\nsrtpbot call\n```\n")
    with pytest.raises(AssertionError, match="cannot be run"):
        commands(block, tmp_path)


@pytest.mark.parametrize("document", ["```sh\ntrue\n", "- item\n  ```sh\n  true\n  ```\n"])
def test_a_hidden_block_is_found(document: str) -> None:
    with pytest.raises(AssertionError, match="a fence is"):
        blocks(document)
