"""The bare library, polled as its own examples do, to measure srtpbot beside it.

``python raw.py idle|answer|echo|call [URI] [WAV]``: prints ``ready PORT``, then ``confirmed MS`` or
``refused -1`` for each call; reads ``call``, ``talk``, ``hangup`` and ``quit`` lines from standard input. A
talk plays WAV and records to ``WAV.raw-PID-NUMBER.wav``.
"""

from __future__ import annotations

import os
import selectors
import sys
import time

import pjsua2 as pj

POLL_MS = 20


class Call(pj.Call):
    def __init__(self, account: Account, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self._account = account
        self.talks: tuple[pj.AudioMediaPlayer, pj.AudioMediaRecorder] | None = None
        self.started = time.monotonic()

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            print(f"confirmed {(time.monotonic() - self.started) * 1000:.3f}", flush=True)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._account.dead.append(self)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        port = self.getAudioMedia(-1)
        if self.talks is not None:
            player, recorder = self.talks
            player.startTransmit(port)
            port.startTransmit(recorder)
        if self._account.echoes:
            port.startTransmit(port)


class Account(pj.Account):
    def __init__(self, *, echoes: bool) -> None:
        super().__init__()
        self.echoes = echoes
        self.calls: list[Call] = []
        self.dead: list[Call] = []

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        call = Call(self, prm.callId)
        self.calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        call.answer(answer)


def main() -> None:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    settings = pj.EpConfig()
    settings.uaConfig.threadCnt = 0
    settings.uaConfig.mainThreadOnly = True
    settings.uaConfig.maxCalls = int(os.environ.get("RAW_CALLS", settings.uaConfig.maxCalls))
    settings.logConfig.level = settings.logConfig.consoleLevel = 0
    settings.medConfig.clockRate = settings.medConfig.sndClockRate = 8000
    settings.medConfig.noVad = True
    settings.medConfig.ecTailLen = 0
    endpoint.libInit(settings)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    number = endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMA") else 0)
    address = endpoint.transportGetInfo(number).localName
    account, config = Account(echoes=sys.argv[1] == "echo"), pj.AccountConfig()
    config.idUri = f"sip:raw@{address}"
    config.mediaConfig.srtpUse = 2
    config.mediaConfig.srtpSecureSignaling = 0
    config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    account.create(config)
    print(f"ready {address.rsplit(':', 1)[1]}", flush=True)
    serve(endpoint, account, sys.argv[2:])
    endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)


def serve(endpoint: pj.Endpoint, account: Account, arguments: list[str]) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            endpoint.libHandleEvents(POLL_MS)
            account.dead.clear()
            if not selector.select(0):
                continue
            for command in os.read(0, 4096).decode().split() or ["quit"]:
                if command in {"talk", "call"}:
                    place(account, command, arguments)
                if command == "hangup":
                    for call in account.calls:
                        if call.isActive():
                            call.hangup(pj.CallOpParam())
                    account.calls.clear()
                if command == "quit":
                    account.calls.clear()
                    account.dead.clear()
                    return


def place(account: Account, command: str, arguments: list[str]) -> None:
    call = Call(account)
    if command == "talk":
        call.talks = pj.AudioMediaPlayer(), pj.AudioMediaRecorder()
        call.talks[0].createPlayer(arguments[1])
        call.talks[1].createRecorder(f"{arguments[1]}.raw-{os.getpid()}-{len(account.calls)}.wav")
    account.calls.append(call)
    try:
        call.makeCall(arguments[0], pj.CallOpParam(True))
    except pj.Error:  # no call slot yet
        print("refused -1", flush=True)


if __name__ == "__main__":
    main()
