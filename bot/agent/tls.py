"""TLS of the library: its settings, and what the handshake of a connection agreed on."""

from __future__ import annotations

import pjsua2 as pj

from bot.agent.capabilities import TLS_1_3
from bot.config import Capabilities, EndpointConfig
from bot.ipc import TlsSession
from bot.model import Transport

__all__ = ["secure", "session_of", "tls_port"]


def session_of(tls: pj.TlsInfo) -> TlsSession | None:
    """Version and cipher suite of a connection; None without TLS, and before the handshake has ended.

    The library has the versions that are allowed only, but the suites of TLS 1.3 are its own (RFC 8446 B.4).
    """
    if tls.isEmpty() or not tls.established:
        return None
    return TlsSession(version="TLS 1.3" if tls.cipher in TLS_1_3 else "TLS 1.2", cipher=tls.cipherName)


def tls_port(config: EndpointConfig) -> int:
    """RFC 3261 18: TLS listens beside TCP, by custom one port higher."""
    return config.port + 1 if config.port and Transport.TCP in config.transports else config.port


def secure(tls: pj.TlsConfig, config: EndpointConfig, build: Capabilities) -> None:
    """TLS 1.2 or later with the peer's certificate and name verified, unless the user says otherwise."""
    import ssl

    tls.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | (pj.PJ_SSL_SOCK_PROTO_TLS1_3 if build.tls == "1.3" else 0)
    tls.msecTimeout = round(1000 * config.limits.handshake_s)
    tls.verifyServer = not config.tls.insecure
    tls.verifyClient = tls.requireClientCert = config.tls.verify_client
    # A listener sends the name of every CA that it knows, and with the system's the handshake stalls.
    systems = "" if config.tls.cert else ssl.get_default_verify_paths().cafile
    tls.CaListFile = str(config.tls.ca or systems or "")
    tls.certFile = str(config.tls.cert or "")
    tls.privKeyFile = str(config.tls.key or "")
