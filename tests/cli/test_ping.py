"""``srtpbot ping``: figures, capabilities, and an exit status that a health check can use."""

from __future__ import annotations

import pytest

from tests.support.commands import NewBot
from tests.support.contract import missing
from tests.support.process import FAILED, OK, TROUBLE, USAGE
from tests.support.starting import LOOPBACK, NewEndpoint

QUICK = ("--bind", LOOPBACK, "--interval", 0.05)


def test_peer_that_answers(srtpbot: NewBot, new_endpoint: NewEndpoint) -> None:
    peer = new_endpoint(user_agent="peer/1")
    bot = srtpbot("ping", peer.uri, *QUICK, "--count", 3, "--header", "X-Test: 7", "--json", "-")
    assert bot.end() == OK, bot.said
    result = bot.json()
    assert missing(result) == []
    assert result["verdict"] == "pass"
    trips = result["round_trips"]
    assert (trips["sent"], trips["answered"], trips["loss_pct"]) == (3, 3, 0.0)
    times = sorted(one["rtt_ms"] for one in result["probes"])
    assert [trips["min_ms"], trips["median_ms"], trips["max_ms"]] == times
    assert 0 < times[0] < 2000
    assert {one["code"] for one in result["probes"]} == {200}
    assert result["peer"]["user_agent"] == "peer/1"
    assert "INVITE" in result["peer"]["allow"]
    assert "application/sdp" in result["peer"]["accept"]
    assert "100rel" in result["peer"]["supported"]
    for word in ("median", "Allow", "Accept", "Supported", "peer/1", "200 OK"):
        assert word in bot.stderr, bot.said


def test_nobody_there(srtpbot: NewBot) -> None:
    bot = srtpbot("ping", f"sip:{LOOPBACK}:9", *QUICK, "--count", 2, "--timeout", 0.2, "--out", "out")
    assert bot.end() == FAILED, bot.said
    assert bot.stdout.count("no answer within 0.2 s") == 2
    assert "100 %" in bot.stdout
    assert "0 of 2 answered" in bot.stdout


def test_other_code_than_expected(srtpbot: NewBot, new_endpoint: NewEndpoint) -> None:
    uri = new_endpoint().uri
    bot = srtpbot("ping", uri, *QUICK, "--count", 1, "--expect-code", 404)
    assert bot.end() == FAILED, bot.said
    assert "every answer is as expected" in bot.stdout


def test_port_that_is_taken(srtpbot: NewBot, new_endpoint: NewEndpoint) -> None:
    peer = new_endpoint()
    bot = srtpbot("ping", peer.uri, *QUICK, "--port", peer.uri.rpartition(":")[2])
    assert bot.end() == TROUBLE, bot.said
    assert "cannot listen" in bot.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "URI"),
        (["bob"], "bob"),
        (["sip:h;transport=tcp"], "--transport tcp"),
        (["sip:h", "--count", "0"], "--count"),
        (["sip:h", "--header", "none"], "none"),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], words: str, srtpbot: NewBot) -> None:
    bot = srtpbot("ping", *arguments)
    assert bot.end() == USAGE, bot.said
    assert words in bot.stderr
    assert "Traceback" not in bot.said
