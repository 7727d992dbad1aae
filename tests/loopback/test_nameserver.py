"""Where a SIP domain is found: SRV and A records (RFC 3263) of a name server that the endpoint is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import expect
from tests.support.certificates import Authority
from tests.support.name_server import SRV, A, NameServer, Service
from tests.support.programs import free_ports
from tests.support.starting import LOOPBACK, NewEndpoint

DOMAIN, HOST = "example.test", "phone.example.test"


@pytest.mark.parametrize(
    ("transport", "service"), [("udp", "_sip._udp"), ("tcp", "_sip._tcp"), ("tls", "_sips._tcp")]
)
def test_domain_is_found_by_its_services(
    transport: str, service: str, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "tls")
    identity = authority.issue(DOMAIN, HOST)
    tls = {"tls_ca": authority.ca, "tls_cert": identity.cert, "tls_key": identity.key}
    callee = new_endpoint(transports=[transport], **tls)
    assert callee.ready is not None
    port = callee.ready.listeners[0].port
    services = {f"{service}.{DOMAIN}": [Service(20, 9, "spare.example.test"), Service(10, port, HOST)]}
    with NameServer(services, {HOST: LOOPBACK, "spare.example.test": LOOPBACK}) as server:
        caller = new_endpoint(transports=[transport], nameserver=[server.address], **tls)
        with callee.expect_call() as incoming:
            outgoing = caller.make_call(f"sip:callee@{DOMAIN};transport={transport}")
        incoming.value.answer()
        expect(outgoing).to_be_confirmed()
        expect(outgoing).to_use_transport(transport)
    assert server.names(SRV) == [f"{service}.{DOMAIN}"]
    assert HOST in server.names(A)


def test_host_and_port_need_no_services(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    assert callee.ready is not None
    with NameServer({}, {HOST: LOOPBACK}) as server:
        caller = new_endpoint(nameserver=[server.address])
        with callee.expect_call() as incoming:
            caller.make_call(f"sip:callee@{HOST}:{callee.ready.listeners[0].port}")
        assert incoming.value.facts.remote_uri
    assert server.names(SRV) == []


def test_domain_that_does_not_exist(new_endpoint: NewEndpoint) -> None:
    with NameServer({}, {}) as server:
        caller = new_endpoint(nameserver=[server.address])
        call = caller.make_call(f"sip:nobody@{DOMAIN}")
        expect(call).to_be_disconnected(by="error")
        assert call.facts.ended is not None
        assert "DNS" in call.facts.ended.reason
    assert server.names(SRV) == [f"_sip._udp.{DOMAIN}"]


def test_name_server_that_does_not_answer(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(nameserver=[f"{LOOPBACK}:{free_ports()}"])
    call = caller.make_call(f"sip:nobody@{DOMAIN}", ring_timeout=1)
    expect(call).to_be_disconnected(by="error", timeout=3)
