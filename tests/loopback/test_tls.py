"""TLS versions of a foreign TLS server, and the reason of its refusal."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot import CallFailed, ExpectationFailed, expect
from bot.ua import build
from tests.support import needs
from tests.support.certificates import Authority
from tests.support.starting import LOOPBACK, NewEndpoint

NAMES_THE_LIMIT = r"no connection to .*alert protocol version: .*no TLS 1\.3"
ANSWER_S = 5.0


def without_tls_1_3() -> None:
    """Leave a test out on a build that speaks TLS 1.3."""
    if build().tls == "1.3":
        pytest.skip("this build speaks TLS 1.3")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


class TlsServer:
    """Shakes hands with one client and notes the version, or what went wrong; it never answers."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listening = socket.create_server((LOOPBACK, 0))
        self._listening.settimeout(ANSWER_S)
        self.port: int = self._listening.getsockname()[1]
        self.seen: str | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def wait(self) -> str | None:
        """What was seen, once the client has gone."""
        self._thread.join(ANSWER_S)
        assert not self._thread.is_alive()
        return self.seen

    def close(self) -> None:
        """Stop listening; a client that is there is let go of first."""
        self._thread.join(ANSWER_S)
        self._listening.close()

    def _serve(self) -> None:
        try:
            client, _ = self._listening.accept()
        except TimeoutError:
            return
        client.settimeout(ANSWER_S)
        try:
            with client, self._context.wrap_socket(client, server_side=True) as secured:
                self.seen = secured.version()
                secured.recv(1)
        except ssl.SSLError as error:
            self.seen = error.reason


@contextmanager
def tls_server(authority: Authority, version: ssl.TLSVersion) -> Iterator[TlsServer]:
    """A server that speaks one version of TLS."""
    identity = authority.issue(LOOPBACK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.cert, identity.key)
    context.minimum_version = context.maximum_version = version
    server = TlsServer(context)
    try:
        yield server
    finally:
        server.close()


def test_call_to_a_peer_of_tls_1_3_only(new_endpoint: NewEndpoint, authority: Authority) -> None:
    without_tls_1_3()
    caller = new_endpoint(transports=["tls"], tls_ca=authority.ca)
    with tls_server(authority, ssl.TLSVersion.TLSv1_3) as server:
        call = caller.make_call(f"sip:modern@{LOOPBACK}:{server.port};transport=tls")
        with pytest.raises(ExpectationFailed, match=NAMES_THE_LIMIT):
            expect(call).to_be_confirmed()
        assert server.wait() == "UNSUPPORTED_PROTOCOL"
    expect(call).to_be_disconnected(by="error")


def test_registrar_of_tls_1_3_only(new_endpoint: NewEndpoint, authority: Authority) -> None:
    without_tls_1_3()
    with tls_server(authority, ssl.TLSVersion.TLSv1_3) as server:
        registrar = f"sip:{LOOPBACK}:{server.port};transport=tls"
        endpoint = new_endpoint(transports=["tls"], tls_ca=authority.ca, registrar=registrar)
        with pytest.raises(CallFailed, match=f"not registered: {NAMES_THE_LIMIT}"):
            endpoint.wait_registered()
        assert server.wait() == "UNSUPPORTED_PROTOCOL"


def test_registrar_that_is_not_trusted(
    new_endpoint: NewEndpoint, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    with tls_server(authority, ssl.TLSVersion.TLSv1_2) as server:
        registrar = f"sip:{LOOPBACK}:{server.port};transport=tls"
        endpoint = new_endpoint(transports=["tls"], tls_ca=other.ca, registrar=registrar)
        with pytest.raises(CallFailed, match=r"not registered: no connection to .*certificate.*untrusted"):
            endpoint.wait_registered()
        server.wait()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_version_that_the_peer_alone_speaks(
    new_endpoint: NewEndpoint, authority: Authority, version: ssl.TLSVersion
) -> None:
    if version is ssl.TLSVersion.TLSv1_3:
        needs.require("TLS 1.3", lambda build: build.tls == "1.3")
    with tls_server(authority, version) as server:
        caller = new_endpoint(transports=["tls"], tls_ca=authority.ca)
        call = caller.make_call(f"sip:silent@{LOOPBACK}:{server.port};transport=tls", ring_timeout=0.2)
        expect(call).to_be_disconnected(by="error", timeout=5)
        caller.close()
        assert server.wait() == version.name.replace("_", ".")
