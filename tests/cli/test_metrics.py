"""``srtpbot answer --metrics``: what Prometheus reads, and whether the service is well."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import expect
from bot.cli.metrics import listen_address
from bot.errors import ConfigError
from tests.support import needs
from tests.support.commands import NewBot
from tests.support.process import FAILED, OK, TROUBLE, USAGE
from tests.support.programs import free_ports
from tests.support.starting import LOOPBACK, NewEndpoint

WAIT_S = 20.0


def fetched(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


@needs.calls
def test_calls_and_packets_are_counted(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--metrics", 0, "--calls", 2)
    uri = bot.uri()
    url = bot.line(r"^metrics (http://127\.0\.0\.1:\d+/metrics)$", stream="stderr")[1]
    assert fetched(url.replace("/metrics", "/healthz")) == (200, "ok\n")
    assert fetched(url.replace("/metrics", "/other"))[0] == 404
    caller = new_endpoint(codecs=["PCMA"])
    call = caller.make_call(uri)
    expect(call).to_be_confirmed()
    expect(call).to_have_received_packets(at_least=10)
    call.hangup()
    expect(call).to_be_disconnected()
    bot.until(lambda: samples(fetched(url)[1]).get(("srtpbot_calls_total", "answered")) == 1.0)
    seen = samples(fetched(url)[1])
    assert seen["srtpbot_agents_up",] == 1.0
    assert seen["srtpbot_calls_running",] == 0.0
    assert seen["srtpbot_rtp_packets_total", "received"] >= 10
    assert seen["srtpbot_rtp_packets_lost_total", "received"] == 0
    assert seen["srtpbot_call_seconds_count",] == 1.0
    with socket.create_connection((LOOPBACK, int(url.split(":")[2].split("/")[0]))):  # says nothing
        second = caller.make_call(uri)
        expect(second).to_be_confirmed()
        second.hangup()
        assert bot.end() == OK, bot.said


@needs.calls
def test_several_agents_are_counted_together(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--metrics", 0, "--calls-at-once", 2, "--max-calls", 1, "--port", free_ports())
    uri = bot.uri()
    url = bot.line(r"^metrics (http://127\.0\.0\.1:\d+/metrics)$", stream="stderr")[1]
    caller = new_endpoint(codecs=["PCMA"], follow_redirects=1)
    calls = [caller.make_call(uri) for _ in range(2)]
    for call in calls:
        expect(call).to_be_confirmed(timeout=10.0)
        expect(call).to_have_received_packets(at_least=10)
    bot.until(lambda: samples(fetched(url)[1])["srtpbot_calls_running",] == 2.0)
    assert samples(fetched(url)[1])["srtpbot_agents_up",] == 2.0
    children = psutil.Process(bot.pid).children()
    next(one for one in children if "bot.agent" in one.cmdline()).kill()
    bot.until(lambda: samples(fetched(url)[1]).get(("srtpbot_calls_total", "broken")) == 1.0)
    assert fetched(url.replace("/metrics", "/healthz")) == (200, "ok\n"), "the other one listens"
    bot.until(lambda: samples(fetched(url)[1])["srtpbot_agents_up",] == 2.0)
    for call in calls:
        call.hangup()
    bot.until(lambda: samples(fetched(url)[1])["srtpbot_calls_running",] == 0.0)
    seen = samples(fetched(url)[1])
    assert seen["srtpbot_calls_total", "answered"] == 1.0
    assert (seen["srtpbot_agent_crashes_total",], seen["srtpbot_agent_restarts_total",]) == (1.0, 1.0)
    assert seen["srtpbot_rtp_packets_total", "received"] >= 20
    bot.send(signal.SIGTERM)
    assert bot.end() == FAILED, bot.said


def test_a_wrong_address_is_refused(answer: NewBot) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy, wrong = answer("--metrics", port), answer("--metrics", "localhost")
        assert (busy.end(), wrong.end()) == (TROUBLE, USAGE), busy.said
    assert f"srtpbot: --metrics {LOOPBACK}:{port}: cannot listen: Address already in use" in busy.stderr
    assert "srtpbot: --metrics localhost: expected HOST:PORT or PORT" in wrong.stderr


@pytest.mark.parametrize(
    ("text", "address"),
    [("91", (LOOPBACK, 91)), (":91", (LOOPBACK, 91)), ("0.0.0.0:1", ("0.0.0.0", 1)), ("[::1]:1", ("::1", 1))],
)  # fmt: skip
def test_without_a_host_it_is_loopback(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("text", ["", "host:", "1:x", "70000"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--metrics .*: expected HOST:PORT or PORT$"):
        listen_address(text)
