"""bot.identity: one identity or several, what is refused, and that no password is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.config import EndpointConfig, load_config
from bot.errors import ConfigError
from bot.identity import Identity, address_of_record

ALICE, BOB = "sip:alice@example.org", "sip:bob@example.org"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expires_s": 0}, "expires_s: expected 1 to .* 0 would unregister"),
        ({"expires_s": "soon"}, "expires_s: expected a whole number"),
        ({"register_headers": {"Bad Name": "x"}}, "register_headers: not a header"),
        ({"register_headers": {"X-A": "1\r\nX-B: 2"}}, "register_headers: not a header"),
        ({"accounts": [{"user": "bob"}]}, r"accounts\[0\]\.id: is missing"),
        ({"accounts": [{"id": "bob"}]}, r"accounts\[0\]\.id: .* did you mean sip:bob"),
        ({"accounts": [{"id": BOB, "expires_s": -1}]}, r"accounts\[0\]\.expires_s: expected 1"),
        ({"accounts": [{"id": BOB}, {"id": f'"B" <{BOB}>'}]}, r"accounts\[1\]\.id: .* another identity's"),
        ({"id": BOB, "accounts": [{"id": BOB}]}, r"accounts\[0\]\.id: .* another identity's"),
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
        Identity(id=BOB, user="bob", password="geheim", registrar="sip:example.org", mwi=True),
    )
    path.write_text(f"accounts:\n  - id: {BOB}\n    registrar: example.org\n")
    with pytest.raises(ConfigError, match=r"two\.yaml:3: accounts\[0\]\.registrar: .* no scheme"):
        load_config(path)


def test_no_password_is_shown() -> None:
    config = EndpointConfig(accounts=(Identity(id=BOB, user="bob", password="geheim"),))
    assert "geheim" not in repr(config)
    assert "geheim" not in str(config.redacted())
    assert config.redacted()["accounts"][0]["user"] == "bob"
    assert config.with_options(port=5070).accounts[0].password == "geheim"


@pytest.mark.parametrize("text", [ALICE, f'"Alice" <{ALICE};transport=tcp>', f"{ALICE};lr"])
def test_address_of_record(text: str) -> None:
    assert address_of_record(text) == ALICE
