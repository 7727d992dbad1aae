"""Requirements of IMS networks: Authorization without a response, a number as identity."""

from __future__ import annotations

from bot import expect
from tests.support.registrar import Registrar
from tests.support.starting import NewEndpoint

NUMBER = "tel:+4930123456"
SOON = 5.0


def test_the_first_register_has_an_authorization(new_endpoint: NewEndpoint) -> None:
    with Registrar() as registrar:
        account = registrar.account(realm=registrar.realm, initial_authorization=True)
        assert new_endpoint(**account).wait_registered(timeout=SOON).code == 200
        first = registrar.of("REGISTER")[0].header("Authorization") or ""
        for field in ('username="alice"', f'realm="{registrar.realm}"', 'nonce=""', 'response=""'):
            assert field in first
        assert 'nonce=""' not in (registrar.of("REGISTER")[1].header("Authorization") or "")


def test_without_it_there_is_none(new_endpoint: NewEndpoint) -> None:
    with Registrar() as registrar:
        assert new_endpoint(**registrar.account()).wait_registered(timeout=SOON).code == 200
        assert registrar.of("REGISTER")[0].header("Authorization") is None


def test_a_number_registers_calls_and_is_called(new_endpoint: NewEndpoint) -> None:
    with Registrar() as registrar:
        phone = new_endpoint(**registrar.account(id=NUMBER))
        assert phone.wait_registered(timeout=SOON).account == NUMBER
        assert NUMBER in (registrar.of("REGISTER")[0].header("To") or "")
        other = new_endpoint()
        with other.expect_call(timeout=SOON) as incoming:
            outgoing = phone.make_call(other.uri, account=NUMBER)
        assert NUMBER in incoming.value.remote_uri
        incoming.value.answer()
        expect(outgoing).to_be_confirmed()
        with phone.expect_call(timeout=SOON) as incoming:
            other.make_call(phone.uri)
        assert incoming.value.account == NUMBER
