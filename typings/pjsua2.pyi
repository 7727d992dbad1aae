# The part of the library's Python bindings that the agent uses, written by hand.
# Names and types are those of the bindings of PJSIP 2.15.

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, SupportsInt, TypeVar

T = TypeVar("T")

class _Vector(Generic[T]):
    def __init__(self, items: Iterable[T] = ...) -> None: ...
    def __iter__(self) -> Iterator[T]: ...
    def __len__(self) -> int: ...
    def append(self, item: T) -> None: ...

class StringVector(_Vector[str]): ...
class IntVector(_Vector[int]): ...

class Error(Exception):
    status: int
    title: str
    reason: str

# ---- endpoint

PJSIP_TRANSPORT_UDP: int
PJSIP_TRANSPORT_TCP: int
PJSIP_TRANSPORT_TLS: int
PJSIP_TRANSPORT_IPV6: int
PJSUA_IPV6_DISABLED: int
PJSUA_IPV6_ENABLED_PREFER_IPV4: int
PJSUA_IPV6_ENABLED_USE_IPV6_ONLY: int
PJ_SSL_SOCK_PROTO_TLS1_2: int
PJ_SSL_SOCK_PROTO_TLS1_3: int
PJSUA_DESTROY_NO_RX_MSG: int
PJSIP_TP_STATE_CONNECTED: int
PJSIP_TP_STATE_DISCONNECTED: int
PJSIP_EVSUB_STATE_SENT: int
PJSIP_TP_STATE_DESTROY: int
PJSIP_TP_STATE_SHUTDOWN: int

class LogEntry:
    level: int
    msg: str

class LogWriter:
    def __init__(self) -> None: ...
    def __disown__(self) -> object: ...
    def write(self, entry: LogEntry) -> None: ...

class UaConfig:
    nameserver: StringVector
    stunServer: StringVector
    stunIgnoreFailure: bool
    threadCnt: int
    mainThreadOnly: bool
    maxCalls: int
    mwiUnsolicitedEnabled: bool
    userAgent: str

class LogConfig:
    level: int
    consoleLevel: int
    msgLogging: int
    writer: LogWriter

class MediaConfig:
    clockRate: int
    sndClockRate: int
    noVad: bool
    ptime: int
    ecTailLen: int
    rxDropPct: int
    txDropPct: int

class EpConfig:
    uaConfig: UaConfig
    logConfig: LogConfig
    medConfig: MediaConfig

class TlsConfig:
    CaListFile: str
    certFile: str
    privKeyFile: str
    proto: int
    verifyServer: bool
    verifyClient: bool
    requireClientCert: bool
    msecTimeout: int

class TransportConfig:
    port: int
    portRange: int
    randomizePort: bool
    boundAddress: str
    publicAddress: str
    tlsConfig: TlsConfig

class TransportInfo:
    typeName: str
    localName: str
    localAddress: str

class Version:
    full: str

class CodecInfo:
    codecId: str
    priority: int

class TlsInfo:
    remoteAddr: str
    verifyMsgs: StringVector
    established: bool
    cipher: int
    cipherName: str
    def isEmpty(self) -> bool: ...

class TransportHandle:
    def __int__(self) -> int: ...

class OnTransportStateParam:
    hnd: TransportHandle
    type: str
    state: int
    lastError: int
    tlsInfo: TlsInfo

class CodecOpusConfig:
    sample_rate: int
    channel_cnt: int
    bit_rate: int

class Endpoint:
    def getCodecOpusConfig(self) -> CodecOpusConfig: ...
    def setCodecOpusConfig(self, opus: CodecOpusConfig) -> None: ...
    def libCreate(self) -> None: ...
    def libInit(self, settings: EpConfig) -> None: ...
    def libStart(self) -> None: ...
    def libDestroy(self, flags: int = ...) -> None: ...
    def libHandleEvents(self, msec_timeout: int) -> int: ...
    def libVersion(self) -> Version: ...
    def transportCreate(self, kind: int, settings: TransportConfig) -> int: ...
    @staticmethod
    def instance() -> Endpoint: ...
    def transportEnum(self) -> IntVector: ...
    def transportGetInfo(self, number: int) -> TransportInfo: ...
    def audDevManager(self) -> AudDevManager: ...
    def codecEnum2(self) -> _Vector[CodecInfo]: ...
    def codecSetPriority(self, codec: str, priority: int) -> None: ...
    def srtpCryptoEnum(self) -> StringVector: ...
    def transportShutdown(self, transport: TransportHandle) -> None: ...
    def utilStrError(self, status: int) -> str: ...
    def onTransportState(self, prm: OnTransportStateParam) -> None: ...

class AudDevManager:
    def setNullDev(self) -> None: ...

# ---- account

PJMEDIA_SRTP_KEYING_SDES: int
PJMEDIA_SRTP_KEYING_DTLS_SRTP: int

class SrtpCrypto:
    name: str
    key: str

class SrtpCryptoVector(_Vector[SrtpCrypto]): ...

class SrtpOpt:
    cryptos: SrtpCryptoVector
    keyings: IntVector

class AccountMediaConfig:
    ipv6Use: int
    rtcpMuxEnabled: bool
    lockCodecEnabled: bool
    srtpUse: int
    srtpSecureSignaling: int
    srtpOpt: SrtpOpt
    transportConfig: TransportConfig

class AuthCredInfo:
    def __init__(self, scheme: str, realm: str, user: str, data_type: int, data: str) -> None: ...

class AuthCredInfoVector(_Vector[AuthCredInfo]): ...

class AccountSipConfig:
    transportId: int
    proxies: StringVector
    authCreds: AuthCredInfoVector
    authInitialEmpty: bool
    authInitialAlgorithm: str

class AccountPresConfig:
    publishEnabled: bool

class AccountRegConfig:
    registrarUri: str
    registerOnAdd: bool
    timeoutSec: int
    retryIntervalSec: int
    headers: SipHeaderVector

class AccountMwiConfig:
    enabled: bool

PJSUA_STUN_USE_DEFAULT: int
PJSUA_STUN_USE_DISABLED: int
PJ_TURN_TP_UDP: int
PJ_TURN_TP_TCP: int

class AccountNatConfig:
    contactRewriteUse: int
    iceEnabled: bool
    iceNoRtcp: bool
    iceMaxHostCands: int
    mediaStunUse: int
    sipStunUse: int
    turnConnType: int
    turnEnabled: bool
    turnPassword: str
    turnServer: str
    turnUserName: str
    udpKaIntervalSec: int

PJSUA_100REL_NOT_USED: int
PJSUA_100REL_OPTIONAL: int
PJSUA_100REL_MANDATORY: int
PJSUA_SIP_TIMER_INACTIVE: int
PJSUA_SIP_TIMER_OPTIONAL: int
PJSUA_SIP_TIMER_REQUIRED: int
PJSUA_SIP_TIMER_ALWAYS: int

class AccountCallConfig:
    prackUse: int
    timerUse: int
    timerMinSESec: int
    timerSessExpiresSec: int

class AccountConfig:
    callConfig: AccountCallConfig
    natConfig: AccountNatConfig
    idUri: str
    sipConfig: AccountSipConfig
    regConfig: AccountRegConfig
    mwiConfig: AccountMwiConfig
    presConfig: AccountPresConfig
    mediaConfig: AccountMediaConfig

class AccountInfo:
    regIsActive: bool

class SipRxData:
    pjRxData: _Address
    info: str
    wholeMsg: str
    srcAddress: str

class OnIncomingCallParam:
    callId: int
    rdata: SipRxData

class OnIncomingSubscribeParam:
    fromUri: str
    rdata: SipRxData
    code: int
    reason: str

PJSUA_BUDDY_STATUS_ONLINE: int

class PresenceStatus:
    status: int

class OnMwiInfoParam:
    rdata: SipRxData

class SendRequestParam:
    method: str
    txOption: SipTxOption

class OnSendRequestParam:
    e: SipEvent

class OnRegStateParam:
    status: int
    rdata: SipRxData
    code: int
    reason: str
    expiration: int

class OnInstantMessageParam:
    fromUri: str
    toUri: str
    contentType: str
    msgBody: str

class Account:
    def getId(self) -> int: ...
    def setRegistration(self, renew: bool) -> None: ...
    def sendRequest(self, prm: SendRequestParam) -> None: ...
    def setOnlineStatus(self, status: PresenceStatus) -> None: ...
    def onIncomingSubscribe(self, prm: OnIncomingSubscribeParam) -> None: ...
    def onMwiInfo(self, prm: OnMwiInfoParam) -> None: ...
    def onSendRequest(self, prm: OnSendRequestParam) -> None: ...
    def onInstantMessageStatus(self, prm: OnInstantMessageStatusParam) -> None: ...
    def create(self, settings: AccountConfig, make_default: bool = ...) -> None: ...
    def modify(self, settings: AccountConfig) -> None: ...
    def getInfo(self) -> AccountInfo: ...
    def onIncomingCall(self, prm: OnIncomingCallParam) -> None: ...
    def onRegState(self, prm: OnRegStateParam) -> None: ...
    def onInstantMessage(self, prm: OnInstantMessageParam) -> None: ...

# ---- call

PJSUA_INVALID_ID: int
PJSIP_INV_STATE_NULL: int
PJSIP_INV_STATE_CALLING: int
PJSIP_INV_STATE_INCOMING: int
PJSIP_INV_STATE_EARLY: int
PJSIP_INV_STATE_CONNECTING: int
PJSIP_INV_STATE_CONFIRMED: int
PJSIP_INV_STATE_DISCONNECTED: int
PJSIP_EVENT_RX_MSG: int
PJSIP_EVENT_TSX_STATE: int
PJSIP_EVENT_TX_MSG: int
PJSIP_ROLE_UAC: int
PJSIP_ROLE_UAS: int
PJSIP_TSX_STATE_TRYING: int
PJMEDIA_TYPE_AUDIO: int
PJMEDIA_DIR_NONE: int
PJMEDIA_DIR_ENCODING: int
PJMEDIA_DIR_DECODING: int
PJMEDIA_DIR_ENCODING_DECODING: int
PJSUA_CALL_MEDIA_ACTIVE: int
PJSUA_CALL_MEDIA_ERROR: int
PJSUA_CALL_MEDIA_LOCAL_HOLD: int
PJSUA_CALL_MEDIA_REMOTE_HOLD: int
PJSUA_CALL_NO_SDP_OFFER: int
PJSUA_CALL_REINIT_MEDIA: int
PJSUA_DTMF_METHOD_RFC2833: int
PJSUA_DTMF_METHOD_SIP_INFO: int

class SipHeader:
    hName: str
    hValue: str

class SipHeaderVector(_Vector[SipHeader]): ...

class SipTxOption:
    targetUri: str
    contentType: str
    msgBody: str
    headers: SipHeaderVector

class CallSetting:
    flag: int
    audioCount: int
    videoCount: int
    textCount: int
    customCallId: str

class CallOpParam:
    def __init__(self, use_default_setting: bool = ...) -> None: ...
    opt: CallSetting
    statusCode: int
    reason: str
    txOption: SipTxOption

class CallSendDtmfParam:
    method: int
    digits: str
    duration: int

class CallMediaInfo:
    index: int
    type: int
    dir: int
    status: int
    audioConfSlot: int

class CallInfo:
    accId: int
    state: int
    lastStatusCode: int
    lastReason: str
    callIdString: str
    localUri: str
    remoteUri: str
    remOfferer: bool
    media: _Vector[CallMediaInfo]
    provMedia: _Vector[CallMediaInfo]

class CodecParamInfo:
    frameLen: int
    channelCnt: int

class CodecParamSetting:
    frmPerPkt: int

class CodecParam:
    info: CodecParamInfo
    setting: CodecParamSetting

class StreamInfo:
    codecName: str
    codecClockRate: int
    txPt: int
    rxPt: int
    dir: int
    audTxEventPt: int
    audRxEventPt: int
    remoteRtpAddress: str
    audCodecParam: CodecParam

class MediaTransportInfo:
    localRtpName: str
    localRtcpName: str

class MathStat:
    n: int
    min: int
    max: int
    mean: int

class RtcpStreamStat:
    updateCount: int
    pkt: int
    bytes: int
    discard: int
    loss: int
    reorder: int
    dup: int
    lossPeriodUsec: MathStat
    jitterUsec: MathStat

class RtcpStat:
    rxStat: RtcpStreamStat
    txStat: RtcpStreamStat
    rttUsec: MathStat

class JbufState:
    avgDelayMsec: int

class StreamStat:
    rtcp: RtcpStat
    jbuf: JbufState

class _Address:
    def __int__(self) -> int: ...

class SdpSession:
    wholeSdp: str
    pjSdpSession: _Address

class OnCallSdpCreatedParam:
    sdp: SdpSession
    remSdp: SdpSession

class OnCallRxOfferParam:
    opt: CallSetting

class SipTxData:
    wholeMsg: str
    pjTxData: _Address

class SipTransaction:
    pjTransaction: _Address
    state: int
    lastTx: SipTxData
    role: int
    method: str
    statusCode: int
    statusText: str

class TsxStateSource:
    rdata: SipRxData

class TsxStateEvent:
    type: int
    src: TsxStateSource
    tsx: SipTransaction

class SipEventBody:
    tsxState: TsxStateEvent

class SipEvent:
    type: int
    body: SipEventBody

PJSIP_REDIRECT_ACCEPT: int
PJSIP_REDIRECT_REJECT: int
PJSIP_REDIRECT_STOP: int

class OnCallRedirectedParam:
    targetUri: str
    e: SipEvent

class OnCallStateParam:
    e: SipEvent

class OnCallTsxStateParam:
    e: SipEvent

class OnCallMediaStateParam: ...

class OnStreamCreatedParam:
    stream: SupportsInt
    streamIdx: int

class OnStreamDestroyedParam:
    streamIdx: int

class OnDtmfEventParam:
    method: int
    digit: str
    timestamp: int
    duration: int
    flags: int

class OnCallTransferRequestParam:
    statusCode: int
    dstUri: str
    newCall: Call

class OnCallTransferStatusParam:
    statusCode: int
    reason: str
    finalNotify: bool
    cont: bool

class CallSendRequestParam:
    method: str
    txOption: SipTxOption

class SendInstantMessageParam:
    contentType: str
    content: str
    txOption: SipTxOption

class OnInstantMessageStatusParam:
    toUri: str
    code: int
    reason: str

PJSUA_BUDDY_STATUS_OFFLINE: int

class BuddyConfig:
    uri: str
    subscribe: bool

class BuddyPresence:
    status: int
    note: str

class BuddyInfo:
    uri: str
    subState: int
    subStateName: str
    subTermCode: int
    subTermReason: str
    presStatus: BuddyPresence

class Buddy:
    def getInfo(self) -> BuddyInfo: ...
    def onBuddyState(self) -> None: ...
    def subscribePresence(self, subscribe: bool) -> None: ...
    def create(self, account: Account, config: BuddyConfig) -> None: ...
    def sendInstantMessage(self, prm: SendInstantMessageParam) -> None: ...

class OnCallReplaceRequestParam:
    statusCode: int
    newCall: Call

class OnCallReplacedParam:
    newCall: Call

class Call:
    def __init__(self, account: Account, call_id: int = ...) -> None: ...
    def getId(self) -> int: ...
    def getInfo(self) -> CallInfo: ...
    def isActive(self) -> bool: ...
    def dump(self, with_media: bool, indent: str) -> str: ...
    def makeCall(self, uri: str, prm: CallOpParam) -> None: ...
    def answer(self, prm: CallOpParam) -> None: ...
    def hangup(self, prm: CallOpParam) -> None: ...
    def reinvite(self, prm: CallOpParam) -> None: ...
    def update(self, prm: CallOpParam) -> None: ...
    def sendDtmf(self, prm: CallSendDtmfParam) -> None: ...
    def sendInstantMessage(self, prm: SendInstantMessageParam) -> None: ...
    def sendRequest(self, prm: CallSendRequestParam) -> None: ...
    def xfer(self, destination: str, prm: CallOpParam) -> None: ...
    def xferReplaces(self, destination: Call, prm: CallOpParam) -> None: ...
    def onCallTransferStatus(self, prm: OnCallTransferStatusParam) -> None: ...
    def getAudioMedia(self, index: int) -> AudioMedia: ...
    def getStreamInfo(self, index: int) -> StreamInfo: ...
    def getStreamStat(self, index: int) -> StreamStat: ...
    def getMedTransportInfo(self, index: int) -> MediaTransportInfo: ...
    def onCallState(self, prm: OnCallStateParam) -> None: ...
    def onCallSdpCreated(self, prm: OnCallSdpCreatedParam) -> None: ...
    def onCallRxOffer(self, prm: OnCallRxOfferParam) -> None: ...
    def onCallTsxState(self, prm: OnCallTsxStateParam) -> None: ...
    def onCallMediaState(self, prm: OnCallMediaStateParam) -> None: ...
    def onStreamCreated(self, prm: OnStreamCreatedParam) -> None: ...
    def onStreamDestroyed(self, prm: OnStreamDestroyedParam) -> None: ...
    def onDtmfEvent(self, prm: OnDtmfEventParam) -> None: ...
    def onInstantMessage(self, prm: OnInstantMessageParam) -> None: ...
    def onCallTransferRequest(self, prm: OnCallTransferRequestParam) -> None: ...
    def onCallReplaceRequest(self, prm: OnCallReplaceRequestParam) -> None: ...
    def onCallRedirected(self, prm: OnCallRedirectedParam) -> int: ...

# ---- audio

PJMEDIA_FILE_NO_LOOP: int

class AudioMedia:
    def startTransmit(self, sink: AudioMedia) -> None: ...
    def stopTransmit(self, sink: AudioMedia) -> None: ...
    def getRxLevel(self) -> int: ...
    def getTxLevel(self) -> int: ...

class AudioMediaPlayerInfo:
    sizeSamples: int

class AudioMediaPlayer(AudioMedia):
    def createPlayer(self, path: str, options: int = ...) -> None: ...
    def onEof2(self) -> None: ...
    def getInfo(self) -> AudioMediaPlayerInfo: ...

class AudioMediaRecorder(AudioMedia):
    def createRecorder(self, path: str) -> None: ...

PJMEDIA_FORMAT_PCM: int
PJMEDIA_FRAME_TYPE_AUDIO: int

class MediaFormatAudio:
    def init(
        self, formatId: int, clockRate: int, channelCount: int, frameTimeUsec: int, bitsPerSample: int
    ) -> None: ...

class ByteVector(_Vector[int]): ...

class MediaFrame:
    type: int
    buf: ByteVector

class AudioMediaPort(AudioMedia):
    @staticmethod
    def __swig_destroy__(port: AudioMediaPort) -> None: ...
    def createPort(self, name: str, fmt: MediaFormatAudio) -> None: ...
    def onFrameReceived(self, frame: MediaFrame) -> None: ...

class ToneDigit:
    digit: str
    on_msec: int
    off_msec: int

class ToneDigitVector(_Vector[ToneDigit]):
    def __init__(self, items: Sequence[ToneDigit] = ...) -> None: ...

class ToneGenerator(AudioMedia):
    def createToneGenerator(self, clock_rate: int, channel_count: int) -> None: ...
    def playDigits(self, digits: ToneDigitVector) -> None: ...

class _Raw:
    __file__: str

_pjsua2: _Raw
