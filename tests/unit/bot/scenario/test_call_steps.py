"""Steps in a call, where they fail: who holds, re-INVITEs, transfers; and what cannot be meant."""

from __future__ import annotations

import pytest

from bot.errors import ConfigError
from tests.support.scenarios import Perform

HEAD = """\
timeout: 3
defaults: {bind: 127.0.0.1, codecs: [PCMA], accept_transfers: true}
endpoints: {alice: , bob: , carol: }
steps:
  - call: {from: alice, to: bob, as: first}
  - answer: {on: bob}
  - expect: {on: [alice, bob], state: confirmed}
"""


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("- reinvite: {on: alice, codecs: [GSM]}", "GSM is not among the codecs of this endpoint: PCMA"),
        ("- update: {on: alice, code: 488}", "call 1: UPDATE was answered with 200 OK, expected 488"),
        ("- reinvite: {on: alice, code: 491}", "call 1: INVITE was answered with 200 OK, expected 491"),
        (
            "- {transfer: {on: alice, to: 'sip:x@127.0.0.1:9;transport=tcp', code: 200}}",
            "call 1: the transfer was answered with 500",
        ),
        (
            "- {expect: {on: bob, transferred: carol, timeout: 0.1}}",
            "observed: no call was made, and no REFER came",
        ),
        ("- {expect: {on: bob, replaced: yes, timeout: 0.1}}", "observed: no INVITE took its place"),
    ],
)
def test_what_fails_says_so(steps: str, message: str, perform: Perform) -> None:
    done = perform(f"{HEAD}  {steps}\n  - expect: {{on: bob, direction: sendrecv}}\n")
    assert message in done.message


def test_one_of_two_holders_resumes(perform: Perform) -> None:
    done = perform(
        HEAD
        + """\
  - hold: {on: alice, direction: inactive}
  - hold: {on: bob}
  - unhold: {on: alice}
  - expect: {on: [alice, bob], direction: inactive}
  - unhold: {on: bob}
  - expect: {on: [alice, bob], direction: sendrecv}
"""
    )
    assert done.error is None


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("transfer: {on: alice}", "expected either to .blind. or to_call"),
        ("transfer: {on: alice, to: bob, to_call: alice}", "expected either to .blind. or to_call"),
        ("transfer: {on: alice, to_call: alice.frist}", "unknown call 'frist' .did you mean 'first'"),
        ("hold: {on: alice, direction: sendrecv}", "hold.direction"),
        ("update: {on: alice, offer: no}", "offer: unknown key"),
        ("expect: {on: alice, transferred: '('}", "transferred: .* is not a regular expression"),
    ],
)
def test_what_cannot_be_meant(step: str, message: str, perform: Perform) -> None:
    with pytest.raises(ConfigError, match=message):
        perform(f"{HEAD}  - {step}\n")
