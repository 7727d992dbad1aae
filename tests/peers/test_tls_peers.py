"""SIP over TLS through Kamailio: verification of certificates, and calls with encrypted signalling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import CallFailed, CryptoSuite, expect
from bot.report.call_result import call_result
from tests.support.calls import assert_both_hear
from tests.support.certificates import Authority
from tests.support.kamailio import Kamailio
from tests.support.programs import LOOPBACK
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("kamailio-tls")

SUITE = CryptoSuite.AES_256_CM_HMAC_SHA1_80
SECURE = {"srtp": "mandatory", "srtp_requires": "tls", "suites": [SUITE]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def kamailio(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    folder = tmp_path_factory.mktemp("tls") / "kamailio"
    with Kamailio(folder, certificate=authority.issue(LOOPBACK)) as peer:
        yield peer


def test_call_of_two_users_who_registered_over_tls(
    kamailio: Kamailio, authority: Authority, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    caller, callee = (
        new_endpoint(**kamailio.account(user, "tls"), **SECURE, tls_ca=authority.ca)
        for user in ("alice", "bob")
    )
    for endpoint in (caller, callee):
        assert endpoint.wait_registered().code == 200
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(kamailio.uri("bob", "tls"))
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
        expect(call).to_have_active_media()
        expect(call).to_be_encrypted(SUITE)
        result = call_result(call)
        assert result.transport == "tls"
        assert not result.media[0].srtp.keys_in_clear
    assert_both_hear(outgoing, answered, tmp_path)
    answered.hangup()
    expect(answered).to_be_disconnected(code=200, by="local")
    expect(outgoing).to_be_disconnected(code=200, by="remote")


def test_registrar_that_is_not_trusted(kamailio: Kamailio, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    endpoint = new_endpoint(**kamailio.account("alice", "tls"), tls_ca=other.ca)
    with pytest.raises(CallFailed, match=r"not registered: no connection to .*certificate.*untrusted"):
        endpoint.wait_registered()


def test_insecure_registers_all_the_same(kamailio: Kamailio, new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint(**kamailio.account("alice", "tls"), tls_insecure=True)
    assert endpoint.wait_registered().code == 200
