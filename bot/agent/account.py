"""One identity as the library's account: its registration, media and SRTP settings, and what comes in."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import pjsua2 as pj

from bot.agent.call import header_vector, message
from bot.agent.extensions import Extensions
from bot.agent.guard import guarded
from bot.agent.loop import Loop
from bot.agent.nat import make_reachable
from bot.agent.refusal import Refused
from bot.agent.trace import printable
from bot.config import EndpointConfig
from bot.events import MessageAnswered, MessageWaiting, RegistrationChanged, Wired
from bot.header_fields import header_list
from bot.identity import Identity
from bot.message_summary import MessageSummary
from bot.model import SecureSignalling, SrtpMode, Transport
from bot.sip import Message, redact

__all__ = ["Account", "OnCall", "account_settings"]

SRTP_USE = {SrtpMode.OFF: 0, SrtpMode.OPTIONAL: 1, SrtpMode.MANDATORY: 2}
SIGNALLING = {SecureSignalling.NONE: 0, SecureSignalling.TLS: 1, SecureSignalling.SIPS: 2}
FREE_RTP_PORTS = (16384, 32766)
"""Below the ephemeral ports of Linux, so that no client's socket is in the way."""
EARLIEST_REFRESH_S = 5
"""The library's, however soon a registration expires."""
REFUSED_CREDENTIALS, NO_CREDENTIALS, REFUSED_AGAIN = 171100, 171101, 171111
"""PJSIP_EFAILEDCREDENTIAL, PJSIP_ENOCREDENTIAL, and PJSIP_EAUTHSTALECOUNT after another nonce each time."""
WHY = {
    REFUSED_CREDENTIALS: "the user name or the password is wrong",
    REFUSED_AGAIN: "the user name or the password is wrong, or every nonce of the registrar's is stale",
    NO_CREDENTIALS: "there are no credentials for the realm that it names",
}


class Account(pj.Account):
    """Hands incoming calls over and reports registrations and messages; ``name`` is its address of record."""

    def __init__(
        self, identity: Identity, name: str, loop: Loop, report: Callable[[Wired], None], on_call: OnCall
    ) -> None:
        super().__init__()
        self.identity = identity
        self.name = name
        self.report = report
        self.registered = False
        """Whether a registrar knows of it."""
        self.on_answer: Callable[[Account, pj.SipEvent], None] = lambda account, event: None
        self._loop = loop
        self._on_call = on_call
        self._changes = 0

    def register(self, *, on: bool) -> None:
        """Register, or take the registration back; Refused when that cannot be meant."""
        if not self.identity.registrar:
            raise Refused("config", f"{self.name} has no registrar; set registrar")
        if not on and not self.registered:
            raise Refused("call", f"{self.name} is not registered")
        self._changes += 1
        self.setRegistration(on)

    def close(self) -> None:
        """Nothing is sent or told any more."""
        self._changes += 1
        self.on_answer = lambda account, event: None

    @guarded
    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self._on_call(self, prm)

    @guarded
    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        answer = Message.parse(printable(prm.rdata.wholeMsg)) if prm.rdata.wholeMsg else Message()
        self.registered = self.getInfo().regIsActive
        reason = printable(prm.reason)
        self.report(
            RegistrationChanged(
                at=time.monotonic(),
                active=self.registered,
                code=prm.code,
                reason=f"{reason}: {WHY[prm.status]}" if prm.status in WHY else reason,
                expires_s=prm.expiration,
                account=self.name,
                contact=redact(answer.header("Contact") or ""),
                service_route=[redact(route) for route in answer.headers("Service-Route")],
            )
        )
        self._changes += 1
        if self.registered and 0 < prm.expiration <= EARLIEST_REFRESH_S:
            self._loop.after(prm.expiration / 2, partial(self._refresh, self._changes))

    def _refresh(self, changes: int) -> None:
        """Renew a registration before it expires, unless it has changed since."""
        if changes == self._changes:
            with contextlib.suppress(pj.Error):  # a REGISTER is under way
                self.setRegistration(True)

    @guarded
    def onMwiInfo(self, prm: pj.OnMwiInfoParam) -> None:
        body = Message.parse(printable(prm.rdata.wholeMsg)).body
        summary = MessageSummary.parse(body)
        self.report(
            MessageWaiting(
                at=time.monotonic(), account=self.name, body=body, **msgspec.structs.asdict(summary)
            )
        )

    @guarded
    def onSendRequest(self, prm: pj.OnSendRequestParam) -> None:
        self.on_answer(self, prm.e)

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


OnCall = Callable[[Account, pj.OnIncomingCallParam], None]


def account_settings(
    config: EndpointConfig, identity: Identity, id_uri: str, transport_ids: Mapping[Transport, int]
) -> pj.AccountConfig:
    """The library's settings for an identity of an endpoint."""
    settings = pj.AccountConfig()
    settings.idUri = id_uri
    if len(config.transports) == 1:
        settings.sipConfig.transportId = transport_ids[config.transports[0]]
    if identity.registrar:
        register = settings.regConfig
        register.registrarUri, register.timeoutSec = identity.registrar, identity.expires_s
        register.registerOnAdd = identity.register_at_start
        register.headers = header_vector(header_list(identity.register_headers))
    settings.mwiConfig.enabled = identity.mwi
    if identity.proxy:
        settings.sipConfig.proxies = pj.StringVector([identity.proxy])
    if identity.user and identity.password is not None:
        credentials = pj.AuthCredInfo("digest", identity.realm or "*", identity.user, 0, identity.password)
        settings.sipConfig.authCreds = pj.AuthCredInfoVector([credentials])
    media = settings.mediaConfig
    media.rtcpMuxEnabled, media.lockCodecEnabled = config.rtcp_mux, config.lock_codec
    media.srtpUse = SRTP_USE[config.srtp]
    media.srtpSecureSignaling = SIGNALLING[config.srtp_requires]
    media.srtpOpt.cryptos = pj.SrtpCryptoVector([crypto(suite) for suite in config.suites])
    media.srtpOpt.keyings = pj.IntVector([pj.PJMEDIA_SRTP_KEYING_SDES])
    low, high = config.rtp_ports or FREE_RTP_PORTS
    media.transportConfig.boundAddress = config.bind or ""
    media.transportConfig.port = low if config.rtp_ports else random.randrange(low, high - 1000, 2)
    media.transportConfig.portRange = high - media.transportConfig.port
    make_reachable(settings, config.nat)
    Extensions(config).apply(settings)
    return settings


def crypto(suite: str) -> pj.SrtpCrypto:
    """A suite whose key the library makes."""
    native = pj.SrtpCrypto()
    native.name = suite
    return native
