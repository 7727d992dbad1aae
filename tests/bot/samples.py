"""One of every event and of every command, with every field set and awkward text in it."""

from __future__ import annotations

from bot.commands import (
    Answer,
    AnyCommand,
    Hangup,
    Hold,
    Loopback,
    MakeCall,
    Measure,
    Play,
    Record,
    SendDtmf,
    Shutdown,
    Start,
    StopPlay,
    StopRecord,
    Unhold,
)
from bot.config import EndpointConfig, TlsConfig
from bot.events import (
    AgentReady,
    AgentStopped,
    CallbackFailed,
    CallStarted,
    CallStateChanged,
    CommandDone,
    CommandFailed,
    DtmfFinished,
    DtmfReceived,
    DtmfReleased,
    DtmfSent,
    Heartbeat,
    KeyNegotiated,
    Listener,
    MediaStateChanged,
    MessageReceived,
    NativeLogged,
    PlaybackFinished,
    RecordingFinished,
    RegistrationChanged,
    SipReceived,
    SipSent,
    StreamMeasured,
    TransportChanged,
    Wired,
)
from bot.model import (
    CallState,
    Codec,
    CryptoSuite,
    Direction,
    DtmfMethod,
    EndedBy,
    MediaDirection,
    MediaState,
    RtpCounters,
    SrtpMode,
    StreamStats,
    Transport,
)
from tests.bot.fakes import KEY, PASSWORD

AWKWARD = 'line\r\nfeed "quote" \\ \x00\x1b \u2028 \u00e9 \U0001f4de {"at":1}\n'

_COUNTERS = RtpCounters(
    packets=300,
    bytes=48000,
    lost=1,
    discarded=2,
    reordered=3,
    duplicate=4,
    jitter_ms_mean=0.3,
    jitter_ms_max=0.6,
)

EVENTS: list[Wired] = [
    AgentReady(
        at=1.5,
        version="2.15.1",
        listeners=[Listener(Transport.UDP, "127.0.0.1", 5060), Listener(Transport.TLS, "127.0.0.1", 5061)],
        codecs=[Codec("PCMA", 8000), Codec("L16", 44100, 2)],
        suites=list(CryptoSuite),
        conference_rate=16000,
        guarded=True,
    ),
    AgentStopped(at=0.0),
    Heartbeat(at=123456.789, next_s=0.7),
    NativeLogged(at=1.0, level=3, text=AWKWARD),
    CallbackFailed(at=1.0, where="Call.onCallState", traceback=AWKWARD),
    CommandDone(at=1.0, request=1),
    CommandFailed(at=1.0, request=2**40, kind="config", reason=AWKWARD),
    SipSent(at=1.0, transport="udp", peer="127.0.0.1:5060", text=AWKWARD),
    SipReceived(at=1.0, transport="tls", peer="127.0.0.1:5061", text=AWKWARD),
    KeyNegotiated(at=1.0, sip_call_id="a@b", sent=True, tag=1, suite="AES_CM_128_HMAC_SHA1_80", key=KEY),
    TransportChanged(
        at=1.0, transport="tls", state="CONNECTED", reason="", peer="127.0.0.1:5061", problems=["expired", ""]
    ),
    RegistrationChanged(at=1.0, active=True, code=200, reason="OK", expires_s=300),
    MessageReceived(at=1.0, from_uri="sip:a@b", to_uri="sip:c@d", content_type="text/plain", body=AWKWARD),
    CallStarted(
        at=1.0,
        call=1,
        direction=Direction.INCOMING,
        sip_call_id="a@b",
        local_uri="sip:a@b",
        remote_uri="sip:c@d",
        transport="tcp",
    ),
    CallStateChanged(
        at=1.0,
        call=1,
        state=CallState.DISCONNECTED,
        code=488,
        reason="Not Acceptable Here",
        by=EndedBy.REMOTE,
    ),
    MediaStateChanged(
        at=1.0,
        call=1,
        media=[
            MediaState(
                index=0,
                type="audio",
                active=True,
                direction=MediaDirection.SENDONLY,
                on_hold="local",
                codec="PCMA",
                clock_rate=8000,
                ptime_ms=20,
                local="127.0.0.1:4000",
                remote="127.0.0.1:4002",
                suite=CryptoSuite.AES_256_CM_HMAC_SHA1_32,
            ),
            MediaState(index=1, type="video", active=False, direction=MediaDirection.INACTIVE),
        ],
    ),
    StreamMeasured(
        at=1.0, call=1, index=0, stats=StreamStats(rx=_COUNTERS, tx=_COUNTERS, rtt_ms=0.2), final=True
    ),
    DtmfReceived(at=1.0, call=1, digit="#", method=DtmfMethod.INFO, duration_ms=160),
    DtmfReleased(at=1.0, call=1, digit="#", method=DtmfMethod.RFC4733, duration_ms=100),
    DtmfSent(at=1.0, call=1, transmission=7, digit="*", method=DtmfMethod.INBAND),
    DtmfFinished(at=1.0, call=1, transmission=7, problem=AWKWARD),
    PlaybackFinished(at=1.0, call=1, playback=8, complete=False),
    RecordingFinished(at=1.0, call=1, recording=9, path="/tmp/\u00e9.wav"),
]

COMMANDS: list[AnyCommand] = [
    Start(
        config=EndpointConfig(
            name="alice",
            bind="127.0.0.1",
            port=5070,
            transports=(Transport.TLS, Transport.TCP),
            user="alice",
            password=PASSWORD,
            codecs=("PCMA", "speex/16000"),
            srtp=SrtpMode.MANDATORY,
            suites=(CryptoSuite.AES_CM_128_HMAC_SHA1_32,),
            rtp_ports=(4000, 4099),
            tls=TlsConfig(cert="cert.pem", key="key.pem"),
            rx_drop_pct=2,
        ),
        log_level=5,
        keep_keys=True,
    ),
    Shutdown(),
    MakeCall(
        uri="sip:a@b", sip_call_id="a@b", headers=[("X-Test", AWKWARD)], ring_timeout_s=2.5, resolve_s=30.0
    ),
    Answer(call=1, after_s=0.5, code=183, reason="Session Progress", headers=[("X-Test", "1")]),
    Hangup(call=1, code=486, reason=AWKWARD, headers=[("Reason", "Q.850;cause=16")]),
    Hold(call=1),
    Unhold(call=1),
    Play(call=1, playback=2, path="/tmp/\u00e9.wav", loop=True),
    StopPlay(playback=2),
    Record(call=1, recording=3, path="/tmp/rx.wav"),
    StopRecord(recording=3),
    SendDtmf(call=1, transmission=4, digits="1,*#D", method=DtmfMethod.INFO, on_ms=160, off_ms=40),
    Loopback(call=1, on=False),
    Measure(call=1),
]
