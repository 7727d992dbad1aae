"""Arguments and environment of a process, as the system shows them, have no secrets."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from bot.cli.process_title import hidden_arguments, hidden_environment
from tests.support.commands import NewBot
from tests.support.process import USAGE

SECRET = "correct-horse-battery"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.mark.parametrize("way", ["option", "option=", "file", "SRTPBOT_PASSWORD", "settings", "pin"])
def test_neither_the_command_nor_its_agents_show_it(way: str, answer: NewBot, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "e.yaml").write_text("user: alice\npassword: ${MY_SIP_PASSWORD}\n")
    options: dict[str, list[str]] = {
        "option": ["--user", "alice", "--password", SECRET],
        "option=": ["--user", "alice", f"--password={SECRET}"],
        "file": ["--user", "alice", "--password-file", "secret"],
        "SRTPBOT_PASSWORD": ["--user", "alice"],
        "settings": ["--config", "e.yaml"],
        "pin": [
            "--as",
            "machine",
            "--messages",
            "messages",
            "--greeting",
            "tone:440:0.3",
            "--pin",
            "8765432187654321",
        ],
    }
    environment = {
        "MY_SIP_PASSWORD": SECRET,
        "SRTPBOT_PASSWORD": SECRET,
        "OTHER_API_TOKEN": SECRET,
        "MINE": SECRET,
    }
    bot = answer(*options[way], **environment)
    bot.uri()
    for process in [psutil.Process(bot.pid), *bot.wait_for_agents()]:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert SECRET.encode() not in words
        assert b"8765432187654321" not in words
    for agent in bot.wait_for_agents():
        assert SECRET.encode() not in Path(f"/proc/{agent.pid}/environ").read_bytes()
    own = Path(f"/proc/{bot.pid}/environ").read_bytes().replace(f"MINE={SECRET}".encode(), b"")
    assert SECRET.encode() not in own


def test_the_password_of_a_file_is_used(srtpbot: NewBot, tmp_path: Path) -> None:
    for content in (None, b"", b"\xff\n"):
        if content is not None:
            (tmp_path / "secret").write_bytes(content)
        bot = srtpbot("call", "sip:a@127.0.0.1:9", "--user", "a", "--password-file", "secret")
        assert bot.end() == USAGE
        assert "--password-file secret: " in bot.stderr


def test_arguments_keep_their_lengths() -> None:
    words = [b"call", b"sip:a:pw@host", b"--password", b"secret", b"--pin=1234", b"--user", b"x", b""]
    hidden = hidden_arguments(words)
    assert hidden == [
        *(b"call", b"sip:a:**@host", b"--password", b"******", b"--pin=****", b"--user", b"x", b"")
    ]
    assert list(map(len, hidden)) == list(map(len, words))


def test_variables_whose_names_say_secret() -> None:
    words = [b"PATH=/bin", b"SIP_PASSWORD=x=y", b"A_TOKEN=12", b"SRTPBOT_PIN=1", b"SPIN=1", b"MY_KEYS=k"]
    hidden = [b"PATH=/bin", b"SIP_PASSWORD=***", b"A_TOKEN=**", b"SRTPBOT_PIN=*", b"SPIN=1", b"MY_KEYS=*"]
    assert hidden_environment(words) == hidden
