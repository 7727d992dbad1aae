"""The native endpoint: configured, started with its transports and codecs, and destroyed in order.

One per process, as the library demands. It knows the configuration and no calls.
"""

from __future__ import annotations

import contextlib
import difflib
import time
from collections.abc import Callable, Sequence

import pjsua2 as pj

from bot.agent.admission import CONNECTIONS_AT_ONCE, Admission
from bot.agent.guard import guarded
from bot.agent.nat import ask, keep_connections_alive, resolve_by
from bot.agent.refusal import Refused
from bot.agent.telephone_events import offer_telephone_events
from bot.agent.trace import Trace
from bot.config import EndpointConfig
from bot.events import AgentReady, Listener, TransportChanged, Wired
from bot.model import Codec, CryptoSuite, Transport

__all__ = ["Library"]

NATIVE_TRANSPORT = {
    Transport.UDP: pj.PJSIP_TRANSPORT_UDP,
    Transport.TCP: pj.PJSIP_TRANSPORT_TCP,
    Transport.TLS: pj.PJSIP_TRANSPORT_TLS,
}
CONNECTION = {
    pj.PJSIP_TP_STATE_CONNECTED: "connected",
    pj.PJSIP_TP_STATE_DISCONNECTED: "disconnected",
}
CONNECTIONS_HELD = 24
"""Connections that are open at once; enough for four calls and their proxies."""
LOOPBACK = "127.0.0.1"
ANY = "0.0.0.0"
HIGHEST_PRIORITY = 254
NARROW_BAND = {"pcmu", "pcma", "gsm", "ilbc"}


class NativeEndpoint(pj.Endpoint):
    """Tells which connections were made and lost, and keeps their number in bounds.

    The library accepts without end in one turn, so the brake is in the callback of each: a
    connection beyond those that strangers may hold is closed, and when sockets run short the
    accepting waits for them.
    """

    def __init__(self, report: Callable[[Wired], None], pause: Callable[[float], None]) -> None:
        super().__init__()
        self.report = report
        self._pause = pause
        self._admission = Admission(CONNECTIONS_AT_ONCE)
        self._connections: set[int] = set()

    @guarded
    def onTransportState(self, prm: pj.OnTransportStateParam) -> None:
        self._bound(prm)
        if prm.state not in CONNECTION:
            return
        tls = prm.tlsInfo
        self.report(
            TransportChanged(
                at=time.monotonic(),
                transport=prm.type.lower(),
                state=CONNECTION[prm.state],
                reason=self.utilStrError(prm.lastError) if prm.lastError else "",
                peer="" if tls.isEmpty() else tls.remoteAddr,
                problems=[] if tls.isEmpty() else list(tls.verifyMsgs),
            )
        )

    def _bound(self, prm: pj.OnTransportStateParam) -> None:
        connection = int(prm.hnd)
        if prm.state == pj.PJSIP_TP_STATE_CONNECTED and connection not in self._connections:
            self._connections.add(connection)
            self._admission.opened()
            if self._admission.open > CONNECTIONS_HELD:
                self.transportShutdown(prm.hnd)
            if (wait := self._admission.room_in()) > 0:
                self._pause(wait)
                time.sleep(wait)
        elif prm.state == pj.PJSIP_TP_STATE_DESTROY and connection in self._connections:
            self._connections.discard(connection)
            self._admission.closed()


class Library:
    """The library's life from ``libCreate`` to ``libDestroy``."""

    def __init__(self, report: Callable[[Wired], None], pause: Callable[[float], None]) -> None:
        self.endpoint = NativeEndpoint(report, pause)
        self.endpoint.libCreate()
        self.transport_ids: dict[Transport, int] = {}
        self.listeners: list[Listener] = []
        self.door = (LOOPBACK, 0)
        self._trace: Trace | None = None
        self.rate = 8000

    def start(self, config: EndpointConfig, trace: Trace, log_level: int) -> None:
        """Bring everything up.

        Raises Refused when a port is taken, a certificate does not load or a codec is not in
        the build.
        """
        self._trace = trace
        self._initialise(config, trace, log_level)
        for transport in config.transports:
            self._listen(transport, config)
        if Transport.UDP not in config.transports:
            self._listen_privately()
        self.endpoint.libStart()
        self._prefer(config.codecs)
        self.endpoint.audDevManager().setNullDev()
        self._let_clock_rest()

    def stop(self) -> None:
        """Destroy it; every call, player and recorder must have been dropped before."""
        with contextlib.suppress(pj.Error):
            self.endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)

    def ready(self, guarded: bool) -> AgentReady:
        """What the build can do and where it listens."""
        return AgentReady(
            at=time.monotonic(),
            version=self.endpoint.libVersion().full,
            listeners=self.listeners,
            codecs=self.codecs(),
            suites=[CryptoSuite(name) for name in self.endpoint.srtpCryptoEnum() if name in set(CryptoSuite)],
            conference_rate=self.rate,
            guarded=guarded,
        )

    def codecs(self) -> list[Codec]:
        """The codecs of the build in its own order of preference, those switched off included."""
        return [codec for codec, _ in self._named_codecs()]

    def _named_codecs(self) -> list[tuple[Codec, str]]:
        found = []
        for info in self.endpoint.codecEnum2():
            name, rate, channels = info.codecId.split("/")
            found.append((Codec(name, int(rate), int(channels)), info.codecId))
        return found

    def _initialise(self, config: EndpointConfig, trace: Trace, log_level: int) -> None:
        settings = pj.EpConfig()
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.mainThreadOnly = True
        settings.uaConfig.maxCalls = config.max_calls
        settings.uaConfig.mwiUnsolicitedEnabled = any(one.mwi for one in (config, *config.accounts))
        settings.uaConfig.userAgent = config.user_agent
        settings.logConfig.level = log_level
        settings.logConfig.consoleLevel = log_level
        settings.logConfig.msgLogging = 1
        settings.logConfig.writer = trace
        trace.__disown__()
        self.rate = config.clock_rate or conference_rate(config.codecs)
        media = settings.medConfig
        media.clockRate = media.sndClockRate = self.rate
        media.noVad = not config.vad
        media.ptime = config.ptime_ms or 0
        media.ecTailLen = 0
        media.rxDropPct = config.rx_drop_pct
        media.txDropPct = config.tx_drop_pct
        ask(settings.uaConfig, config.nat, config.nameserver)
        try:
            self.endpoint.libInit(settings)
        except pj.Error as error:
            if config.nat.stun is None:
                raise
            what = f"the STUN server {config.nat.stun} cannot be asked: {error.reason}"
            raise Refused("native", what) from None
        offer_telephone_events(config.telephone_event != 0)
        resolve_by(config.nameserver)
        keep_connections_alive(config.nat.keep_alive_s)

    def _listen(self, transport: Transport, config: EndpointConfig) -> None:
        settings = pj.TransportConfig()
        settings.port = tls_port(config) if transport is Transport.TLS else config.port
        settings.boundAddress = config.bind or ""
        settings.publicAddress = config.nat.public_address or ""
        if transport is Transport.TLS:
            secure(settings.tlsConfig, config)
        where = f"{transport} {config.bind or ANY}:{settings.port}"
        try:
            number = self.endpoint.transportCreate(NATIVE_TRANSPORT[transport], settings)
        except pj.Error as error:
            stun = config.nat.stun
            asking = f" (it first asks the STUN server {stun} for its public address)" if stun else ""
            raise Refused("native", f"cannot listen on {where}: {error.reason}{asking}") from None
        info = self.endpoint.transportGetInfo(number)
        host, port = info.localName.rsplit(":", 1)
        self.transport_ids[transport] = number
        self.listeners.append(Listener(transport, host, int(port)))
        if transport is Transport.UDP:
            self.door = (config.bind if config.bind not in {None, ANY} else LOOPBACK, port_of(info))

    def _listen_privately(self) -> None:
        settings = pj.TransportConfig()
        settings.boundAddress = settings.publicAddress = LOOPBACK  # told, so that no STUN server is asked
        number = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, settings)
        self.door = (LOOPBACK, port_of(self.endpoint.transportGetInfo(number)))

    def _prefer(self, wanted: Sequence[str]) -> None:
        if not wanted:
            return
        build = self._named_codecs()
        chosen = [one for name in wanted for one in matching(build, name)]
        for _, native_id in build:
            self.endpoint.codecSetPriority(native_id, 0)
        for rank, (_, native_id) in enumerate(chosen):
            self.endpoint.codecSetPriority(native_id, HIGHEST_PRIORITY - rank)

    def _let_clock_rest(self) -> None:
        """Start the idle timer that stops the 20 ms clock, which otherwise first runs after a call."""
        one, other = pj.ToneGenerator(), pj.ToneGenerator()
        one.createToneGenerator(self.rate, 1)
        other.createToneGenerator(self.rate, 1)
        one.startTransmit(other)
        one.stopTransmit(other)


def port_of(transport: pj.TransportInfo) -> int:
    """The port that it is bound to, which need not be the one that it tells to peers."""
    return int(transport.localAddress.rsplit(":", 1)[1])


def matching(build: list[tuple[Codec, str]], wanted: str) -> list[tuple[Codec, str]]:
    """The build's codecs of that name; Refused with the nearest name when there is none."""
    found = [one for one in build if one[0].answers_to(wanted)]
    if mono := [one for one in found if one[0].channels == 1]:
        return mono
    if found:  # its conference asserts that a port has as many channels as itself
        raise Refused("config", f"codec {wanted!r}: stereo ends the library's process; only mono is possible")
    names = [str(codec) for codec, _ in build] + [codec.name for codec, _ in build]
    near = difflib.get_close_matches(wanted.upper(), {name.upper(): name for name in names}, n=1)
    hint = f" (did you mean {next(n for n in names if n.upper() == near[0])!r}?)" if near else ""
    have = ", ".join(dict.fromkeys(names[: len(build)]))  # mono and stereo are of one name
    raise Refused("config", f"codec {wanted!r} (--codec) is not in this build{hint}; it has {have}")


def conference_rate(codecs: Sequence[str]) -> int:
    """8000 Hz when only narrow-band codecs are asked for, since resampling costs half the CPU."""
    names = [name.casefold() for name in codecs]
    if names and all(name.split("/")[0] in NARROW_BAND or name.startswith("speex/8000") for name in names):
        return 8000
    return 32000 if any(name.startswith("speex/32000") for name in names) else 16000


def tls_port(config: EndpointConfig) -> int:
    """RFC 3261 18: TLS listens beside TCP, by custom one port higher."""
    return config.port + 1 if config.port and Transport.TCP in config.transports else config.port


def secure(tls: pj.TlsConfig, config: EndpointConfig) -> None:
    """TLS 1.2 with the peer's certificate and name verified, unless the user says otherwise."""
    import ssl

    tls.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2
    tls.verifyServer = not config.tls.insecure
    tls.verifyClient = tls.requireClientCert = config.tls.verify_client
    # A listener sends the name of every CA that it knows, and with the system's the handshake stalls.
    systems = "" if config.tls.cert else ssl.get_default_verify_paths().cafile
    tls.CaListFile = str(config.tls.ca or systems or "")
    tls.certFile = str(config.tls.cert or "")
    tls.privKeyFile = str(config.tls.key or "")
