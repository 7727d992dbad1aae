"""The one account of an agent: its identity, its media and SRTP settings, and what comes in for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

import pjsua2 as pj

from bot.agent.call import message
from bot.agent.guard import guarded
from bot.agent.trace import printable
from bot.config import EndpointConfig
from bot.events import MessageAnswered, RegistrationChanged, Wired
from bot.model import SecureSignalling, SrtpMode, Transport

__all__ = ["Account", "account_settings"]

SRTP_USE = {SrtpMode.OFF: 0, SrtpMode.OPTIONAL: 1, SrtpMode.MANDATORY: 2}
SIGNALLING = {SecureSignalling.NONE: 0, SecureSignalling.TLS: 1, SecureSignalling.SIPS: 2}
FREE_RTP_PORTS = (16384, 32766)
"""Below the ephemeral ports of Linux, so that no client's socket is in the way."""


class Account(pj.Account):
    """Hands incoming calls over and reports registrations and messages."""

    def __init__(
        self, report: Callable[[Wired], None], on_call: Callable[[Account, pj.OnIncomingCallParam], None]
    ) -> None:
        super().__init__()
        self.report = report
        self._on_call = on_call

    @guarded
    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self._on_call(self, prm)

    @guarded
    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        self.report(
            RegistrationChanged(
                at=time.monotonic(),
                active=self.getInfo().regIsActive,
                code=prm.code,
                reason=prm.reason,
                expires_s=prm.expiration,
            )
        )

    @guarded
    def onInstantMessage(self, prm: pj.OnInstantMessageParam) -> None:
        self.report(message(prm))

    @guarded
    def onInstantMessageStatus(self, prm: pj.OnInstantMessageStatusParam) -> None:
        self.report(
            MessageAnswered(
                at=time.monotonic(),
                to_uri=printable(prm.toUri),
                code=prm.code,
                reason=printable(prm.reason),
            )
        )


def account_settings(
    config: EndpointConfig, transport_ids: Mapping[Transport, int], host: str, port: int
) -> pj.AccountConfig:
    """The library's settings for an endpoint that listens at ``host:port``."""
    settings = pj.AccountConfig()
    settings.idUri = config.id or f"sip:{config.name}@{host}:{port}"
    if len(config.transports) == 1:
        settings.sipConfig.transportId = transport_ids[config.transports[0]]
    if config.registrar:
        settings.regConfig.registrarUri = config.registrar
    if config.proxy:
        settings.sipConfig.proxies = pj.StringVector([config.proxy])
    if config.user and config.password is not None:
        credentials = pj.AuthCredInfo("digest", config.realm or "*", config.user, 0, config.password)
        settings.sipConfig.authCreds = pj.AuthCredInfoVector([credentials])
    media = settings.mediaConfig
    media.srtpUse = SRTP_USE[config.srtp]
    media.srtpSecureSignaling = SIGNALLING[config.srtp_requires]
    media.srtpOpt.cryptos = pj.SrtpCryptoVector([crypto(suite) for suite in config.suites])
    media.srtpOpt.keyings = pj.IntVector([pj.PJMEDIA_SRTP_KEYING_SDES])
    low, high = config.rtp_ports or FREE_RTP_PORTS
    media.transportConfig.boundAddress = config.bind or ""
    media.transportConfig.port = low if config.rtp_ports else random.randrange(low, high - 1000, 2)
    media.transportConfig.portRange = high - media.transportConfig.port
    return settings


def crypto(suite: str) -> pj.SrtpCrypto:
    """A suite whose key the library makes."""
    native = pj.SrtpCrypto()
    native.name = suite
    return native
