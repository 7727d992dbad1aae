"""Measured capabilities of the build, and the errors of settings beyond them."""

from __future__ import annotations

import pytest

from bot.errors import ConfigError
from bot.ua import build
from tests.support.starting import NewEndpoint


def test_the_build_is_measured(new_endpoint: NewEndpoint) -> None:
    build = new_endpoint().started.build
    assert build.version
    assert build.calls is not None
    assert build.calls >= 1
    assert build.conference_ports is not None
    assert build.conference_ports > build.calls
    assert build.handles is not None
    assert build.handles >= 64
    assert build.io_queue in {"select", "epoll", "kqueue"}
    assert build.keyings[0] == "SDES"
    assert build.tls in {"1.2", "1.3"}
    assert build.tls_library.startswith("OpenSSL ")
    assert {"PCMA/8000", "PCMU/8000"} <= set(map(str, build.codecs))
    assert {workaround.state for workaround in build.workarounds} <= {"active", "not needed"}
    if build.version == "2.15.1":  # as its only binary wheel is built
        assert (build.calls, build.handles, build.io_queue) == (4, 64, "select")
        assert (build.ipv6, build.keyings, build.tls, build.assertions) == (False, ["SDES"], "1.2", True)


def test_more_calls_than_the_build_has(new_endpoint: NewEndpoint) -> None:
    most = new_endpoint().started.build.calls
    assert most is not None
    with pytest.raises(ConfigError, match=f"max_calls: expected 1 to {most}, got {most + 1}: this build"):
        new_endpoint(name="more", max_calls=most + 1)
    assert new_endpoint(name="most", max_calls=most).started.build.calls == most


def test_fewer_calls(new_endpoint: NewEndpoint) -> None:
    assert new_endpoint(max_calls=1).started.build.calls == 1
    assert new_endpoint(name="b", rtp_ports=(40000, 40003)).started.build.calls == 2


def test_ipv6_where_the_build_has_none(new_endpoint: NewEndpoint) -> None:
    if build().ipv6:
        pytest.skip(f"PJSIP {build().version} as it is built here has IPv6")
    with pytest.raises(ConfigError, match=r"bind: ::1 is an IPv6 address, and this build"):
        new_endpoint(bind="::1")
