"""``srtpbot answer --calls-at-once``: agents behind a front; a dead agent costs its own calls."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot import Call, CallState, Endpoint, expect
from tests.support.commands import NewBot
from tests.support.process import FAILED, OK, Bot
from tests.support.programs import free_ports
from tests.support.sip_peer import SipPeer
from tests.support.sipp import sipp
from tests.support.starting import NewEndpoint, until

CALLS, OF_AN_AGENT = 4, 2
REDIRECT = pytest.param("redirect", id="redirect")
KAMAILIO = pytest.param("kamailio", id="kamailio", marks=pytest.mark.peer("kamailio"))
fronts = pytest.mark.parametrize("front", [REDIRECT, KAMAILIO])


def many(answer: NewBot, front: str, *options: str) -> Bot:
    """Two agents of two calls each."""
    size = ("--calls-at-once", str(CALLS), "--max-calls", str(OF_AN_AGENT))
    return answer(*size, "--front", front, "--port", str(free_ports()), "--out", "out", *options)


def up(callers: Sequence[Endpoint], uri: str, count: int) -> list[Call]:
    """So many confirmed calls."""
    calls = [callers[number % len(callers)].make_call(uri) for number in range(count)]
    for call in calls:
        expect(call).to_be_confirmed(timeout=10.0)
        expect(call).to_have_active_media()
    return calls


def agents(bot: Bot) -> list[psutil.Process]:
    """The agents that run."""
    children = psutil.Process(bot.pid).children()
    return [child for child in children if "bot.agent" in " ".join(child.cmdline())]


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "out" / "result.json").read_text())
    return result


@fronts
def test_a_dead_agent_costs_its_own_calls(
    front: str, answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    bot = many(answer, front)
    uri, callers = bot.uri(), [new_endpoint(follow_redirects=1) for _ in range(2)]
    calls = up(callers, uri, CALLS)
    full = callers[0].make_call(uri, ring_timeout=10.0)
    expect(full).to_be_disconnected(code=503, by="remote", timeout=10.0)
    assert {*agents(bot)} == {*bot.wait_for_agents()}
    agents(bot)[0].kill()
    bot.line("another agent listens", stream="stderr")
    after = up(callers, uri, OF_AN_AGENT)  # the slots of the lost calls
    for call in (*calls, *after):
        call.hangup()
    for call in after:
        expect(call).to_be_disconnected(code=200)
    bot.send(signal.SIGTERM)
    assert bot.end() == FAILED, bot.said
    assert bot.leaves_nothing()
    result = result_of(tmp_path)
    ended = [call["disconnect"]["by"] for call in result["calls"]]
    assert (len(ended), ended.count("error")) == (CALLS + OF_AN_AGENT, OF_AN_AGENT)
    assert len(result["restarts"]) == 1
    assert result["refused"] == []  # the front knew that the agents were full


@fronts
def test_one_result_of_all_agents(
    front: str, answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    bot = many(answer, front, "--record", "rx.wav", "--calls", str(CALLS))
    callers = [new_endpoint(follow_redirects=1) for _ in range(2)]
    for call in up(callers, bot.uri(), CALLS):
        expect(call).to_have_received_packets(at_least=10)
        call.hangup()
    assert bot.end() == OK, bot.said
    result = result_of(tmp_path)
    assert (result["verdict"], len(result["calls"])) == ("pass", CALLS)
    recordings = {Path(call["recording"]["path"]).name for call in result["calls"]}
    assert recordings == {"rx-agent1.wav", "rx-agent1-2.wav", "rx-agent2.wav", "rx-agent2-2.wav"}


@fronts
def test_draining(front: str, answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    bot = many(answer, front, "--drain", "30")
    uri, caller = bot.uri(), new_endpoint(follow_redirects=1)
    [call] = up([caller], uri, 1)
    bot.send(signal.SIGTERM)
    while not refused(asking := caller.make_call(uri)):  # the signal is on its way
        asking.hangup()
        expect(asking).to_be_disconnected()
    expect(call).to_have_received_packets(at_least=5)
    call.hangup()
    expect(call).to_be_disconnected(code=200, by="local")
    assert bot.end() == OK, bot.said
    assert result_of(tmp_path)["verdict"] == "pass"


def test_a_second_signal_cuts_the_draining_short(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = many(answer, "redirect", "--drain", "3000")
    uri, caller = bot.uri(), new_endpoint(follow_redirects=1)
    [call] = up([caller], uri, 1)
    bot.send(signal.SIGTERM)
    bot.line("a second signal hangs them up")
    assert call.facts.ended is None
    bot.send(signal.SIGTERM)
    expect(call).to_be_disconnected(code=200, by="remote", timeout=20.0)
    assert bot.end() == OK, bot.said


def refused(call: Call) -> bool:
    """Whether the call gets 503, rather than an answer."""
    until(call, lambda: call.facts.ended is not None or call.state is CallState.CONFIRMED)
    return call.facts.ended is not None and call.facts.ended.code == 503


@pytest.mark.peer("kamailio")
@pytest.mark.peer("sipp")
def test_a_caller_that_ignores_record_route(answer: NewBot, tmp_path: Path) -> None:
    """SIPp's own scenario writes every request of a call to the front, without a Route."""
    bot = many(answer, "kamailio", "--calls", str(CALLS))
    with sipp("uac", bot.uri(), tmp_path, "-m", str(CALLS), "-r", "10", "-d", "300") as caller:
        assert caller.wait(timeout=30) == 0, caller.tail
    assert bot.end() == OK, bot.said
    assert [call["disconnect"]["by"] for call in result_of(tmp_path)["calls"]] == ["remote"] * CALLS


@pytest.mark.peer("kamailio")
def test_a_stranger_to_the_calls_reaches_no_agent(answer: NewBot) -> None:
    bot = many(answer, "kamailio")
    with SipPeer(bot.uri()) as peer:
        ended = peer.ask(peer.request("BYE", to=f"<{bot.uri()}>;tag=of-no-call"))
    assert ended.status == 404
    bot.send(signal.SIGTERM)
    assert bot.end() == OK, bot.said


@pytest.mark.peer("kamailio")
def test_kamailio_is_started_again(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = many(answer, "kamailio")
    uri, caller = bot.uri(), new_endpoint()
    [main] = [child for child in psutil.Process(bot.pid).children() if child.name() == "kamailio"]
    [call] = up([caller], uri, 1)
    main.kill()
    bot.line("kamailio has ended and is started again")
    up([caller], uri, 1)  # its INVITE is sent again and again until then
    call.hangup()
    expect(call).to_be_disconnected(code=200)
    bot.send(signal.SIGTERM)
    assert bot.end() == OK, bot.said
