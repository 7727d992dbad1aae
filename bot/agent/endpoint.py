"""The native endpoint: configured, started with its transports and codecs, and destroyed in order.

One per process, as the library demands. It knows the configuration and no calls.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Sequence

import msgspec
import pjsua2 as pj

from bot.agent import capabilities
from bot.agent.callbacks import CommandRefused, guarded
from bot.agent.connections import Connection, Connections
from bot.agent.nat import ask, keep_connections_alive, resolve_by
from bot.agent.native.library import MissingSymbol, exported
from bot.agent.native.log_filter import filter_log
from bot.agent.native.media_flags import offer_telephone_events
from bot.agent.native.names import Names
from bot.agent.native.transports import remote_of
from bot.agent.tls import secure, session_of, tls_port
from bot.agent.trace import Trace
from bot.agent.workarounds.preconditions import Handles, guard_always, guard_assertions
from bot.agent.workarounds.registry import Registry
from bot.agent.workarounds.socket_budget import SocketBudget, connections_at_once, connections_held
from bot.config import (
    USUAL_CODECS,
    WITHOUT,
    Capabilities,
    EndpointConfig,
    LimitsConfig,
    SettingError,
    check_build,
    codec_problem,
    conference_rate,
)
from bot.ipc import AgentReady, Listener, TransportChanged, Wired
from bot.model import Codec, Transport
from bot.rates import host_of

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
QUEUES = 2
"""Number of I/O queues: one for SIP, one for media."""
HANDSHAKES = 8
"""Of one source at once, beyond its connections."""
MORE_CALLS = 1 << 20
"""More than any build has; the library then takes as many as it has."""
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
ANY = {4: "0.0.0.0", 6: "::"}
HIGHEST_PRIORITY = 254
ENDED = {pj.PJSIP_TP_STATE_DISCONNECTED, pj.PJSIP_TP_STATE_SHUTDOWN}
"""States of a transport that the library no longer sends by; newer versions hold it for a while yet."""


class NativeEndpoint(pj.Endpoint):
    """Tracks the connections, and bounds their number.

    The library accepts any number of connections in one turn. Therefore the callback of each closes a
    connection beyond the limit, and waits for free sockets.
    """

    def __init__(self, report: Callable[[Wired], None], pause: Callable[[float], None]) -> None:
        super().__init__()
        self.report = report
        self._pause = pause
        self.connections = Connections()
        self.busy: Callable[[], set[Connection]] = set
        """The connections that calls need."""
        self.per_source: int | None = None
        """Largest number of connections of one source; 0: no limit; None: two thirds of all."""
        self._handles: dict[int, pj.TransportHandle | int] = {}
        self.on_limit: Callable[[str, str, str], None] = lambda rule, peer, why: None
        """Called with the name of a limit, the peer and the reason when a connection is closed for it."""
        self.has_handles(Capabilities(version="").sockets)

    def has_handles(self, handles: int) -> None:
        """How many sockets an I/O queue of the build takes."""
        self._admission, self._held = SocketBudget(connections_at_once(handles)), connections_held(handles)

    @guarded
    def onTransportState(self, prm: pj.OnTransportStateParam) -> None:
        self._bound(prm)
        if prm.state not in CONNECTION:
            return
        tls = prm.tlsInfo
        self.report(
            TransportChanged(
                at=time.monotonic(),
                transport=prm.type.lower().removesuffix("6"),
                state=CONNECTION[prm.state],
                reason=self.utilStrError(prm.lastError) if prm.lastError else "",
                peer=remote_of(int(prm.hnd))[1] if tls.isEmpty() else tls.remoteAddr,
                problems=[] if tls.isEmpty() else list(tls.verifyMsgs),
                tls=session_of(tls),
            )
        )

    def close_useless(self, limits: LimitsConfig) -> None:
        """Close the connections by which no message has come, or nothing more; 0 closes none."""
        first, idle = limits.first_message_s, limits.idle_connection_s
        for connection in self.connections.unused(first) if first else ():
            self._shut(connection, "unused-connection", f"no message within {first:g} s of the connection")
        for one in self.connections.idle(self.busy(), idle) if idle else ():
            self._shut(one, "idle-connection", f"nothing came by it for {idle:g} s")

    def _shut(self, connection: Connection, rule: str, why: str) -> None:
        handle = self._handles.pop(connection.transport, None)
        if handle is not None:
            connection.ours = True  # it is closed once
            self.on_limit(rule, connection.peer, why)
            if isinstance(handle, int):  # newer bindings hand out a number that they do not take back
                exported().pjsip_transport_shutdown(handle)
            else:
                self.transportShutdown(handle)

    @property
    def most_of_source(self) -> int:
        """Largest number of connections of one source; 0: no limit."""
        return self._held * 2 // 3 if self.per_source is None else self.per_source

    def _bound(self, prm: pj.OnTransportStateParam) -> None:
        transport = int(prm.hnd)
        if prm.state == pj.PJSIP_TP_STATE_CONNECTED and transport not in self.connections:
            new = self.connections.opened(transport, remote_of(transport)[1])
            self._handles[transport] = prm.hnd
            self._admission.opened()
            if not new.ours:
                self._make_room(new)
            if (wait := self._admission.room_in()) > 0:
                self._pause(wait)
                time.sleep(wait)
        elif prm.state in ENDED:
            self.connections.ended(transport)
        elif prm.state == pj.PJSIP_TP_STATE_DESTROY and transport in self.connections:
            self.connections.closed(transport)
            self._handles.pop(transport, None)
            self._admission.closed()

    def _make_room(self, new: Connection) -> None:
        """Close the least useful connection when there are too many: in all, or of one source."""
        most = self.most_of_source
        if most and self.connections.of_source(new.source) > most:
            self._close_one(new, "connections-per-source", f"{most} connections of this source", new.source)
        elif self._admission.open > self._held:
            self._close_one(new, "connections", f"{self._held} connections at once", None)

    def may_accept(self, peer: str, others: list[str]) -> bool:
        """Whether a socket of this peer is accepted; some more than connections, for handshakes."""
        most = self.most_of_source
        mine = sum(host_of(one) == host_of(peer) for one in others)
        if not most or mine < most + HANDSHAKES:
            return True
        self.on_limit("connections-per-source", peer, f"{mine} connections and handshakes of this source")
        return False

    def _close_one(self, new: Connection, rule: str, why: str, source: str | None) -> None:
        unused = self.connections.unused(source=source)
        useless = unused or self.connections.idle(self.busy(), source=source) or [new]
        self._shut(useless[0], rule, why)


class Library:
    """The library's life from ``libCreate`` to ``libDestroy``."""

    def __init__(self, report: Callable[[Wired], None], pause: Callable[[float], None]) -> None:
        library = exported()
        self._guards = guard_always(library)
        self.endpoint = NativeEndpoint(report, pause)
        for guard in self._guards:
            if isinstance(guard, Handles):
                guard.may_accept = self.endpoint.may_accept
        self.endpoint.libCreate()
        self.build: Capabilities = capabilities.linked(self.endpoint)
        """The capabilities of the build; calls and codecs are known after the start."""
        self.endpoint.has_handles(self.build.sockets)
        allow_files(self.build)
        self.workarounds = Registry(self.build.version)
        self.names = self.workarounds.install("names of peers", lambda: Names(library))
        if self.build.assertions is False:
            self.workarounds.leave_out("assertions", "this build has none")
        else:
            self._guards += self.workarounds.install("assertions", lambda: guard_assertions(library)) or []
        self.transport_ids: list[int] = []
        self.listeners: list[Listener] = []
        self.door = (LOOPBACK[4], 0)
        self._trace: Trace | None = None
        self.rate = 8000

    def start(self, config: EndpointConfig, trace: Trace, listeners: Sequence[Listener] = ()) -> None:
        """Bring everything up, at the ports of ``listeners`` where another agent had them.

        Raises Refused when a port is taken, a certificate does not load or a codec is not in
        the build.
        """
        self._trace = trace
        self.endpoint.per_source = config.limits.connections_per_source
        if self.names is not None:
            self.names.learn(msgspec.json.encode(config).decode())
        self._check(config)
        self._initialise(config, trace)
        with contextlib.suppress(MissingSymbol, OSError):  # then more lines are dropped in Python
            filter_log(exported(), *trace.wanted)
        self.build = capabilities.started(self.build, self.codecs())
        self._check(config)
        ports = {listener.transport: listener.bound_port for listener in listeners}
        for transport in config.transports:
            for version in config.ip_versions:
                bound = self._listen(transport, version, config, ports.get(transport))
                ports.setdefault(transport, bound)
        if Transport.UDP not in config.transports:
            self._listen_privately()
        self.endpoint.libStart()
        self._prefer(config.codecs)
        self._make_opus_mono()
        self.endpoint.audDevManager().setNullDev()
        self._let_clock_rest()

    def _check(self, config: EndpointConfig) -> None:
        """Raise CommandRefused for settings that the build does not support."""
        try:
            check_build(config, lambda: self.build)
        except SettingError as error:
            raise CommandRefused("config", str(error)) from None

    def stop(self) -> None:
        """Destroy it; every call, player and recorder must have been dropped before."""
        with contextlib.suppress(pj.Error):
            self.endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)

    def ready(self, guarded: bool) -> AgentReady:
        """The capabilities of the build, and the listening addresses."""
        return AgentReady(
            at=time.monotonic(),
            build=msgspec.structs.replace(self.build, workarounds=self.workarounds.states),
            listeners=self.listeners,
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

    def _initialise(self, config: EndpointConfig, trace: Trace) -> None:
        settings = pj.EpConfig()
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.mainThreadOnly = True
        settings.uaConfig.maxCalls = config.most_calls or MORE_CALLS
        settings.uaConfig.mwiUnsolicitedEnabled = any(
            bool(account.mwi) for account in (config, *config.accounts)
        )
        settings.uaConfig.userAgent = config.user_agent
        settings.logConfig.level = trace.level
        settings.logConfig.consoleLevel = trace.level
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
            raise CommandRefused("native", what) from None
        offer_telephone_events(config.telephone_event != 0)
        resolve_by(config.nameserver)
        keep_connections_alive(config.nat.keep_alive_s)

    def _listen(self, transport: Transport, version: int, config: EndpointConfig, port: int | None) -> int:
        """Listen, and return the port."""
        settings = pj.TransportConfig()
        usual = tls_port(config) if transport is Transport.TLS else config.port
        settings.port = usual if port is None else port
        settings.boundAddress = config.bind or ""
        settings.publicAddress = config.nat.public_address or ""
        if transport is Transport.TLS:
            secure(settings.tlsConfig, config, self.build)
        address = config.bind or ANY[version]
        where = f"{transport} {f'[{address}]' if version == 6 else address}:{settings.port}"
        kind = NATIVE_TRANSPORT[transport] + (pj.PJSIP_TRANSPORT_IPV6 if version == 6 else 0)
        try:
            number = self.endpoint.transportCreate(kind, settings)
        except pj.Error as error:
            stun = config.nat.stun
            asking = f" (it first asks the STUN server {stun} for its public address)" if stun else ""
            raise CommandRefused("native", f"cannot listen on {where}: {error.reason}{asking}") from None
        info = self.endpoint.transportGetInfo(number)
        host, told = info.localName.rsplit(":", 1)
        host = f"[{host.strip('[]')}]" if version == 6 else host
        self.transport_ids.append(number)
        self.listeners.append(Listener(transport, host, int(told), port_of(info)))
        if transport is Transport.UDP:
            self.door = (LOOPBACK[version] if address == ANY[version] else address, port_of(info))
        return port_of(info)

    def _listen_privately(self) -> None:
        settings = pj.TransportConfig()
        settings.boundAddress = settings.publicAddress = LOOPBACK[4]  # given, so no STUN server is asked
        number = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, settings)
        self.door = (LOOPBACK[4], port_of(self.endpoint.transportGetInfo(number)))

    def _prefer(self, wanted: Sequence[str]) -> None:
        build = self._named_codecs()
        if not wanted or wanted[0].startswith(WITHOUT):
            self._prefer_what_peers_have(build)
        if not wanted:
            return
        named = [codec for name in wanted for codec in matching(build, name.removeprefix(WITHOUT))]
        if wanted[0].startswith(WITHOUT):
            self._leave_out([native_id for _, native_id in named], wanted)
            return
        for _, native_id in build:
            self.endpoint.codecSetPriority(native_id, 0)
        for rank, (_, native_id) in enumerate(named):
            self.endpoint.codecSetPriority(native_id, HIGHEST_PRIORITY - rank)

    def _prefer_what_peers_have(self, build: Sequence[tuple[Codec, str]]) -> None:
        """Offer the codecs that nearly every peer has first; the build begins with speex and iLBC."""
        usual = [
            native_id for name in USUAL_CODECS for codec, native_id in build if codec.name.upper() == name
        ]
        on = {info.codecId for info in self.endpoint.codecEnum2() if info.priority}
        for rank, native_id in enumerate(usual):
            if native_id in on:
                self.endpoint.codecSetPriority(native_id, HIGHEST_PRIORITY - rank)

    def _make_opus_mono(self) -> None:
        """Let Opus have the channel and the rate of the bridge; the library asserts that they are alike."""
        if any(codec.name == "opus" for codec in self.build.codecs):
            opus = self.endpoint.getCodecOpusConfig()
            opus.channel_cnt, opus.sample_rate = 1, self.rate
            self.endpoint.setCodecOpusConfig(opus)

    def _leave_out(self, native_ids: list[str], wanted: Sequence[str]) -> None:
        """Switch these off; the others stay as the build has them, some of them off too."""
        if all(info.codecId in native_ids for info in self.endpoint.codecEnum2() if info.priority):
            raise CommandRefused(
                "config", f"codecs (--codec): {', '.join(wanted)} leaves none of this build's"
            )
        for native_id in native_ids:
            self.endpoint.codecSetPriority(native_id, 0)

    def _let_clock_rest(self) -> None:
        """Start the idle timer that stops the 20 ms clock, which otherwise first runs after a call."""
        one, other = pj.ToneGenerator(), pj.ToneGenerator()
        one.createToneGenerator(self.rate, 1)
        other.createToneGenerator(self.rate, 1)
        one.startTransmit(other)
        one.stopTransmit(other)


def allow_files(build: Capabilities) -> None:
    """Raise the limit of open files to the size of an I/O queue that does not use ``select()``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = QUEUES * (build.handles or 0)
    if build.io_queue == "select" or soft == resource.RLIM_INFINITY or wanted <= soft:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


def port_of(transport: pj.TransportInfo) -> int:
    """The port of the socket; behind a NAT it differs from the port in SIP messages."""
    return int(transport.localAddress.rsplit(":", 1)[1])


def matching(build: list[tuple[Codec, str]], wanted: str) -> list[tuple[Codec, str]]:
    """The mono codecs of that name; raises CommandRefused with the nearest name for an unknown one."""
    problem = codec_problem(wanted, [codec for codec, _ in build])
    if problem is not None:
        raise CommandRefused("config", f"{problem} (--codec)")
    return [one for one in build if one[0].answers_to(wanted) and one[0].carries_mono]
