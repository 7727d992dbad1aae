"""``srtpbot run --watch``: run again whenever a scenario, an endpoint file or a CSV file changes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

__all__ = ["watch"]

COMMAND = [sys.executable, "-P", "-c", "from bot.cli.main import main; main()"]
WATCHED = {".yaml", ".yml", ".csv"}
EVERY_S = 0.3
INTERRUPTED = 130


def watch(arguments: Sequence[str], files: Iterable[str]) -> int:
    """Run the command with these arguments, and again after each change of a file beside ``files``.

    Ends by an interrupt only; a run that it ends writes its reports first. Returns the exit status 130.
    """
    folders = {Path(file).parent for file in files}
    while True:
        before = state(folders)
        with subprocess.Popen([*COMMAND, *arguments]) as run:
            try:
                run.wait()
                click.echo("waiting for a change of the files; Ctrl-C ends", err=True)
                while state(folders) == before:
                    threading.Event().wait(EVERY_S)
            except KeyboardInterrupt:
                run.send_signal(signal.SIGINT)  # where both have the terminal, it has it already
                return INTERRUPTED


def state(folders: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Time and size of each watched file."""
    found = {}
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            try:
                status = path.stat()
            except OSError:  # an editor is replacing it
                continue
            if path.suffix in WATCHED:
                found[path] = status.st_mtime_ns, status.st_size
    return found
