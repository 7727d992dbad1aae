"""Which header fields on which messages."""

from __future__ import annotations

from typing import Any

import pytest

from bot import EndpointConfig
from bot.config.validation import SettingError
from bot.errors import ConfigError
from bot.sip.headers import checked_content_type, header_list
from bot.sip.message import Message
from bot.sip.message_filter import MessageFilter

INVITE = Message.parse("INVITE sip:a@x SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n")
RINGING = Message.parse("SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n")
ANSWERED = Message.parse("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n")
GONE = Message.parse("SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, []),
        ({"X-A": "1"}, [("X-A", "1")]),
        ({"X-A": ["1", "2"], "X-B": "3"}, [("X-A", "1"), ("X-A", "2"), ("X-B", "3")]),
        ([("X-A", "1"), ("X-B", "2"), ("X-A", "3")], [("X-A", "1"), ("X-B", "2"), ("X-A", "3")]),
        ({"X-Name": "Zoë 🎉"}, [("X-Name", "Zoë 🎉")]),
    ],
)
def test_headers_are_read(headers: Any, expected: list[tuple[str, str]]) -> None:
    assert header_list(headers) == expected


@pytest.mark.parametrize(
    "headers", [{"X A": "1"}, {"X-A": "1\r\nX-B: 2"}, {"X-A": ["1", "\n"]}, ["X-A: 1"], [("X-A", "1", "2")]]
)
def test_what_is_no_header_is_refused(headers: Any) -> None:
    with pytest.raises(ConfigError, match="header"):
        header_list(headers)


@pytest.mark.parametrize("text", ["text/plain", "text/plain;charset=utf-8", "application/vnd.3gpp.sms ; a=b"])
def test_content_types(text: str) -> None:
    assert checked_content_type(text, "body") == text


@pytest.mark.parametrize("text", ["text", "text/", "a/b\r\nX-Injected: 1", "a/b;c\n", "a b/c"])
def test_what_is_no_content_type(text: str) -> None:
    with pytest.raises(ConfigError, match="not a content type"):
        checked_content_type(text, "body")


def test_body_needs_its_type() -> None:
    with pytest.raises(ConfigError, match="a body needs a content_type"):
        checked_content_type("", "body")
    assert checked_content_type("", "") == ""


@pytest.mark.parametrize(
    ("kind", "fitting"),
    [
        (None, [INVITE, RINGING, ANSWERED, GONE]),
        ("INVITE", [INVITE]),
        ("180", [RINGING]),
        ("200", [ANSWERED, GONE]),
        ("200 BYE", [GONE]),
        ("200 INVITE", [ANSWERED]),
    ],
)
def test_kinds_of_message(kind: str | None, fitting: list[Message]) -> None:
    assert [one for one in (INVITE, RINGING, ANSWERED, GONE) if MessageFilter(kind).fits(one)] == fitting


@pytest.mark.parametrize("kind", ["", "invite", "700", "200 ok", "200 BYE now", "2xx"])
def test_what_names_no_kind(kind: str) -> None:
    with pytest.raises(ConfigError, match="is not a kind of SIP message"):
        MessageFilter(kind)


def test_what_comes_once_and_what_comes_late() -> None:
    once = {
        kind
        for kind in ("INVITE", "180", "200", "200 INVITE", "200 BYE", "BYE")
        if MessageFilter(kind).comes_once
    }
    assert once == {"INVITE", "200", "200 INVITE"}
    late = {
        kind
        for kind in ("BYE", "200", "200 BYE", "CANCEL", "481 CANCEL")
        if MessageFilter(kind).outlives_the_call
    }
    assert late == {"200 BYE", "CANCEL", "481 CANCEL"}


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"INVITED!": {"X-A": "1"}}, "is not a kind of SIP message"),
        ({"INVITE": {"X A": "1"}}, "not a header"),
        ({"INVITE": {"X-A": "1\nX-B: 2"}}, "not a header"),
        ({"*": {"Call-ID": "x"}}, "Call-ID is set by the library"),
        ({"*": {"v": "x"}}, "v is set by the library"),
    ],
)
def test_headers_that_no_message_may_get(headers: Any, why: str) -> None:
    with pytest.raises(SettingError, match=f"headers: .*{why}"):
        EndpointConfig(headers=headers)


def test_register_headers_of_one_name() -> None:
    assert EndpointConfig(register_headers={"X-A": ["1", "2"]}).register_headers == {"X-A": ["1", "2"]}
    with pytest.raises(SettingError, match="register_headers"):
        EndpointConfig(register_headers={"X-A": ["1", "2\n"]})
