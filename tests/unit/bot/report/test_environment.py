"""bot.report.environment: facts to repeat a run elsewhere, without data of the user."""

from __future__ import annotations

import platform

from bot.ipc.events import Listener
from bot.model import CryptoSuite, Transport
from bot.report.environment import environment
from tests.support.fakes import ready
from tests.support.markup import macro


def test_versions_platform_and_build() -> None:
    listens = Listener(Transport.TLS, "192.0.2.1", 5061)
    known = dict(environment({"callee": ready(listens), "caller": ready()}))
    assert known["Python"] == platform.python_version()
    assert platform.machine() in known["platform"]
    assert "numpy" in known["packages"]
    assert known["library"] == "PJSIP 2.15.1, 4 calls in an endpoint, select"
    assert known["keying"] == "SDES"
    assert known["TLS"] == "up to 1.2; OpenSSL 1.0.2k-fips  26 Jan 2017"
    assert known["IPv6"] == "no"
    assert known["codecs"] == "PCMA/8000"
    assert known["crypto suites"].split(", ") == list(CryptoSuite)
    assert known["callee"] == "listened on tls 192.0.2.1:5061; recordings at 8000 Hz"
    assert "udp 127.0.0.1:5062" in known["caller"]


def test_without_any_endpoint() -> None:
    assert set(dict(environment({}))) == {"platform", "Python", "packages"}


def test_a_name_injects_nothing() -> None:
    shown = macro("macros.html", "definitions", environment({"<b>": ready()}))
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
