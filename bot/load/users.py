"""Identities, credentials and numbers of a load, from a CSV file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from bot.config import AccountConfig, EndpointConfig
from bot.errors import ConfigError
from bot.sip import parse_uri

__all__ = ["User", "read_users", "with_accounts"]

COLUMNS = ("id", "user", "password", "realm", "proxy", "to")
"""Columns of the file; each may be left out. ``to`` is the URI to call, the others are an account's.

An INVITE proves its identity by digest when it is challenged; nothing is registered.
"""


@dataclass(frozen=True)
class User:
    """One line of the file."""

    id: str = ""
    user: str = ""
    password: str = ""
    realm: str = ""
    proxy: str = ""
    to: str = ""


def read_users(path: Path) -> list[User]:
    """The users of a file whose first line names its columns; raises ConfigError with the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"--users {path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"--users {path}: is not UTF-8 text") from None
    rows = csv.reader(text.splitlines())
    head = [name.strip().lower() for name in next(rows, [])]
    unknown = [name for name in head if name not in COLUMNS]
    if not head or unknown or len(set(head)) < len(head):
        what = (
            f"unknown column {unknown[0]!r}" if unknown else "a column is named twice" if head else "is empty"
        )
        raise ConfigError(f"--users {path}:1: {what}; expected names among {', '.join(COLUMNS)}")
    users = [
        _user(f"--users {path}:{rows.line_num}", head, [cell.strip() for cell in row])
        for row in rows
        if any(cell.strip() for cell in row)
    ]
    if not users:
        raise ConfigError(f"--users {path}: has no users; expected a line for each after the names")
    return users


def _user(place: str, head: list[str], cells: list[str]) -> User:
    if len(cells) != len(head):
        raise ConfigError(f"{place}: {len(cells)} values for {len(head)} columns ({', '.join(head)})")
    user = User(**dict(zip(head, cells, strict=True)))
    for key in ("id", "proxy", "to"):
        if value := getattr(user, key):
            try:
                parse_uri(value)
            except ConfigError as error:
                raise ConfigError(f"{place}: {key}: {error}") from None
    if user.password and not user.user:
        raise ConfigError(f"{place}: password: needs a user")
    if (user.user or user.proxy) and not user.id:
        raise ConfigError(f"{place}: id: is missing; an account needs an address of record")
    return user


def with_accounts(config: EndpointConfig, users: list[User]) -> EndpointConfig:
    """The settings with an account for each identity; every agent has all of them."""
    ids = dict.fromkeys(user.id for user in users if user.id)
    first = {user.id: user for user in reversed(users)}
    accounts = tuple(
        AccountConfig(
            id=one.id,
            user=one.user or None,
            password=one.password or None,
            realm=one.realm or None,
            proxy=one.proxy or None,
        )
        for one in (first[name] for name in ids)
        if one.id != config.id
    )
    return config.with_options(accounts=(*config.accounts, *accounts)) if accounts else config
