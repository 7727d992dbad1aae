"""The lines that answer a call, and place one, with pjsua2 alone: what the library does without our gate.

``python -m tests.support.bare_agent PORT [URI]`` prints "ready" and serves until it dies or is ended. It
calls URI, and hangs up soon after the answer; it registers there too.
"""

from __future__ import annotations

import resource
import sys
import time

import pjsua2 as pj

CALLS: list[pj.Call] = []
TALK_S = 0.2


class Account(pj.Account):
    """Keeps incoming calls; they are answered by the loop."""

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        CALLS.append(Call(self, prm.callId))


class Call(pj.Call):
    """Sends back what it hears; without a callback for digits the library does not look for any."""

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        info = self.getInfo()
        if any(line.status == pj.PJSUA_CALL_MEDIA_ACTIVE for line in info.media):
            port = self.getAudioMedia(-1)
            port.startTransmit(port)

    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        pass


def main(port: int, uri: str = "") -> None:
    """Serve for ever; its death leaves no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
    config.logConfig.level = config.logConfig.consoleLevel = 1
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = port, "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    settings = pj.AccountConfig()
    settings.idUri = f"sip:bare@127.0.0.1:{port}"
    settings.mediaConfig.srtpUse, settings.mediaConfig.srtpSecureSignaling = 1, 0
    settings.regConfig.registrarUri = uri
    account = Account()
    account.create(settings)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    answered: set[int] = set()
    outgoing = Call(account) if uri else None
    if outgoing is not None:
        outgoing.makeCall(uri, pj.CallOpParam(True))
    confirmed = 0.0
    while True:
        endpoint.libHandleEvents(20)
        if outgoing is not None and outgoing.isActive():
            if not confirmed and outgoing.getInfo().state == pj.PJSIP_INV_STATE_CONFIRMED:
                confirmed = time.monotonic()
            if confirmed and time.monotonic() - confirmed > TALK_S:
                outgoing.hangup(pj.CallOpParam())
                confirmed = float("inf")
        for call in CALLS:
            if id(call) not in answered:
                answered.add(id(call))
                prm = pj.CallOpParam()
                prm.statusCode = 200
                try:
                    call.answer(prm)
                except pj.Error:
                    continue


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
