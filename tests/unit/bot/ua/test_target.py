"""Where a request goes and how an address is written."""

from __future__ import annotations

import pytest

from bot import EndpointConfig
from bot.config.account import AccountConfig
from bot.config.validation import SettingError
from bot.errors import ConfigError
from bot.model import Transport
from bot.sip.uri import name_addr, parse_uri, quoted, unquoted
from bot.ua.target import target

REGISTERED = AccountConfig(id="sip:me@example.org:5070", registrar="sip:registrar.example.org")


@pytest.mark.parametrize("name", ["Zoë", 'a "b"', "back\\slash", "\\", '"', "a, b; <c> @ 🎉", "o'neil", ""])
def test_a_name_survives_its_quotes(name: str) -> None:
    assert unquoted(quoted(name)) == name
    assert (parse_uri(f"{quoted(name)} <sip:a@x>").display_name or "") == name


@pytest.mark.parametrize("text", ['"a"b"', '"a', '"a\\"'])
def test_quotes_that_do_not_match(text: str) -> None:
    assert unquoted(text) is None
    with pytest.raises(ConfigError, match="quotes of its display name"):
        parse_uri(f"{text} <sip:a@x>")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("sip:a@x", "sip:a@x"),
        ("<sip:a@x>", "<sip:a@x>"),
        ("Plain Name <sip:a@x>", "Plain Name <sip:a@x>"),
        ("Smith, J <sip:a@x>", '"Smith, J" <sip:a@x>'),
        ("Zoë <sip:a@x>", '"Zoë" <sip:a@x>'),
        ('"Zoë" <sip:a@x>', '"Zoë" <sip:a@x>'),
    ],
)
def test_names_get_the_quotes_that_they_need(text: str, written: str) -> None:
    assert name_addr(text) == written


def test_address_of_an_identity() -> None:
    assert AccountConfig().address("sip:a@x") == "sip:a@x"
    assert AccountConfig(display_name='Z "q"').address("sip:a@x") == '"Z \\"q\\"" <sip:a@x>'
    assert AccountConfig(id="<sip:b@x>", display_name="Z").address("sip:a@x") == '"Z" <sip:b@x>'
    with pytest.raises(SettingError, match="id has a display name too"):
        AccountConfig(id="Z <sip:b@x>", display_name="Z")
    with pytest.raises(SettingError, match=r"display_name: .*control character"):
        AccountConfig(display_name="a\r\nb")


def test_a_transport_that_nobody_has() -> None:
    uri = "sip:a@127.0.0.1;transport=ws"
    with pytest.raises(ConfigError, match="unknown transport 'ws'; expected one of udp, tcp, tls"):
        target(EndpointConfig(), uri)
    assert target(EndpointConfig(proxy="sip:127.0.0.1;lr"), uri).uri == uri


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("sip:a@127.0.0.1", "sip:a@127.0.0.1;transport=tcp"),
        ("sip:a@127.0.0.1;user=phone?Subject=x", "sip:a@127.0.0.1;user=phone;transport=tcp?Subject=x"),
        ("sip:a?b@127.0.0.1?Subject=x", "sip:a?b@127.0.0.1;transport=tcp?Subject=x"),
        ('"A <b>" <sip:a@127.0.0.1?Subject=x>', '"A <b>" <sip:a@127.0.0.1;transport=tcp?Subject=x>'),
        ("sip:127.0.0.1;transport=tcp", "sip:127.0.0.1;transport=tcp"),
    ],
)
def test_the_transport_stands_before_headers_and_inside_brackets(uri: str, sent: str) -> None:
    assert target(EndpointConfig(transports=(Transport.TCP,)), uri).uri == sent


@pytest.mark.parametrize(
    ("uri", "identity", "sent"),
    [
        ("tel:+49-30-1;ext=5", AccountConfig(proxy="sip:p.example.org;lr"), "tel:+49-30-1;ext=5"),
        ("tel:+4930A", REGISTERED, "sip:+4930a@example.org:5070;user=phone"),
        (
            "tel:1;phone-context=EXAMPLE.org;Postd=P1;isub=2",
            REGISTERED,
            "sip:1;isub=2;postd=p1;phone-context=example.org@example.org:5070;user=phone",
        ),
        ("tel:1", AccountConfig(registrar="sips:r.example.org"), "sips:1@r.example.org;user=phone"),
    ],
)
def test_where_a_number_goes(uri: str, identity: AccountConfig, sent: str) -> None:
    assert target(EndpointConfig(transports=(Transport.UDP, Transport.TLS)), uri, identity).uri == sent


def test_a_number_that_nobody_routes() -> None:
    with pytest.raises(ConfigError, match=r"tel:\+49301.*set proxy or registrar.*@HOST;user=phone"):
        target(EndpointConfig(), "tel:+49301")
