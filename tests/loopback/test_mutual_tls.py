"""Mutual TLS (a client certificate that the listener demands), and SIPS (RFC 3261 26.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import Endpoint, expect
from bot.ipc.events import TransportChanged
from tests.support.certificates import Authority
from tests.support.starting import LOOPBACK, NewEndpoint, connect, until

Settings = dict[str, Any]
Given = Callable[[Authority, Path], Settings]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


def demanding(new_endpoint: NewEndpoint, authority: Authority) -> Endpoint:
    """An endpoint that lets in only who shows a certificate of this authority."""
    identity = authority.issue(LOOPBACK)
    return new_endpoint(
        transports=["tls"],
        tls_ca=authority.ca,
        tls_cert=identity.cert,
        tls_key=identity.key,
        tls_verify_client=True,
    )


def problems(endpoint: Endpoint) -> list[str]:
    """What the endpoint found wrong with its peers' certificates."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return [problem for event in events if isinstance(event, TransportChanged) for problem in event.problems]


def none(authority: Authority, folder: Path) -> Settings:
    return {}


def good(authority: Authority, folder: Path) -> Settings:
    identity = authority.issue("client.example.org")
    return {"tls_cert": identity.cert, "tls_key": identity.key}


def strange(authority: Authority, folder: Path) -> Settings:
    identity = Authority(folder / "strange").issue("client.example.org")
    return {"tls_cert": identity.cert, "tls_key": identity.key}


def expired(authority: Authority, folder: Path) -> Settings:
    identity = authority.issue("client.example.org", expired=True)
    return {"tls_cert": identity.cert, "tls_key": identity.key}


def test_certificate_that_is_given(new_endpoint: NewEndpoint, authority: Authority, tmp_path: Path) -> None:
    callee = demanding(new_endpoint, authority)
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca, **good(authority, tmp_path))
    outgoing, answered = connect(caller, callee)
    for call in (outgoing, answered):
        expect(call).to_use_transport("tls")


@pytest.mark.parametrize(
    ("given", "problem"),
    [(none, None), (strange, "The certificate is untrusted"), (expired, "The certificate has expired")],
)
def test_certificate_that_is_missing_or_wrong(
    given: Given, problem: str | None, new_endpoint: NewEndpoint, authority: Authority, tmp_path: Path
) -> None:
    callee = demanding(new_endpoint, authority)
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca, **given(authority, tmp_path))
    outgoing = caller.make_call(callee.uri)
    expect(outgoing).to_be_disconnected(by="error", timeout=10)
    assert outgoing.facts.ended is not None
    assert "it may demand a certificate (tls.cert, tls.key)" in outgoing.facts.ended.reason
    assert not callee.calls
    if problem is not None:  # of a certificate that was not even shown the library's listener says nothing
        until(callee, lambda: any(one.startswith(problem) for one in problems(callee)))


def secure_uri(callee: Endpoint) -> str:
    assert callee.ready is not None
    return f"sips:callee@{LOOPBACK}:{callee.ready.listeners[0].port}"


def pair(
    new_endpoint: NewEndpoint, authority: Authority, *, caller: str, callee: str
) -> tuple[Endpoint, Endpoint]:
    """Two endpoints of TLS whose identities have these schemes."""
    identity = authority.issue(LOOPBACK)
    tls = {"tls_ca": authority.ca, "tls_cert": identity.cert, "tls_key": identity.key}
    one, other = (
        new_endpoint(transports=["tls"], id=f"{scheme}:user@{LOOPBACK}", **tls) for scheme in (caller, callee)
    )
    return one, other


def test_sips_takes_identities_of_sips(new_endpoint: NewEndpoint, authority: Authority) -> None:
    caller, callee = pair(new_endpoint, authority, caller="sips", callee="sips")
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(secure_uri(callee))
    answered = incoming.value.answer()
    for call in (outgoing, answered):
        expect(call).to_be_confirmed()
        expect(call).to_use_transport("tls")
    answered.hangup()
    expect(outgoing).to_be_disconnected(code=200, by="remote")
    assert (outgoing.facts.messages[0].message.header("Contact") or "").startswith("<sips:")


def test_callers_contact_without_sips_is_refused(new_endpoint: NewEndpoint, authority: Authority) -> None:
    """RFC 3261 8.1.1.8: the Contact of a request to a SIPS URI has to be one too."""
    caller, callee = pair(new_endpoint, authority, caller="sip", callee="sips")
    outgoing = caller.make_call(secure_uri(callee))
    expect(outgoing).to_be_disconnected(code=480, by="remote")
    expect(outgoing).to_have_header("Warning", matching="SIPS Required")


def test_callees_contact_without_sips_ends_the_call(new_endpoint: NewEndpoint, authority: Authority) -> None:
    caller, callee = pair(new_endpoint, authority, caller="sips", callee="sip")
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(secure_uri(callee))
    incoming.value.answer()
    expect(outgoing).to_be_disconnected(by="error")
    assert outgoing.facts.ended is not None
    assert outgoing.facts.ended.reason == "this side ended the call: SIPS Required"
