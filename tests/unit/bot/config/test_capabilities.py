"""bot.config.capabilities: settings that a build cannot carry out, with the reason and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from bot.config import Capabilities, EndpointConfig, SettingError, check_build
from bot.model import CryptoSuite
from tests.support.fakes import capabilities

SUITE = CryptoSuite.AES_256_CM_HMAC_SHA1_80
LARGE = capabilities(version="2.17", calls=512, ipv6=True, keyings=["SDES", "DTLS"])
SMALL = capabilities(suites=["AES_CM_128_HMAC_SHA1_80"])


def check(build: Capabilities, **settings: Any) -> None:
    check_build(EndpointConfig().with_options(**settings), lambda: build)


@pytest.mark.parametrize(
    ("build", "settings", "message"),
    [
        (capabilities(), {"bind": "::1"}, r"^bind: ::1 is .* \(PJSIP 2.15.1\) has no IPv6; .*PJ_HAS_IPV6"),
        (capabilities(), {"bind": "[::1]"}, "^bind: ::1 .* no IPv6"),
        (capabilities(), {"ipv6": True}, "^ipv6: .* no IPv6"),
        (capabilities(), {"id": "sip:a@[::1]"}, "^id: .* no IPv6"),
        (capabilities(), {"accounts": [{"id": "sip:a@[::1]"}]}, r"^accounts\[0\].id: .* no IPv6"),
        (
            capabilities(),
            {"srtp_keying": ["sdes", "dtls"]},
            r"^srtp_keying\[1\]: .* would send plain RTP; use sdes",
        ),
        (capabilities(), {"max_calls": 5}, "^max_calls: expected 1 to 4, got 5: .* 4 call slots; start more"),
        (LARGE, {"max_calls": 513}, "^max_calls: expected 1 to 512, got 513: .*PJSIP 2.17"),
        (SMALL, {"suites": [SUITE]}, r"^suites\[0\]: .* has no AES_256_CM_HMAC_SHA1_80; it has AES_CM_128"),
    ],
)
def test_reason_and_remedy(build: Capabilities, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        check(build, **settings)


def test_what_the_build_has_is_accepted() -> None:
    check(LARGE, max_calls=512, bind="::1")
    check(LARGE, ipv6=True, registrar="sip:[::1]")
    check(LARGE, srtp_keying=["dtls", "sdes"])
    check(capabilities(), max_calls=4)
    check(SMALL)  # what was not asked for is left out
    check(SMALL, suites=["AES_CM_128_HMAC_SHA1_80"])
    check(capabilities(calls=None), max_calls=9)  # not known before the library has started


def test_the_build_is_asked_only_where_a_setting_depends_on_it() -> None:
    def ask() -> Capabilities:
        raise AssertionError

    check_build(EndpointConfig(bind="127.0.0.1", codecs=("PCMA",), rtp_ports=(4000, 4100)), ask)


def test_suites_that_the_build_has() -> None:
    assert SMALL.usable(tuple(CryptoSuite)) == [CryptoSuite.AES_CM_128_HMAC_SHA1_80]
    assert capabilities().usable([SUITE]) == [SUITE]


@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        ({}, None),
        ({"max_calls": 2}, 2),
        ({"rtp_ports": (4000, 4099)}, 50),
        ({"rtp_ports": (4000, 4099), "audio_lines": 2}, 25),
        ({"rtp_ports": (4000, 4099), "max_calls": 3}, 3),
    ],
)
def test_calls_follow_the_ports(settings: dict[str, Any], calls: int | None) -> None:
    assert EndpointConfig(**settings).most_calls == calls


def test_sockets_of_a_build_that_does_not_say() -> None:
    assert Capabilities(version="2.15.1").sockets == Capabilities(version="2.15.1", handles=64).sockets == 64
    assert Capabilities(version="2.17", handles=4096).sockets == 4096
