"""Makes the pictures of the README: ``make pictures``. Needs chromium for the report.

The live table is that of ``srtpbot run`` on a terminal, while several calls are measured and one plays; the
report is that of an echo call, with the cursor in the middle of its audio.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.support.chromium import browser

__all__ = ["main"]

PROJECT = Path(__file__).parents[1]
PICTURES = PROJECT / "docs" / "pictures"
SRTPBOT = [sys.executable, "-c", "from bot.cli.main import main; main()"]
SCENARIOS = ["echo-call", "attended-transfer", "dtmf-three-ways", "hold-resume"]
COLUMNS, ROWS = 116, 20
ENOUGH = 4
"""Confirmed calls at the moment of the picture."""
MEASURED = re.compile(r"/-\d+ +\d/\d s \w")
"""A level, and what is played."""
LONGEST_S = 60.0
WIDTH, HEIGHT = 960, 1290
CURSOR = """(() => {
    const sound = document.querySelector("audio");
    const placed = new Promise((done) => sound.addEventListener("seeked", () => requestAnimationFrame(done)));
    sound.currentTime = 1.05;
    const call = sound.closest(".call");
    call.querySelector("h3").scrollIntoView();
    return placed.then(() => true);
})()"""
"""Puts the cursor into the audio, and the first picture of the call to the top."""
FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""They would come from elsewhere."""
COLOURS = {"brown": "yellow", "default": None}
"""Names of colours that rich has under another name."""


def main() -> None:
    """Make both pictures."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "table.svg").write_text(table())
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(report(Path(folder)), PICTURES / "report.png")


def table() -> str:
    """The terminal of a run as SVG."""
    files = [str(PROJECT / "configs" / "scenarios" / f"{name}.yaml") for name in SCENARIOS]
    screen = pyte.Screen(COLUMNS, ROWS)
    watch([*SRTPBOT, "run", *files, "--parallel", "4"], screen)
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ srtpbot run configs/scenarios/*.yaml --parallel 4", style="bold"))
    last = max(row for row in range(ROWS) if screen.display[row].strip())
    for row in range(last + 1):
        console.print(line(screen, row), soft_wrap=True)
    return FONTS.sub("", console.export_svg(title="srtpbot"))


def watch(command: list[str], screen: pyte.Screen) -> None:
    """Show what a command prints on a screen until enough calls are confirmed, then end it."""
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    end = time.monotonic() + LONGEST_S
    try:
        while not is_full("\n".join(screen.display)) and time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0]:
                stream.feed(os.read(terminal, 65536))
    finally:
        os.kill(pid, 15)
        drain(terminal)
        os.waitpid(pid, 0)


def is_full(text: str) -> bool:
    """Whether the table shows what it can show."""
    return text.count("CONFIRMED") >= ENOUGH and MEASURED.search(text) is not None


def drain(terminal: int) -> None:
    """Read what a command prints at its end, so that it ends."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other side is closed
        os.close(terminal)


def line(screen: pyte.Screen, row: int) -> Text:
    """A line of the screen with its colours."""
    text = Text()
    for column in range(COLUMNS):
        cell = screen.buffer[row][column]
        colour = COLOURS.get(cell.fg, cell.fg)
        if (
            colour
            and len(colour) == 6
            and colour not in COLOURS
            and all(c in "0123456789abcdef" for c in colour)
        ):
            colour = f"#{colour}"
        text.append(cell.data, Style(color=colour, bold=cell.bold))
    text.rstrip()
    return text


def report(folder: Path) -> Path:
    """The report of a call as a picture."""
    scenario = shutil.copy(PROJECT / "configs" / "scenarios" / "echo-call.yaml", folder)
    subprocess.run([*SRTPBOT, "run", Path(scenario).name, "--out", "out"], check=True, cwd=folder)
    page = folder / "out" / "report.html"
    with browser() as chromium:
        chromium.open(page.as_uri(), width=WIDTH, height=HEIGHT)
        chromium.run(CURSOR)
        return chromium.picture(folder / "report.png")


if __name__ == "__main__":
    main()
