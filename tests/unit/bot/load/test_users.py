"""The CSV file of users."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import EndpointConfig
from bot.errors import ConfigError
from bot.load.users import User, read_users, with_accounts


def test_users(tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text(
        "id,user,password,to\n"
        "sip:alice@example.org,alice,secret,sip:100@192.0.2.1\n"
        "\n"
        "sip:bob@example.org,,,sip:200@192.0.2.1\n"
    )
    alice, bob = read_users(file)
    assert alice == User(id="sip:alice@example.org", user="alice", password="secret", to="sip:100@192.0.2.1")
    config = with_accounts(EndpointConfig(), [alice, bob, alice])
    assert [account.id for account in config.accounts] == ["sip:alice@example.org", "sip:bob@example.org"]
    assert config.accounts[0].user == "alice"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ":1: is empty"),
        ("id,colour\n", ":1: unknown column 'colour'; expected names among id, user"),
        ("id,id\n", ":1: a column is named twice"),
        ("to\n", "has no users"),
        ("id,to\nsip:a@b.example\n", ":2: 1 values for 2 columns"),
        ("to\nsip:100@192.0.2.1\nhttp://x\n", ":3: to: "),
        ("user,password\nalice,secret\n", ":2: id: is missing"),
        ("id,password\nsip:a@b.example,secret\n", ":2: password: needs a user"),
    ],
)
def test_a_wrong_file(text: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        read_users(file)
    assert problem in str(wrong.value)
    assert "secret" not in str(wrong.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_users(tmp_path / "none.csv")
