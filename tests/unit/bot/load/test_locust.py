"""Locustfiles with calls: the example, and the options and users of ``bot.load.locust``."""

from __future__ import annotations

import argparse
import runpy
from importlib import import_module
from pathlib import Path

import pytest

from bot.load.arrivals import AsAsked, Due, Part
from bot.load.locust import SipUser, add_options, begin
from bot.model import SrtpMode

EXAMPLE = Path(__file__).parents[4] / "examples" / "load" / "locustfile.py"


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser)
    return parser.parse_args(arguments)


def test_the_example() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 15
    caller = runpy.run_path(str(EXAMPLE))["Caller"]
    assert issubclass(caller, SipUser)
    assert caller.endpoint.srtp is SrtpMode.MANDATORY


def test_options() -> None:
    found = options("--max-failures", "0.5%", "--p95-setup", "200", "--calls-at-once", "8")
    assert (found.max_failures, found.p95_setup, found.calls_at_once) == (0.005, 200.0, 8)
    assert options().max_failures == 0.0
    assert (options().web_host, options().master_bind_host) == ("127.0.0.1", "127.0.0.1")
    with pytest.raises(argparse.ArgumentError, match="expected a percentage"):
        options("--max-loss", "much")


def test_a_host_that_is_no_uri(caplog: pytest.LogCaptureFixture) -> None:
    kind = type("Caller", (SipUser,), {"host": "example.org"})
    environment = import_module("locust.env").Environment(user_classes=[kind])
    with pytest.raises(SystemExit) as ended:
        begin(environment, None)
    assert ended.value.code == 2
    assert "Caller.host (--host): not a SIP URI: 'example.org'" in caplog.text


def test_calls_begin_when_users_ask() -> None:
    arrivals = AsAsked(Part(1, 64))
    assert [arrivals.take(1, now) for now in (5.0, 6.0)] == [Due(5.0, 2, 0), Due(6.0, 66, 0)]
    arrivals.stop()
    assert arrivals.take(1, 7.0) is None
