"""Scenarios with CANCEL, redirections, PRACK and session timers, and invalid ones."""

from __future__ import annotations

import pytest

from bot.errors import ConfigError
from tests.support.scenarios import Perform

HEAD = """\
timeout: 5
defaults: {bind: 127.0.0.1, codecs: [PCMA]}
endpoints: {alice: , bob: , carol: }
steps:
  - call: {from: alice, to: bob}
"""


def test_what_is_not_so_is_told(perform: Perform) -> None:
    done = perform(
        HEAD
        + """\
  - ring: {on: bob}
  - expect: {on: [alice, bob], reliable: no}
  - answer: {on: bob}
  - expect: {on: [alice, bob], state: confirmed, session_expires: 1800, refresher: uac}
  - parallel:
      - expect: {on: alice, cancelled: yes, timeout: 0.1}
      - expect: {on: alice, redirected: carol, timeout: 0.1}
      - expect: {on: bob, reliable: yes, timeout: 0.1}
      - expect: {on: bob, session_expires: 1800, refresher: uas, timeout: 0.1}
"""
    )
    assert {(one.name, one.observed) for one in done.failed} >= {
        ("alice call 1 has cancelled correctly", "no CANCEL"),
        ("alice call 1 has been redirected", "not redirected"),
        ("bob call 1 uses reliable provisional responses", "0 reliable provisional responses"),
        ("bob call 1 uses a session timer", "1800;refresher=uac"),
    }


@pytest.mark.parametrize("step", ["cancel", "bye"])
def test_it_is_too_late(step: str, perform: Perform) -> None:
    done = perform(
        HEAD
        + f"""\
  - answer: {{on: bob}}
  - expect: {{on: [alice, bob], state: confirmed}}
  - {step}: {{on: alice}}
"""
    )
    assert f"steps[3].{step}: " in done.message
    assert {"cancel": "nothing to cancel", "bye": "before the answer"}[step] in done.message


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            "reject: {on: bob, code: 486, to: [carol]}",
            "to: needs a redirection code from 300 to 399, not 486",
        ),
        ("reject: {on: bob, code: 302, to: [carl]}", r"to\[0\]: unknown endpoint 'carl'"),
        ("expect: {on: alice, redirected: carl}", "redirected: unknown endpoint 'carl'"),
        (
            "expect: {on: alice, state: early, refresher: uac}",
            "refresher: needs the key session_expires in the same step",
        ),
        ("expect: {on: alice, session_expires: 30}", "session_expires"),
    ],
)
def test_what_cannot_be_meant(step: str, message: str, perform: Perform) -> None:
    with pytest.raises(ConfigError, match=message):
        perform(f"{HEAD}  - {step}\n  - expect: {{on: alice, state: early}}\n")
