"""NAT settings of the library: STUN, TURN, ICE, public address, keep-alives.

Settings without a binding use the exported C functions and variables of the library; CommandRefused for a
build without them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import pjsua2 as pj

from bot.agent.callbacks import CommandRefused
from bot.agent.native.library import MissingSymbol, exported
from bot.agent.native.sip_module import Name
from bot.config import NatConfig, TurnConfig

__all__ = ["ask", "keep_connections_alive", "make_reachable", "resolve_by"]

DNS_PORT, STUN_PORT = 53, 3478
ALL_HOST_CANDIDATES = -1
CHECKED_TIMES = range(0, 512, 4)
"""Where in ``pjsip_cfg_t`` of pjsip/sip_config.h the timers of RFC 3261 17 may begin."""
TIMERS_MS = (500, 4000, 5000, 32000)
"""T1, T2, T4 and Timer D, which the library sets so and nobody changes."""
LIBRARY_INTERVAL_S = 90
TURN_OVER = {"udp": pj.PJ_TURN_TP_UDP, "tcp": pj.PJ_TURN_TP_TCP}


class _Intervals(ctypes.Structure):
    """The field after the timers in ``pjsip_cfg_t``."""

    _fields_ = (
        ("check_contact", ctypes.c_int),
        ("add_xuid_param", ctypes.c_int),
        ("tcp", ctypes.c_long),
        ("tls", ctypes.c_long),
    )


def ask(settings: pj.UaConfig, nat: NatConfig, nameservers: Sequence[str]) -> None:
    """Name the servers that the whole library asks."""
    if nat.stun:
        settings.stunServer = pj.StringVector([nat.stun])
        settings.stunIgnoreFailure = False
    settings.nameserver = pj.StringVector([server.partition(":")[0] for server in nameservers])


def resolve_by(nameservers: Sequence[str]) -> None:
    """Ask name servers at their own ports, which the bindings have no place for; after ``libInit``."""
    if all(port_of(server) == DNS_PORT for server in nameservers):
        return
    try:
        c = exported()
        c.require("pj_dns_resolver_set_ns")
        resolver = c.pjsip_endpt_get_resolver(c.pjsua_get_pjsip_endpt())
    except MissingSymbol:
        raise CommandRefused(
            "config", "nameserver: this build of the library asks at port 53 only; leave the port out"
        ) from None
    hosts = [server.partition(":")[0].encode() for server in nameservers]
    names = (Name * len(hosts))(*(Name(host, len(host)) for host in hosts))
    ports = (ctypes.c_uint16 * len(hosts))(*(port_of(server) for server in nameservers))
    if c.pj_dns_resolver_set_ns(resolver, len(hosts), names, ports):
        raise CommandRefused("config", f"nameserver: the library cannot ask {', '.join(nameservers)}")


def keep_connections_alive(interval_s: int | None) -> None:
    """Set how often an idle TCP or TLS connection carries a keep-alive, which the bindings do not offer."""
    if interval_s is None:
        return
    intervals = _intervals()
    if intervals is None:
        raise CommandRefused(
            "config", "nat.keep_alive_s: this build of the library does not let it be set; leave it out"
        )
    intervals.tcp = intervals.tls = interval_s


def _intervals() -> _Intervals | None:
    """The settings of the library, found by the timers before them and by their initial values."""
    try:
        start = exported().address("pjsip_sip_cfg_var")
    except MissingSymbol:
        return None
    timers = ctypes.c_uint * len(TIMERS_MS)
    for offset in CHECKED_TIMES:
        if tuple(timers.from_address(start + offset)) == TIMERS_MS:
            found = _Intervals.from_address(start + offset + ctypes.sizeof(timers))
            return found if found.tcp == found.tls == LIBRARY_INTERVAL_S else None
    return None


def make_reachable(settings: pj.AccountConfig, nat: NatConfig) -> None:
    """The addresses in the SIP messages of an account, and its ICE settings."""
    native = settings.natConfig
    native.contactRewriteUse = nat.rewrite_contact
    if nat.keep_alive_s is not None:
        native.udpKaIntervalSec = nat.keep_alive_s
    using = pj.PJSUA_STUN_USE_DEFAULT if nat.stun else pj.PJSUA_STUN_USE_DISABLED
    native.sipStunUse = native.mediaStunUse = using
    native.iceEnabled = nat.uses_ice
    native.iceNoRtcp = not nat.ice_rtcp
    if nat.public_address:
        settings.mediaConfig.transportConfig.publicAddress = nat.public_address
    if nat.turn is not None:
        _relay(native, nat.turn)


def _relay(native: pj.AccountNatConfig, turn: TurnConfig) -> None:
    native.turnEnabled = True
    native.turnServer = f"{turn.server.partition(':')[0]}:{port_of(turn.server, STUN_PORT)}"
    native.turnConnType = TURN_OVER[turn.transport]
    native.turnUserName, native.turnPassword = turn.user or "", turn.password or ""
    native.iceMaxHostCands = 0 if turn.only else ALL_HOST_CANDIDATES
    if turn.only:
        native.mediaStunUse = pj.PJSUA_STUN_USE_DISABLED


def port_of(server: str, default: int = DNS_PORT) -> int:
    """The port of ``host`` or ``host:port``."""
    return int(server.partition(":")[2] or default)
