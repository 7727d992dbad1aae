"""``srtpbot load`` on several machines: contradictions, and nobody there."""

from __future__ import annotations

import socket

import pytest

from tests.support.commands import NewBot
from tests.support.process import TROUBLE, USAGE, Bot
from tests.support.starting import LOOPBACK

pytestmark = pytest.mark.timeout(400)
END_S = 300.0
"""A loaded machine starts agents slowly; a wait proves no speed."""
OWN = f"{LOOPBACK}:0"


def master(srtpbot: NewBot, uri: str, *options: object) -> tuple[Bot, str]:
    """A master, and where it listens."""
    patience = () if "--join-timeout" in options else ("--join-timeout", END_S)
    bot = srtpbot("load", uri, "--master", OWN, *patience, *options)
    return bot, bot.line(r"^master at (\S+),", timeout=END_S)[1]


def test_nobody_there(srtpbot: NewBot) -> None:
    with socket.socket() as silent:
        silent.bind((LOOPBACK, 0))  # it never listens
        port = silent.getsockname()[1]
        alone = srtpbot("load", "sip:1@127.0.0.1", "--worker", f"{LOOPBACK}:{port}", "--join-timeout", 0.5)
        assert alone.end() == TROUBLE, alone.said
        assert f"--worker {LOOPBACK}:{port}: no master answers within 0.5 s" in alone.stderr
        decides, _ = master(srtpbot, "sip:1@127.0.0.1", "--join-timeout", 0.5, "--workers", 3, "--rate", 9)
        assert decides.end() == TROUBLE, decides.said
        assert "--workers: 0 of 3 workers came within 0.5 s" in decides.stderr


@pytest.mark.parametrize("option", ["--master", "--web"])
def test_a_port_in_use(option: str, srtpbot: NewBot) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        bot = srtpbot("load", "sip:1@127.0.0.1", *(("--master", OWN) if option == "--web" else ()),
                      option, f"{LOOPBACK}:{port}")  # fmt: skip
        assert bot.end() == TROUBLE, bot.said
    assert f"{option} {LOOPBACK}:{port}: " in bot.stderr
    assert "Traceback" not in bot.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--master", "--worker", "host"], "--master and --worker: a process is one of them"),
        (["--worker", "host", "--step", "1:5:1/1"], "--step with --worker: the master says what the load is"),
        (["--worker", "host", "--verify", "0%"], "--verify with --worker: the master says"),
        (["--worker", "host", "--max-loss", "1%"], "--max-loss with --worker: the master says"),
        (["--worker", "host", "--web"], "--web with --worker: the page is the master's"),
        (["--master", "--srtp", "mandatory"], "--srtp with --master: the workers place the calls"),
        (["--master", "--users", "u.csv"], "--users with --master: the workers place the calls"),
        (["--workers", "2"], "add --master"),
        (["--master", "--workers", "3", "--concurrency", "2"], "3 workers are too many for so few calls"),
        (["--master", "here:99999"], "--master: 'here:99999': expected HOST:PORT"),
        (["--worker", "sip:x@y"], "--worker: 'sip:x@y': expected HOST:PORT"),
    ],
)
def test_contradictions(arguments: list[str], problem: str, srtpbot: NewBot) -> None:
    bot = srtpbot("load", "sip:100@127.0.0.1", *arguments)
    assert bot.end(END_S) == USAGE, bot.said
    assert problem in bot.stderr
    assert "Traceback" not in bot.stderr
