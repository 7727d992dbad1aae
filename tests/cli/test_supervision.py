"""``srtpbot answer`` after a crash or a hang of its agent: restart on the same ports, lost calls."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import soundfile

from bot import Call, Endpoint, expect
from tests.support.certificates import Authority
from tests.support.commands import NewBot
from tests.support.process import FAILED, OK, TROUBLE, Bot
from tests.support.registrar import Registrar
from tests.support.starting import LOOPBACK, NewEndpoint

HANGS = signal.SIGSTOP
DEATHS = [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, HANGS]


def agent_of(bot: Bot) -> psutil.Process:
    """The agent that serves now."""
    bot.wait_for_agents()
    return psutil.Process(bot.pid).children()[-1]


def replaced(bot: Bot, death: signal.Signals = signal.SIGKILL, times: int = 1) -> None:
    """The agent dies, or hangs, and another one listens."""
    before = agent_of(bot)
    before.send_signal(death)
    bot.until(lambda: bot.stderr.count("another agent listens") == times)
    assert not before.is_running()


def up(caller: Endpoint, uri: str) -> Call:
    """A call to the bot that is confirmed and has media."""
    outgoing = caller.make_call(uri)
    expect(outgoing).to_have_active_media()
    expect(outgoing).to_be_confirmed()
    return outgoing


def finished(bot: Bot, folder: Path, status: int) -> dict[str, Any]:
    """The result, once the bot was interrupted and has ended."""
    bot.send(signal.SIGINT)
    assert bot.end() == status, bot.said
    assert "Traceback" not in bot.stdout
    result: dict[str, Any] = json.loads((folder / "out" / "result.json").read_text())
    return result


@pytest.mark.parametrize("death", DEATHS)
def test_a_lost_call_fails_the_run_and_the_next_one_works(
    death: signal.Signals, answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    bot, caller = answer("--out", "out", "--record", "rx.wav"), new_endpoint()
    uri, lost = bot.uri(), up(caller, bot.uri())
    expect(lost).to_have_received_packets(at_least=50)
    replaced(bot, death)
    assert "calls lost: 1" in bot.stderr
    after = up(caller, uri)
    expect(after).to_have_received_packets(at_least=25)
    after.hangup()
    expect(after).to_be_disconnected(code=200)
    result = finished(bot, tmp_path, FAILED)
    assert result["verdict"] == "fail"
    assert result["error"] is None
    [restart] = result["restarts"]
    reason = "it hung" if death == HANGS else death.name
    assert reason in restart["reason"]
    assert (restart["endpoint"], restart["lost_calls"]) == ("parrot", [1])
    assert restart["back_after_s"] > 0
    first, second = result["calls"]
    assert (first["id"], second["id"]) == ("1", "2")
    assert first["disconnect"]["by"] == "error"
    assert first["disconnect"]["reason"].startswith("the agent died: ")
    assert first["recording"]["duration_s"] > 0.5
    assert second["disconnect"]["by"] == "remote"
    assert soundfile.info(tmp_path / "rx-2.wav").duration > 0.2
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Restarted" in page
    assert reason in page
    assert bot.leaves_nothing()


def test_a_crash_that_loses_no_call_is_told_and_fails_nothing(
    answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    bot, caller = answer("--out", "out"), new_endpoint()
    uri = bot.uri()
    for times in (1, 2, 3):
        replaced(bot, times=times)
    outgoing = up(caller, uri)
    outgoing.hangup()
    expect(outgoing).to_be_disconnected(code=200)
    result = finished(bot, tmp_path, OK)
    assert result["verdict"] == "pass"
    assert [one["lost_calls"] for one in result["restarts"]] == [[], [], []]
    assert [one["reason"] for one in result["restarts"]] == ["it was killed by SIGKILL"] * 3
    assert "no call was lost; replaced after" in bot.stdout
    assert "another one is started in 0.5 s" in bot.stderr


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_connections_of_the_dead_do_not_keep_their_port(
    transport: str, answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "tls")
    identity = authority.issue(LOOPBACK)
    tls = ("--tls-cert", identity.cert, "--tls-key", identity.key) if transport == "tls" else ()
    bot = answer("--transport", "udp", "--transport", transport, *tls)
    uri = bot.line(rf"^ready (sip:\S+;transport={transport})$")[1]
    trust = {"tls": {"ca": str(authority.ca)}} if transport == "tls" else {}
    up(new_endpoint(transports=[transport], **trust), uri)
    replaced(bot)
    up(new_endpoint(transports=[transport], **trust), uri)
    up(new_endpoint(), bot.uri())


def test_another_agent_registers_again(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    with Registrar() as registrar:
        account = registrar.account()
        bot = answer("--id", account["id"], "--user", account["user"], "--password", account["password"],
                     "--registrar", account["registrar"])  # fmt: skip
        bot.uri()
        before = len(registrar.wait_for("REGISTER", 2))
        replaced(bot)
        first, *_, last = registrar.wait_for("REGISTER", before + 1, timeout=20)
        assert last.header("Contact") == first.header("Contact")


def test_fail_ends_the_command(answer: NewBot) -> None:
    bot = answer("--on-crash", "fail")
    bot.uri()
    agent_of(bot).send_signal(signal.SIGKILL)
    assert bot.end() == TROUBLE, bot.said
    assert "SIGKILL" in bot.stderr


def test_the_file_of_settings_may_say_fail(answer: NewBot, tmp_path: Path) -> None:
    (tmp_path / "bot.yaml").write_text("on_crash: fail\n")
    bot = answer("--config", "bot.yaml")
    bot.uri()
    agent_of(bot).send_signal(signal.SIGKILL)
    assert bot.end() == TROUBLE, bot.said


def test_a_message_of_a_lost_caller_is_kept_and_the_machine_goes_on(
    answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    bot = answer("--as", "machine", "--messages", "messages", "--greeting", "silence:0.1", "--out", "out")
    uri, caller = bot.uri(), new_endpoint()
    up(caller, uri)
    bot.until(lambda: any(path.stat().st_size > 40_000 for path in (tmp_path / "messages").rglob("*.wav")))
    replaced(bot)
    bot.until(lambda: len(list((tmp_path / "messages").glob("*.json"))) == 1)
    [wav] = (tmp_path / "messages").glob("*.wav")
    assert soundfile.info(wav).duration > 0.5
    up(caller, uri).hangup()
    result = finished(bot, tmp_path, FAILED)
    assert result["calls"][0]["disconnect"]["by"] == "error"
    assert result["calls"][1]["disconnect"]["by"] == "remote"
