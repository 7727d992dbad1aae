"""Steps and expectations outside of calls: the shipped scenario, and its failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.scenario.load import load
from tests.support.scenarios import Perform, Performed

Broken = Callable[..., Performed]
HEAD = """\
timeout: 3
defaults: {bind: 127.0.0.1, codecs: [PCMA]}
endpoints: {alice: , bob: }
steps:
"""


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "pbx: {accept_registrations: true} ",
            "pbx: {} ",
            ["alice: not registered: 405 Method Not Allowed"],
        ),
        ("code: 405}", "code: 200}", ["steps[2].register", "bob: not registered: 405 Method Not Allowed"]),
        (
            "- register: {on: alice}",
            "- register: {on: alice, code: 403}",
            ["200 OK, expected 403"],
        ),
        ("to: alice, code: 200}", "to: alice, code: 404}", ["was answered with 200 OK, expected 404"]),
        ("method: NOTIFY", "method: PUBLISH", ["was answered with 405 Method Not Allowed, expected 2xx"]),
        (
            "{new: 2, old: 8}",
            "{new: 3}, timeout: 0.3",
            ["has messages waiting", "expected: 3 new", "2 new and 8 old"],
        ),
        ('info: \'"lamp": "on"\'', "info: lampe, timeout: 0.3", ["INFO with /lampe/", "lamp"]),
        (
            "- unregister: {on: alice}",
            "- wait: {seconds: 0}",
            ["alice is not registered", "registered: 200 OK"],
        ),
        ("{on: bob, registered: no}", "{on: bob, registered: yes}", ["bob is registered", "405"]),
    ],
)
def test_broken_in_one_place(old: str, new: str, named: list[str], broken: Broken) -> None:
    done = broken("registration", old, new)
    for text in named:
        assert text in done.message, done.message


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("register: {on: carol}", r"steps\[0\]\.register\.on: unknown endpoint 'carol'"),
        ("unregister: {on: alise}", r"steps\[0\]\.unregister\.on: .*did you mean 'alice'\?"),
        ("options: {from: alice}", r"steps\[0\]\.options\.to: from and to go together"),
        ("options: {on: alice, to: bob}", r"steps\[0\]\.options\.on: expected either"),
        ("options: {from: alice, to: carol}", r"steps\[0\]\.options\.to: unknown endpoint 'carol'"),
        ("request: {from: alice, to: bob}", r"steps\[0\]\.request: the key 'method' is missing"),
        ("request: {from: alice, to: bob, method: A B}", r"steps\[0\]\.request\.method"),
        ("request: {from: carol, to: bob, method: X}", r"steps\[0\]\.request\.from: unknown endpoint"),
        ("expect: {on: alice, info: '['}", r"steps\[0\]\.expect\.info: '\[' is not a regular"),
        ("expect: {on: alice, mailbox: {new: -1}}", r"steps\[0\]\.expect\.mailbox\.new"),
        ("expect: {recording: x, registered: yes}", r"registered: is an expectation of a call"),
    ],
)
def test_what_cannot_be_meant(step: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{HEAD}  - {step}\n  - expect: {{on: alice, registered: no}}\n")
    with pytest.raises(ConfigError, match=message):
        load(str(path), {})


def test_registrar_that_starts_later(perform: Perform) -> None:
    early = HEAD.replace("alice: ,", "alice: {registrar: 'sip:bob'},")
    done = perform(f"{early}  - expect: {{on: alice, registered: yes}}\n")
    assert "registrar: endpoint bob starts later; move it before" in done.message


def test_steps_that_the_library_cannot_do(perform: Perform) -> None:
    done = perform(f"{HEAD}  - register: {{on: alice}}\n  - expect: {{on: alice, registered: yes}}\n")
    assert "sip:alice@127.0.0.1" in done.message
    assert "has no registrar; set registrar" in done.message
    assert [one.name for one in done.failed] == ["steps[0].register is done", "steps[1].expect is reached"]


def test_call_of_another_identity(perform: Perform) -> None:
    two = HEAD.replace("alice: ,", "alice: {accounts: [{id: 'sip:dave@127.0.0.1'}]},")
    call = "  - call: {from: alice, to: bob, account: dave}\n"
    expected = '  - expect: {on: bob, header: {From: "sip:dave@"}, within: INVITE}\n'
    assert perform(f"{two}{call}{expected}").error is None
    assert "unknown account 'carol'" in perform(f"{two}{call.replace('dave', 'carol')}{expected}").message
