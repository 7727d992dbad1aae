"""bot.report.environment: enough to repeat a run elsewhere, and nothing of the user's."""

from __future__ import annotations

import platform

from bot.events import Listener
from bot.model import CryptoSuite, Transport
from bot.report.environment import environment, facts
from tests.bot.fakes import ready


def test_versions_platform_and_build() -> None:
    listens = Listener(Transport.TLS, "192.0.2.1", 5061)
    known = dict(facts({"callee": ready(listens), "caller": ready()}))
    assert known["Python"] == platform.python_version()
    assert platform.machine() in known["platform"]
    assert "numpy" in known["packages"]
    assert known["library"] == "PJSIP 2.15.1"
    assert known["codecs"] == "PCMA/8000"
    assert known["crypto suites"].split(", ") == list(CryptoSuite)
    assert known["callee"] == "listened on tls 192.0.2.1:5061; recordings at 8000 Hz"
    assert "udp 127.0.0.1:5062" in known["caller"]


def test_without_any_endpoint() -> None:
    assert set(dict(facts({}))) == {"platform", "Python", "packages"}


def test_a_name_injects_nothing() -> None:
    assert "<b>" not in "".join(environment({"<b>": ready()}))
