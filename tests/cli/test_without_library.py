"""Without a native library: commands without calls work, and the others tell how to install it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import OK, TROUBLE

PROJECT = Path(__file__).parents[2]
HIDDEN = "import sys; sys.modules['pjsua2'] = None; from bot.cli.main import main; main()"


def srtpbot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HIDDEN, *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("subject", ["result", "endpoint", "scenario"])
def test_schemas(subject: str) -> None:
    run = srtpbot("schema", subject)
    assert run.returncode == OK, run.stderr
    assert json.loads(run.stdout)["$schema"]


def test_audio(tmp_path: Path) -> None:
    made = srtpbot("audio", "make", "speech:2", tmp_path / "a.wav")
    assert made.returncode == OK, made.stderr
    compared = srtpbot("audio", "compare", tmp_path / "a.wav", tmp_path / "a.wav")
    assert compared.returncode == OK, compared.stderr


@pytest.mark.parametrize("command", ["pcap", "call", "answer"])
def test_help(command: str) -> None:
    assert srtpbot(command, "--help").returncode == OK


@pytest.mark.parametrize(
    "command",
    [
        ("call", "sip:a@127.0.0.1:9", "--bind", "127.0.0.1"),
        ("answer", "--bind", "127.0.0.1", "--port", "0"),
        ("ping", "sip:a@127.0.0.1:9", "--bind", "127.0.0.1"),
        ("call", "sip:a@127.0.0.1:9", "--bind", "::1"),
        ("doctor",),
    ],
)
def test_calls_say_how_to_get_it(command: tuple[str, ...]) -> None:
    run = srtpbot(*command)
    assert run.returncode == TROUBLE, run.stderr
    assert "no module pjsua2" in run.stderr
    assert "pip install pjsua2-python" in run.stderr
    assert "Traceback" not in run.stderr
