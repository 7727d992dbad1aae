"""``srtpbot doctor``: the capabilities of the library, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import NewBot
from tests.support.process import OK


def test_text_and_json_say_the_same(srtpbot: NewBot, tmp_path: Path) -> None:
    bot = srtpbot("doctor", "--json", tmp_path / "doctor.json")
    assert bot.end() == OK, bot.said
    result = json.loads((tmp_path / "doctor.json").read_text())
    build = result["build"]
    lines = dict(line.split(maxsplit=1) for line in bot.stdout.splitlines())
    assert lines["library"].startswith(f"PJSIP {build['version']}")
    assert lines["calls"].startswith(f"{build['calls']} at once")
    assert lines["sockets"].startswith(f"{build['handles']} ")
    assert build["io_queue"] in lines["sockets"]
    assert ("not" in lines["IPv6"]) != build["ipv6"]
    assert all(suite in lines["SRTP"] for suite in build["suites"])
    assert all(keying in lines["SRTP"] for keying in build["keyings"])
    assert build["tls_library"] in lines["TLS"]
    active = [one["name"] for one in build["workarounds"] if one["state"] == "active"]
    assert lines["active"] == ", ".join(active)


def test_json_on_standard_output(srtpbot: NewBot) -> None:
    bot = srtpbot("doctor", "--json")
    assert bot.end() == OK, bot.said
    assert bot.json()["schema"] == "srtpbot.doctor/1"


def test_a_result_has_the_same_in_its_environment(srtpbot: NewBot) -> None:
    bot = srtpbot(
        "ping", "sip:a@127.0.0.1:9", "--bind", "127.0.0.1", "--count", 1, "--timeout", 0.2, "--json", "-"
    )
    bot.end()
    doctor = srtpbot("doctor", "--json", "-")
    assert doctor.end() == OK, doctor.said
    build = bot.json()["environment"]["build"]
    assert build == doctor.json()["build"]
