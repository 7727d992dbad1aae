"""bot.config.account: one or several accounts, invalid settings, and redacted passwords."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.config.account import AccountConfig, address_of_record
from bot.config.credentials import Credential
from bot.config.endpoint import EndpointConfig, load_config
from bot.errors import ConfigError
from bot.scenario.load import load

ALICE, BOB = "sip:alice@example.org", "sip:bob@example.org"


IMS = {
    "user": "u",
    "password": "x",
    "realm": "r",
    "registrar": "sip:example.org",
    "initial_authorization": True,
}
TWICE = {"user": "bob", "password": "geheim", "realm": "a"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expires_s": 0}, "expires_s: expected 1 to .* 0 is an unregistration"),
        ({"expires_s": "soon"}, "expires_s: expected a whole number"),
        ({"register_headers": {"Bad Name": "x"}}, "register_headers: not a header"),
        ({"register_headers": {"X-A": "1\r\nX-B: 2"}}, "register_headers: not a header"),
        ({"accounts": [{"display_name": "bob"}]}, r"accounts\[0\]\.id: is missing"),
        ({"accounts": [{"id": "bob"}]}, r"accounts\[0\]\.id: .* did you mean sip:bob"),
        ({"accounts": [{"id": BOB, "expires_s": -1}]}, r"accounts\[0\]\.expires_s: expected 1"),
        (
            {"accounts": [{"id": BOB}, {"id": f'"B" <{BOB}>'}]},
            r"accounts\[1\]\.id: duplicate address",
        ),
        ({"user": "bob"}, r"user: needs a password; set password too, to \"\" for an empty password"),
        ({"accounts": [{"id": BOB, "user": "bob"}]}, r"accounts\[0\]\.user: needs a password"),
        ({"id": "sip:example.org", "password": "x"}, r"password: needs a user name, and id has no user"),
        ({"id": "tel:+49;phone-context=x"}, "id: a tel: URI with parameters cannot be written into From"),
        ({"id": "tel:alice"}, "id: .* its number is not digits"),
        ({"registrar": "tel:+49"}, "registrar: expected a sip: or sips: URI"),
        ({"initial_authorization": True}, "initial_authorization: needs a registrar, and a user"),
        ({**IMS, "password": None, "user": None}, "initial_authorization: needs a registrar, and a user"),
        ({**IMS, "realm": "*"}, "initial_authorization: needs a realm"),
        ({"publish": True}, "publish: needs an address of record"),
        ({"publish": True, "id": "tel:+49"}, "publish: a tel: URI has no host; set proxy"),
        ({"subscriptions": [{"package": "presence"}]}, "the key 'uri' is missing"),
        ({"subscriptions": [{"uri": "bob"}]}, r"subscriptions\[0\]\.uri: "),
        ({"subscriptions": [{"uri": BOB}, {"uri": BOB}]}, r"subscriptions\[1\]\.uri: duplicate URI"),
        (
            {"subscriptions": [{"uri": BOB, "package": "dialog"}]},
            r"subscriptions\[0\]\.package: expected presence, got 'dialog': the library has no",
        ),
        ({"subscriptions": [{"uri": BOB, "package": "message-summary"}]}, "set mwi of the account"),
        (
            {"subscriptions": [{"uri": BOB, "package": "x"}]},
            "does not support this event package",
        ),
        (
            {"subscriptions": [{"uri": f"sip:{n}@h"} for n in range(33)]},
            "subscriptions: .* at most 32, got 33",
        ),
        ({"mwi": True}, r"mwi: needs a registrar"),
        ({"accounts": [{"id": BOB, "mwi": True}]}, r"accounts\[0\]\.mwi: needs a registrar"),
        ({"credentials": [{"user": "bob"}]}, "credentials.* the key 'password' is missing"),
        ({"credentials": [{"password": "x"}]}, "credentials.* the key 'user' is missing"),
        ({"credentials": [{"user": "", "password": "x"}]}, r"credentials\[0\]\.user: is empty"),
        (
            {"credentials": [{"user": "b", "password": "x", "realm": ""}]},
            r"credentials\[0\]\.realm: is empty",
        ),
        ({"credentials": [TWICE, TWICE]}, r"credentials\[1\]\.realm: .* a, see credentials\[0\]"),
        (
            {"user": "b", "password": "x", "credentials": [{"user": "b", "password": "y"}]},
            r"credentials\[0\]\.realm: duplicate realm \*, see user and password of the account",
        ),
        (
            {"credentials": [{**TWICE, "realm": str(n)} for n in range(9)]},
            "credentials: expected at most 8, got 9",
        ),
        ({"id": BOB, "accounts": [{"id": BOB}]}, r"accounts\[0\]\.id: duplicate address of record"),
        ({"accounts": [{"id": BOB, "codecs": ["PCMA"]}]}, r"accounts\[0\]\.codecs: unknown key"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EndpointConfig().with_options(**options)


def test_identities_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(
        f"id: {ALICE}\nexpires_s: 60\nregister_headers: {{X-Phone: '7'}}\n"
        f"accounts:\n  - {{id: {BOB}, user: bob, password: geheim,"
        " registrar: 'sip:example.org', mwi: true}\n"
    )
    config = load_config(path)
    assert (config.id, config.expires_s, config.register_headers) == (ALICE, 60, {"X-Phone": "7"})
    assert config.accounts == (
        AccountConfig(id=BOB, user="bob", password="geheim", registrar="sip:example.org", mwi=True),
    )
    path.write_text(f"accounts:\n  - id: {BOB}\n    registrar: example.org\n")
    with pytest.raises(ConfigError, match=r"two\.yaml:3: accounts\[0\]\.registrar: .* no scheme"):
        load_config(path)


def test_no_password_is_shown() -> None:
    config = EndpointConfig(accounts=(AccountConfig(id=BOB, user="bob", password="geheim"),))
    assert "geheim" not in repr(config)
    assert "geheim" not in str(config.redacted())
    assert config.redacted()["accounts"][0]["user"] == "bob"
    assert config.with_options(port=5070).accounts[0].password == "geheim"


@pytest.mark.parametrize("text", [ALICE, f'"Alice" <{ALICE};transport=tcp>', f"{ALICE};lr"])
def test_address_of_record(text: str) -> None:
    assert address_of_record(text) == ALICE


def test_an_empty_password_is_a_password() -> None:
    config = EndpointConfig().with_options(user="bob", password="")
    assert config.password == ""
    assert config.proofs(ALICE) == [Credential(user="bob", password="")]
    assert config.redacted()["password"] == "***"


def test_a_password_without_a_user_is_that_of_the_address() -> None:
    assert AccountConfig(id=BOB, password="x").proofs(BOB) == [Credential(user="bob", password="x")]


def test_credentials_for_several_realms(tmp_path: Path) -> None:
    path = tmp_path / "realms.yaml"
    path.write_text(
        "user: bob\npassword: p-one\nrealm: a.example\n"
        "credentials:\n  - {user: robert, password: p-two, realm: b.example}\n"
        "  - {user: bobby, password: ''}\n"
    )
    config = load_config(path)
    assert [(proof.realm, proof.user, proof.password) for proof in config.proofs(BOB)] == [
        ("a.example", "bob", "p-one"),
        ("b.example", "robert", "p-two"),
        ("*", "bobby", ""),
    ]
    for shown in (repr(config), str(config.redacted()), str(config.__rich_repr__())):
        assert "p-" not in shown
        assert "robert" in shown
    path.write_text("credentials:\n  - user: bob\n    password: [geheim]\n")
    with pytest.raises(ConfigError, match=r"realms\.yaml:3: credentials\[0\]\.password: ") as refused:
        load_config(path)
    assert "geheim" not in str(refused.value)


def test_a_scenario_completes_the_file_of_an_endpoint(tmp_path: Path) -> None:
    (tmp_path / "bob.yaml").write_text("password: geheim\n")
    (tmp_path / "s.yaml").write_text(
        "name: n\nendpoints: {a: {config: bob.yaml, user: bob}, b: {}}\n"
        "steps: [{call: {from: a, to: b}}, {expect: {on: b, state: confirmed}}]\n"
    )
    [case] = load(str(tmp_path / "s.yaml"), {})
    assert case.endpoints["a"].proofs(BOB) == [Credential(user="bob", password="geheim")]
    (tmp_path / "bob.yaml").write_text("codecs: [PCMA]\n")
    with pytest.raises(ConfigError, match=r"s\.yaml:2: endpoints\.a\.user: needs a password"):
        load(str(tmp_path / "s.yaml"), {})
