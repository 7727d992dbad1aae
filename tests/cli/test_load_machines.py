"""``srtpbot load`` on several machines: a master and its workers, here on this one."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from bot.bots.parrot import Parrot
from bot.fleet import Fleet
from bot.load.detail import TIMELY
from tests.support.commands import NewBot
from tests.support.loading import rows
from tests.support.process import INTERRUPTED, OK, TROUBLE, USAGE, Bot
from tests.support.starting import LOOPBACK

pytestmark = pytest.mark.timeout(400)
END_S = 300.0
"""A loaded machine starts agents slowly; a wait proves no speed."""
OWN = f"{LOOPBACK}:0"
URI = "sip:1@127.0.0.1"
STRANGE = (
    b"", b"\xc1", b"\xff\xfe", 1, ["a"], [["x"], 1, "stranger"], ["heartbeat", None, "stranger"],
    ["client_ready", 5, "stranger"], ["exception", 1, "stranger"], ["stats", 1, "stranger"],
    ["srtpbot.ready", 1, "stranger"], ["srtpbot.refused", "no", "stranger"], ["srtpbot.report", 1, "other"],
)  # fmt: skip
LONG = """
name: long
endpoints:
  caller: {bind: 127.0.0.1}
steps:
  - call: {from: caller, to: "${to}"}
  - expect: {on: caller, state: confirmed}
  - wait: {seconds: "${length}"}
  - hangup: {on: caller}
"""
CALLING = ("--bind", LOOPBACK, "--codec", "PCMA", "--srtp", "mandatory")


@pytest.fixture
def echo() -> Iterator[str]:
    """The URI of agents that answer and echo."""
    given: dict[str, Any] = {"bind": LOOPBACK, "codecs": ["PCMA"], "srtp": "mandatory"}
    with Fleet(name="echo", calls=4, controller=Parrot, **given) as fleet:
        yield fleet.uris[0]


def master(srtpbot: NewBot, uri: str, *options: object) -> tuple[Bot, str]:
    """A master, and where it listens."""
    patience = () if "--join-timeout" in options else ("--join-timeout", END_S)
    bot = srtpbot("load", uri, "--master", OWN, *patience, *options)
    return bot, bot.line(r"^master at (\S+),", timeout=END_S)[1]


def test_the_master_has_the_calls_of_its_workers(echo: str, srtpbot: NewBot, tmp_path: Path) -> None:
    load = ("--rate", 4, "--calls", 4, "--length", 2.5, "--max-failures", "100%")
    decides, where = master(srtpbot, echo, *load, "--workers", 2, "--out", "master")
    workers = [
        srtpbot(
            "load", echo, "--worker", where, *CALLING, "--join-timeout", END_S, "--out", out, "--keep", "none"
        )
        for out in ("one", "two")
    ]
    ends = [bot.end(END_S) for bot in (decides, *workers)]
    assert all(status in {OK, TROUBLE} for status in ends), decides.said
    assert all("(this worker's part; the master decides on the load)" in bot.stdout for bot in workers)
    own = [rows(tmp_path / out) for out in ("one", "two")]
    assert [len(calls) for calls in own] == [2, 2]
    assert rows(tmp_path / "master") == sorted([*own[0], *own[1]], key=lambda row: int(row["number"]))
    assert [row["number"] for row in rows(tmp_path / "master")] == ["1", "2", "3", "4"]
    assert len({row["markers_sent"] for calls in own for row in calls}) == 4
    assert all(row["verdict"] == "pass" or row["cause"] in TIMELY for row in rows(tmp_path / "master"))
    result = json.loads((tmp_path / "master" / "result.json").read_text())
    assert (result["figures"]["placed"], result["figures"]["verified"]) == (4, 4)
    assert result["own"]["slots"] >= 4
    assert {expectation["name"] for expectation in result["expectations"]} == {"failed calls"}
    assert "worker1-1" in (tmp_path / "master" / "report.html").read_text()
    assert "<testcase" in (tmp_path / "master" / "junit.xml").read_text()


@pytest.mark.parametrize("which", ["master", "worker"])
def test_an_interrupt(which: str, echo: str, srtpbot: NewBot) -> None:
    decides, where = master(srtpbot, echo, "--concurrency", 2, "--length", 600, "--json", "result.json")
    worker = srtpbot("load", echo, "--worker", where, *CALLING, "--join-timeout", END_S)
    assert worker.wait_for_agents()
    decides.line("the load begins", timeout=END_S)
    (decides if which == "master" else worker).send(signal.SIGINT)
    ends = decides.end(END_S), worker.end(END_S)
    expected = (INTERRUPTED, OK) if which == "master" else (TROUBLE, INTERRUPTED)
    assert ends == expected, decides.said + worker.said
    assert worker.leaves_nothing()


def test_a_worker_that_cannot_start(echo: str, srtpbot: NewBot) -> None:
    decides, where = master(srtpbot, echo)
    worker = srtpbot("load", "sip:other@127.0.0.1", "--worker", where, *CALLING, "--join-timeout", END_S)
    assert worker.end(END_S) == USAGE, worker.said
    assert f"the master's load goes to {echo}" in worker.stderr
    assert decides.end(END_S) == TROUBLE, decides.said
    assert "a worker" in decides.stderr


def test_a_worker_whose_address_is_not_of_its_machine(echo: str, srtpbot: NewBot) -> None:
    decides, where = master(srtpbot, echo)
    worker = srtpbot("load", echo, "--worker", where, "--bind", "192.0.2.1", "--join-timeout", END_S)
    assert (worker.end(END_S), decides.end(END_S)) == (TROUBLE, TROUBLE), decides.said + worker.said
    for bot in (worker, decides):
        assert "cannot listen on udp 192.0.2.1:0" in bot.stderr
        assert "Traceback" not in bot.stderr
    assert worker.leaves_nothing()


def test_strangers_at_the_port_of_a_master(srtpbot: NewBot) -> None:
    decides, where = master(srtpbot, URI)
    host, _, port = where.rpartition(":")
    with (
        socket.create_connection((host, int(port))),  # it says nothing
        socket.create_connection((host, int(port))) as other,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as stranger,
    ):
        other.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(1000))
        stranger.setsockopt(zmq.IDENTITY, b"stranger")
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.connect(f"tcp://{where}")
        for message in STRANGE:
            stranger.send(message if isinstance(message, bytes) else msgspec.msgpack.encode(message))
        stranger.send_multipart([b"one", b"two", b"three"])
        # The master still listens, and names the worker's fault.
        worker = srtpbot("load", "sip:2@127.0.0.1", "--worker", where, "--join-timeout", END_S)
        assert (worker.end(END_S), decides.end(END_S)) == (USAGE, TROUBLE), decides.said + worker.said
    assert "did not start: its URI is sip:2@127.0.0.1" in decides.stderr
    assert "Traceback" not in decides.stderr


def test_a_scenario_of_a_worker_has_its_lines(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(LONG)
    decides, where = master(srtpbot, URI, "--rate", 1, "--for", 30)
    worker = srtpbot(
        "load", URI, "--worker", where, "--scenario", "long.yaml", "--var", "length=12", "--join-timeout",
        END_S
    )  # fmt: skip
    worker.line(r"^starting agents for 19 calls at once", timeout=END_S)  # 12 s + 1.5 s, a quarter more, + 2
    decides.send(signal.SIGINT)
    assert decides.end(END_S) == INTERRUPTED, decides.said
    worker.end(END_S)
    assert worker.leaves_nothing()


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
        (["--master", "--capture", "c.pcap"], "--capture with --master: the workers place the calls"),
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
