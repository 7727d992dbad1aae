"""Every block of the README and the documentation does what it says, pasted as printed in an empty folder."""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.capture.recorder import CaptureFilter, PacketRecorder
from bot.errors import NativeError
from tests.support.documents import Block, blocks, commands, page_blocks, programs
from tests.support.namespaces import Namespace, cannot_make_namespaces
from tests.support.process import import_path
from tests.support.starting import LOOPBACK

LONGEST_S = 250.0
JUDGES_AUDIO = re.compile(r"match|marker|--expect-audio|srtpbot demo|audio compare|inband")
"""Blocks with calls whose audio must not be damaged by a lack of processor time."""
BLOCKS = page_blocks()
RUN = [block for block in BLOCKS if not block.not_run and not block.title]


@pytest.fixture
def surroundings(block: Block) -> Iterator[None]:
    """A network of its own, since the ports are fixed; and no other block beside one that judges audio.

    Without network namespaces one block runs at a time.
    """
    alone = cannot_make_namespaces() is not None
    with contextlib.ExitStack() as stack:
        if alone or JUDGES_AUDIO.search(block.text + "".join(block.files.values())):
            lock = stack.enter_context(Path(tempfile.gettempdir(), "srtpbot-documents.lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not alone:  # there no capture has the calls of other tests either
            stack.enter_context(stack.enter_context(Namespace()).entered())
        yield


def skip_without_capture(folder: Path) -> None:
    """Skip what needs to capture where that is not allowed, and say why."""
    try:
        with PacketRecorder(folder / "allowed.pcap", CaptureFilter.of([LOOPBACK])):
            pass
    except NativeError as error:
        pytest.skip(str(error))


@pytest.mark.timeout(600)  # they wait for each other
@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("block", RUN, ids=str)
def test_a_block_runs_as_printed(block: Block, tmp_path: Path, audio_cache: Path) -> None:
    if "--capture" in block.text:
        skip_without_capture(tmp_path)
    path = os.pathsep.join([str(programs(tmp_path / "programs")), os.environ["PATH"]])
    (tmp_path / "empty").mkdir()
    run_all(block, tmp_path / "empty", {**os.environ, "PATH": path, "PYTHONPATH": import_path()})


def run_all(block: Block, empty: Path, environment: dict[str, str]) -> None:
    """Run the commands of a block one after the other."""
    for command in commands(block, empty):
        program = shutil.which(command[0], path=environment["PATH"]) or command[0]
        run = subprocess.run(
            [program, *command[1:]],
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        text = f"{block.page}:{block.line}: {' '.join(command)}\n{run.stdout}{run.stderr}"
        assert run.returncode == 0, text
        assert "Traceback" not in text


def test_every_kind_is_there() -> None:
    assert {block.kind for block in BLOCKS if block.page == "README.md"} >= {"python", "sh", "yaml"}
    assert not re.search(r"\b192\.0\.2\.|\b198\.51\.100\.|\b203\.0\.113\.", "".join(one.text for one in RUN))


def test_most_blocks_are_run() -> None:
    left_out = [block for block in BLOCKS if block.not_run]
    assert len(left_out) * 3 < len(BLOCKS), [str(block) for block in left_out]


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.title], ids=str)
def test_a_file_is_used_by_what_follows_or_says_why_not(block: Block) -> None:
    after = [one.text for one in BLOCKS if one.page == block.page and one.line > block.line]
    words = " ".join(after).split()
    assert block.not_run or any(fnmatch.fnmatchcase(block.title, word) for word in words)


@pytest.mark.parametrize("kind", ["", "bash", "json", "console", "python title=x"])
def test_another_kind_is_not_passed_over(kind: str, tmp_path: Path) -> None:
    [block] = blocks(f"words\n\n```{kind}\nsrtpbot call\n```\n")
    with pytest.raises(AssertionError, match="cannot be run"):
        commands(block, tmp_path)


@pytest.mark.parametrize("document", ["```sh\ntrue\n", "- item\n  ```sh\n  true\n  ```\n"])
def test_a_hidden_block_is_found(document: str) -> None:
    with pytest.raises(AssertionError, match="a fence is"):
        blocks(document)


def test_a_block_has_the_files_above_it_and_a_reason_is_read(tmp_path: Path) -> None:
    file = '```yaml title="a/b.yaml"\nx: 1\n```\n'
    command = "> Not run by the tests: it needs a moon.\n\n```sh\ncat a/b.yaml\n```\n"
    saved, block = blocks(f"{file}\n{command}")
    assert (saved.title, saved.not_run, block.not_run) == ("a/b.yaml", "", "it needs a moon.")
    commands(block, tmp_path)
    assert (tmp_path / "a" / "b.yaml").read_text() == "x: 1\n"
