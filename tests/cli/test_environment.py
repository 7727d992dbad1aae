"""Failures of the environment: exit status 3; recordings and reports so far are complete."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest
import soundfile

from bot import Endpoint, expect
from tests.support.commands import NewBot
from tests.support.process import TROUBLE, USAGE
from tests.support.starting import LOOPBACK, NewEndpoint

DISK_BYTES = 12000


def test_port_in_use(srtpbot: NewBot, new_endpoint: NewEndpoint) -> None:
    ready = new_endpoint().ready
    assert ready is not None
    port = ready.listeners[0].port
    for command in (["answer"], ["call", f"sip:nobody@{LOOPBACK}:9"]):
        bot = srtpbot(*command, "--bind", LOOPBACK, "--port", port, "--out", "out")
        assert bot.end(timeout=15) == TROUBLE, bot.said
        assert f"cannot listen on udp {LOOPBACK}:{port}" in bot.stderr
        assert "Traceback" not in bot.said
        assert "ready sip:" not in bot.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_key_log_on_a_full_disk_harms_no_call(parrot: Endpoint, call: NewBot) -> None:
    bot = call(parrot.uri, "--srtp", "mandatory", "--keylog", "/dev/full", "--duration", 0.5, "--json", "-")
    assert bot.end() == TROUBLE, bot.said
    assert "/dev/full: the key log is incomplete: No space left on device" in bot.stderr
    assert bot.json()["verdict"] == "error"


def test_address_of_another_machine(srtpbot: NewBot) -> None:
    bot = srtpbot("answer", "--bind", "192.0.2.99", "--port", 0)
    assert bot.end(timeout=15) == TROUBLE, bot.said
    assert "192.0.2.99" in bot.stderr


def test_agent_that_crashes_in_a_call(
    call: NewBot, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--record", "rx.wav", "--out", "out", "--json", "-", "--duration", 60)
    with callee.expect_call(timeout=15) as incoming:
        pass
    answered = incoming.value.answer()
    expect(answered).to_have_active_media()
    answered.play(speech).wait()
    answered.play(speech).wait()
    bot.wait_for_agents()[0].send_signal(signal.SIGABRT)
    assert bot.end() == TROUBLE, bot.said
    assert "the agent crashed: it was killed by SIGABRT" in bot.stderr
    assert "Traceback (most recent call last)" not in bot.said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert bot.json() == result
    assert result["verdict"] == "error"
    assert "SIGABRT" in result["error"]
    [one] = result["calls"]
    assert one["disconnect"]["by"] == "error"
    assert one["recording"]["duration_s"] > 1.5
    assert soundfile.info(tmp_path / "rx.wav").duration > 1.5
    assert 'errors="1"' in (tmp_path / "out" / "junit.xml").read_text()
    assert bot.leaves_nothing()


def test_agent_that_crashes_while_answering(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--as", "ringer", "--on-crash", "fail")
    outgoing = new_endpoint().make_call(bot.uri())
    expect(outgoing).to_be_ringing()
    bot.wait_for_agents()[0].send_signal(signal.SIGKILL)
    assert bot.end(timeout=5) == TROUBLE, bot.said
    assert "SIGKILL" in bot.stderr


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_full_disk_ends_the_journal_not_the_call(
    call: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--out", "out", "--duration", 0.3)
    with callee.expect_call(timeout=15) as incoming:
        pass
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES))
    answered = incoming.value.answer()
    expect(answered).to_be_disconnected(code=200, by="remote")
    assert bot.end(timeout=15) == TROUBLE, bot.said
    assert "journal.jsonl: the journal is incomplete" in bot.stderr
    assert "Traceback" not in bot.said
    written = (tmp_path / "out" / "journal.jsonl").read_bytes()
    assert 0 < len(written) <= DISK_BYTES
    assert written.endswith(b"}\n")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["verdict"] == "error"


def test_journal_that_cannot_be_begun(call: NewBot, tmp_path: Path) -> None:
    (tmp_path / "out" / "journal.jsonl").mkdir(parents=True)
    bot = call(f"sip:nobody@{LOOPBACK}:9", "--out", "out")
    assert bot.end(timeout=15) == USAGE, bot.said
    assert "journal.jsonl: cannot write the journal: Is a directory" in bot.stderr
