"""Events that an agent sends, for tests without one."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from bot.config import Capabilities
from bot.ipc.events import AgentReady, CallStarted, CommandDone, Listener, StreamMeasured
from bot.model import (
    Codec,
    CryptoSuite,
    Direction,
    MediaDirection,
    MediaState,
    RtpCounters,
    StreamStats,
    Transport,
)
from tests.support.sip_texts import PEER, SUITE

__all__ = ["audio", "capabilities", "done", "measured", "ready", "started"]


def done(request: int) -> CommandDone:
    """A command was carried out."""
    return CommandDone(at=time.monotonic(), request=request)


def capabilities(**facts: Any) -> Capabilities:
    """Those of the wheel, with these facts instead."""
    wheel = Capabilities(
        version="2.15.1",
        calls=4,
        conference_ports=254,
        io_queue="select",
        handles=64,
        codecs=[Codec("PCMA", 8000)],
        suites=list(CryptoSuite),
        keyings=["SDES"],
        tls_library="OpenSSL 1.0.2k-fips  26 Jan 2017",
        tls="1.2",
        assertions=True,
    )
    return msgspec.structs.replace(wheel, **facts)


def ready(*listeners: Listener) -> AgentReady:
    """An agent runs."""
    return AgentReady(
        at=time.monotonic(),
        listeners=list(listeners) or [Listener(Transport.UDP, "127.0.0.1", 5062)],
        build=capabilities(),
        conference_rate=8000,
        guarded=True,
    )


def started(
    call: int,
    dialog: str,
    *,
    direction: Direction = Direction.INCOMING,
    remote_uri: str = PEER,
    transport: str = "udp",
    at: float = 0.0,
) -> CallStarted:
    """A call exists."""
    return CallStarted(
        at=at or time.monotonic(),
        call=call,
        direction=direction,
        sip_call_id=dialog,
        local_uri="sip:srtpbot@127.0.0.1:5062",
        remote_uri=remote_uri,
        transport=transport,
    )


def audio(
    index: int = 0,
    *,
    kind: str = "audio",
    active: bool = True,
    direction: MediaDirection = MediaDirection.SENDRECV,
    codec: str = "PCMA",
    clock_rate: int = 8000,
    suite: CryptoSuite | None = SUITE,
) -> MediaState:
    """An m= line."""
    return MediaState(
        index=index,
        type=kind,
        active=active,
        direction=direction,
        codec=codec,
        clock_rate=clock_rate,
        ptime_ms=20,
        local="127.0.0.1:4000",
        remote="127.0.0.1:4002",
        suite=suite,
    )


def measured(
    call: int, rx: int, tx: int, *, index: int = 0, final: bool = False, **facts: Any
) -> StreamMeasured:
    """The counters of a stream."""
    stats = StreamStats(
        rx=RtpCounters(packets=rx, bytes=rx * 160, **facts), tx=RtpCounters(packets=tx, bytes=tx * 160)
    )
    return StreamMeasured(at=time.monotonic(), call=call, index=index, stats=stats, final=final)
