"""``srtpbot register``: responses of the registrar, refreshes, refusals, removal at the end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.commands import NewBot
from tests.support.contract import missing
from tests.support.process import FAILED, OK, USAGE
from tests.support.registrar import PASSWORD, Registrar
from tests.support.starting import LOOPBACK


@pytest.fixture
def registrar() -> Iterator[Registrar]:
    with Registrar(headers="Service-Route: <sip:edge.example;lr>\r\n") as running:
        yield running


def test_registration(registrar: Registrar, srtpbot: NewBot) -> None:
    who = ["--bind", LOOPBACK, "--registrar", registrar.uri, "--user", "alice"]
    bot = srtpbot("register", *who, "--expires", 60, SRTPBOT_PASSWORD=PASSWORD)
    assert bot.end() == OK, bot.said
    bot.line(rf"registered +sip:alice@{LOOPBACK}:{registrar.port}: 200 OK, for 60 s")
    bot.line(rf"contact +<sip:alice@{LOOPBACK}:\d+")
    bot.line(r"route +<sip:edge\.example;lr>")
    bot.line("unregistered +sip:alice")
    assert PASSWORD not in bot.said
    assert [one.header("Expires") for one in registrar.of("REGISTER")] == ["60", "60", "0", "0"]


def test_stays_and_refreshes(registrar: Registrar, srtpbot: NewBot) -> None:
    who = ["--bind", LOOPBACK, "--registrar", registrar.uri, "--id", "sip:alice@h", "--user", "alice"]
    bot = srtpbot("register", *who, "--expires", 1, "--for", 1.2, "--json", "-", SRTPBOT_PASSWORD=PASSWORD)
    assert bot.end() == OK, bot.said
    result = bot.json()
    assert missing(result) == []
    told = result["registrations"]
    assert len(told) >= 3
    assert [one["active"] for one in told] == [True] * (len(told) - 1) + [False]
    gaps = [later["at_s"] - one["at_s"] for one, later in pairwise(told)]
    assert max(gaps) < 1.0  # none of them came after the registration had expired
    assert {one["account"] for one in told} == {"sip:alice@h"}


def test_wrong_password(registrar: Registrar, srtpbot: NewBot) -> None:
    who = ["--bind", LOOPBACK, "--registrar", registrar.uri, "--user", "alice"]
    bot = srtpbot("register", *who, SRTPBOT_PASSWORD="looking-glass")
    assert bot.end() == FAILED, bot.said
    assert "not registered: 401 Unauthorized: the user name or the password is wrong" in bot.stdout
    assert "looking-glass" not in bot.said
    assert len(registrar.of("REGISTER")) == 2


@pytest.mark.parametrize("command", ["call", "ping"])
def test_who_is_not_registered_sends_nothing_else(
    command: str, registrar: Registrar, srtpbot: NewBot
) -> None:
    who = ["--bind", LOOPBACK, "--registrar", registrar.uri, "--id", "sip:alice@h", "--user", "alice"]
    bot = srtpbot(command, registrar.uri, *who, "--json", "-", SRTPBOT_PASSWORD="looking-glass")
    assert bot.end() == FAILED, bot.said
    result = bot.json()
    assert (result["verdict"], result["error"]) == ("fail", None)
    [expectation] = result["expectations"]
    assert (expectation["verdict"], expectation["expected"]) == ("fail", "registered")
    assert "401" in expectation["observed"]
    assert {request.method for request in registrar.requests} == {"REGISTER"}


def test_nobody_there(srtpbot: NewBot) -> None:
    who = ["--bind", LOOPBACK, "--registrar", f"sip:{LOOPBACK}:9", "--user", "alice"]
    bot = srtpbot("register", *who, "--timeout", 0.2, SRTPBOT_PASSWORD=PASSWORD)
    assert bot.end() == FAILED, bot.said
    assert "no word from a registrar" in bot.stdout


def test_several_accounts_of_a_file(registrar: Registrar, srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(
        f"bind: {LOOPBACK}\n"
        f"accounts:\n"
        f"  - {{id: 'sip:a@h', user: a, password: {PASSWORD}, registrar: '{registrar.uri}'}}\n"
        f"  - {{id: 'sip:b@h', user: b, password: {PASSWORD}, registrar: '{registrar.uri}'}}\n"
    )
    bot = srtpbot("register", "--config", "two.yaml")
    assert bot.end() == OK, bot.said
    for user in ("a", "b"):
        bot.line(rf"^registered +sip:{user}@h: 200 OK")
        bot.line(rf"^unregistered +sip:{user}@h: 200 OK")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--user", "alice", "--password", "p"], "--registrar"),
        (["--registrar", "sip:h"], "--id"),
        (["--registrar", "h", "--user", "a", "--password", "p"], "registrar"),
        (["--registrar", "sip:h", "--user", "a", "--password", "p", "--expires", "0"], "--expires"),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], words: str, srtpbot: NewBot) -> None:
    bot = srtpbot("register", *arguments)
    assert bot.end() == USAGE, bot.said
    assert words in bot.stderr
    assert "Traceback" not in bot.said
