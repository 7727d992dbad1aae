"""An account of the library: its registration, its media and SRTP settings, and its incoming requests."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from functools import partial

import msgspec
import pjsua2 as pj

from bot.agent.bindings import Bindings
from bot.agent.callbacks import CommandRefused, guarded
from bot.agent.endpoint import Library
from bot.agent.headers import header_vector
from bot.agent.instant_messages import received_message
from bot.agent.loop import Loop
from bot.agent.nat import make_reachable
from bot.agent.subscriptions import Watcher
from bot.agent.trace import printable
from bot.agent.workarounds.extensions import Extensions
from bot.config import AccountConfig, Credential, EndpointConfig, address_of_record
from bot.ipc import MessageAnswered, MessageWaiting, RegistrationChanged, SubscriptionReceived, Wired
from bot.model import Keying, SecureSignalling, SrtpMode
from bot.sip import Message, MwiSummary, header_list, is_success, redact

__all__ = ["Account", "Accounts", "OnCall", "account_settings"]

SRTP_USE = {SrtpMode.OFF: 0, SrtpMode.OPTIONAL: 1, SrtpMode.MANDATORY: 2}
SIGNALLING = {SecureSignalling.NONE: 0, SecureSignalling.TLS: 1, SecureSignalling.SIPS: 2}
IPV6_USE = {
    (4,): pj.PJSUA_IPV6_DISABLED,
    (6,): pj.PJSUA_IPV6_ENABLED_USE_IPV6_ONLY,
    (4, 6): pj.PJSUA_IPV6_ENABLED_PREFER_IPV4,
}
"""By the IP versions of the endpoint."""
KEYINGS = {Keying.SDES: pj.PJMEDIA_SRTP_KEYING_SDES, Keying.DTLS: pj.PJMEDIA_SRTP_KEYING_DTLS_SRTP}
FREE_RTP_PORTS = (16384, 32766)
"""Below the ephemeral ports of Linux, so that no client's socket is in the way."""
EARLIEST_REFRESH_S = 5
"""The library's, however soon a registration expires."""
REFUSED_CREDENTIALS, NO_CREDENTIALS, REFUSED_AGAIN = 171100, 171101, 171111
"""PJSIP_EFAILEDCREDENTIAL, PJSIP_ENOCREDENTIAL, and PJSIP_EAUTHSTALECOUNT after another nonce each time."""
WHY = {
    REFUSED_CREDENTIALS: "the user name or the password is wrong",
    REFUSED_AGAIN: "the user name or the password is wrong, or every nonce of the registrar's is stale",
    NO_CREDENTIALS: "the account has no credentials for the realm",
}


class Account(pj.Account):
    """Hands incoming calls over and reports registrations and messages; ``name`` is its address of record."""

    def __init__(
        self,
        identity: AccountConfig,
        name: str,
        loop: Loop,
        report: Callable[[Wired], None],
        on_call: OnCall,
        *,
        bindings: Bindings,
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
        self._bindings = bindings
        self._changes = 0
        self._settings = pj.AccountConfig()

    def open(self, settings: pj.AccountConfig) -> None:
        """Create it in the library."""
        self._settings = settings
        self.create(settings)

    def prefer(self, version: int) -> None:
        """Let further offers have addresses of this IP version, where the endpoint uses both.

        The library would take the version of the machine's first address. An answer has that of its offer.
        """
        media, wanted = self._settings.mediaConfig, IPV6_USE[(version,)]
        wanted = IPV6_USE[4, 6] if version == 4 else wanted
        if media.ipv6Use != wanted:
            media.ipv6Use = wanted
            self.modify(self._settings)

    @property
    def proofs(self) -> list[Credential]:
        """The credentials for challenges."""
        return self.identity.proofs(self.name)

    def register(self, *, on: bool) -> None:
        """Register, or take the registration back; Refused when that cannot be meant."""
        if not self.identity.registrar:
            raise CommandRefused("config", f"{self.name} has no registrar; set registrar")
        if not on and not self.registered:
            raise CommandRefused("call", f"{self.name} is not registered")
        self._changes += 1
        self.setRegistration(on)

    def close(self) -> None:
        """Send and report nothing from now on."""
        self._changes += 1
        self.on_answer = lambda account, event: None

    @guarded
    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self._on_call(self, prm)

    @guarded
    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        answer = Message.parse(printable(prm.rdata.wholeMsg)) if prm.rdata.wholeMsg else Message()
        accepted = is_success(prm.code) and prm.expiration > 0
        self.registered = (
            accepted or self.getInfo().regIsActive
        )  # newer versions: not active in the last second
        reason = printable(prm.reason)
        missing = self._bindings.missing(answer) if accepted else ""
        self.report(
            RegistrationChanged(
                at=time.monotonic(),
                active=self.registered and not missing,
                code=prm.code,
                reason=f"{reason}: {why}" if (why := missing or WHY.get(prm.status)) else reason,
                expires_s=prm.expiration,
                account=self.name,
                contact=redact(", ".join(answer.headers("Contact"))),
                unbound=bool(missing),
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
        summary = MwiSummary.parse(body)
        self.report(
            MessageWaiting(
                at=time.monotonic(), account=self.name, body=body, **msgspec.structs.asdict(summary)
            )
        )

    @guarded
    def onIncomingSubscribe(self, prm: pj.OnIncomingSubscribeParam) -> None:
        self.report(
            SubscriptionReceived(at=time.monotonic(), from_uri=printable(prm.fromUri), account=self.name)
        )

    def tell_presence(self, *, is_open: bool = True) -> None:
        """Publish "open" to subscribers of the presence; the default of the library is "closed"."""
        presence = pj.PresenceStatus()
        presence.status = pj.PJSUA_BUDDY_STATUS_ONLINE if is_open else pj.PJSUA_BUDDY_STATUS_OFFLINE
        self.setOnlineStatus(presence)

    @guarded
    def onSendRequest(self, prm: pj.OnSendRequestParam) -> None:
        self.on_answer(self, prm.e)

    @guarded
    def onInstantMessage(self, prm: pj.OnInstantMessageParam) -> None:
        self.report(received_message(prm))

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
    config: EndpointConfig, identity: AccountConfig, id_uri: str, library: Library
) -> pj.AccountConfig:
    """The library's settings for an identity of an endpoint."""
    settings = pj.AccountConfig()
    settings.idUri = id_uri
    if len(library.transport_ids) == 1:
        settings.sipConfig.transportId = library.transport_ids[0]
    if identity.registrar:
        register = settings.regConfig
        register.registrarUri, register.timeoutSec = identity.registrar, identity.expires_s
        register.registerOnAdd = identity.register_at_start
        register.headers = header_vector(header_list(identity.register_headers))
    settings.presConfig.publishEnabled = identity.publish
    settings.sipConfig.authInitialEmpty = identity.initial_authorization
    settings.mwiConfig.enabled = identity.mwi is True
    if identity.proxy:
        settings.sipConfig.proxies = pj.StringVector([identity.proxy])
    settings.sipConfig.authCreds = pj.AuthCredInfoVector(
        [pj.AuthCredInfo("digest", one.realm, one.user, 0, one.password) for one in identity.proofs(id_uri)]
    )
    media = settings.mediaConfig
    media.ipv6Use = IPV6_USE[(4, 6) if config.gathers_everywhere else config.ip_versions]
    media.rtcpMuxEnabled = config.rtcp_mux or Keying.DTLS in config.srtp_keying
    media.lockCodecEnabled = config.lock_codec
    media.srtpUse = SRTP_USE[config.srtp]
    media.srtpSecureSignaling = SIGNALLING[config.srtp_requires]
    media.srtpOpt.cryptos = pj.SrtpCryptoVector(
        [crypto(suite) for suite in library.build.usable(config.suites)]
    )
    media.srtpOpt.keyings = pj.IntVector([KEYINGS[one] for one in config.srtp_keying])
    low, high = config.rtp_ports or FREE_RTP_PORTS
    media.transportConfig.boundAddress = "" if config.gathers_everywhere else config.bind or ""
    media.transportConfig.port = low if config.rtp_ports else random.randrange(low, high - 1000, 2)
    media.transportConfig.portRange = high - media.transportConfig.port
    make_reachable(settings, config.nat)
    Extensions(config).apply(settings)
    return settings


def crypto(suite: str) -> pj.SrtpCrypto:
    """An SDES crypto suite; the library makes the key."""
    native = pj.SrtpCrypto()
    native.name = suite
    return native


class Accounts:
    """By address of record, the endpoint's own first."""

    def __init__(
        self,
        config: EndpointConfig,
        library: Library,
        loop: Loop,
        report: Callable[[Wired], None],
        on_call: OnCall,
        *,
        bindings: Bindings,
    ) -> None:
        listener = library.listeners[0]
        self._by_name: dict[str, Account] = {}
        self._watchers: list[Watcher] = []
        for identity in (config, *config.accounts):
            id_uri = identity.address(f"sip:{config.name}@{listener.host}:{listener.port}")
            name = address_of_record(id_uri)
            account = self._by_name[name] = Account(identity, name, loop, report, on_call, bindings=bindings)
            account.open(account_settings(config, identity, id_uri, library))
            account.tell_presence()
            self._watchers += [
                Watcher(account, name, subscription.uri, report) for subscription in identity.subscriptions
            ]

    @property
    def first(self) -> Account:
        """The endpoint's own."""
        return next(iter(self._by_name.values()))

    def named(self, name: str) -> Account:
        """The account with that address of record; the first one when it is empty."""
        if name and name not in self._by_name:
            raise CommandRefused(
                "config", f"unknown account {name!r}; configured accounts: {', '.join(self._by_name)}"
            )
        return self._by_name[name] if name else self.first

    def leave(self) -> None:
        """Take every registration and subscription back; the answers come while the library turns."""
        for watcher in self._watchers:
            watcher.leave()
        for account in self._by_name.values():
            if account.identity.publish:
                account.tell_presence(is_open=False)
            if account.registered:
                with contextlib.suppress(pj.Error, CommandRefused):
                    account.register(on=False)

    @property
    def registered(self) -> bool:
        """Whether a registrar still knows of any."""
        return any(account.registered for account in self._by_name.values())

    def close(self) -> None:
        """Nothing is sent any more; accounts have to outlive the library, which asks for them."""
        self._watchers.clear()
        for account in self._by_name.values():
            account.close()
