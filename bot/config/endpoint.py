"""Settings of an endpoint and their validation.

The docstrings of the fields are the descriptions in the JSON Schema (``srtpbot schema endpoint``), in the
reference and in ``settings.py``, which ``make reference`` makes of them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from bot.config.account import AccountConfig, address_of_record
from bot.config.extra_headers import StampedHeaders, check_stamped
from bot.config.limits import LimitsConfig
from bot.config.local_address import checked_bind, checked_rtp_ports
from bot.config.nat import NatConfig, check_server, ipv4_address
from bot.config.srtp import check_srtp, without_srtp
from bot.config.tls import TlsConfig
from bot.config.validation import (
    LEAST_S,
    LIBRARYS_EVENTS,
    LONGEST_MS,
    Secret,
    SettingError,
    check_event_type,
    check_intervals,
    check_ptime,
    check_text,
    empty_is_none,
)
from bot.model import (
    AnswerDeviation,
    CryptoSuite,
    Keying,
    MediaAddress,
    OnCrash,
    ReliableProvisional,
    ResolvePeers,
    SecureSignalling,
    SessionTimer,
    SrtpMode,
    Transport,
)
from bot.sip import Uri, parse_uri

__all__ = [
    "MOST_HOPS",
    "WITHOUT",
    "EndpointConfig",
    "Secret",
    "SettingError",
    "load_config",
]

MOST_HOPS = 70
"""Default value of Max-Forwards (RFC 3261 section 8.1.1.6)."""

MOST_AUDIO_LINES = 2
"""With more m= lines the library's sockets suffice for one call only."""

if TYPE_CHECKING:
    from typing import Unpack

    from bot.config.settings import EndpointSettings

    PortRange = tuple[int, int]
else:  # files and options have the text "4000-4100"; __post_init__ converts it
    PortRange = tuple[int, int] | Annotated[str, Meta(examples=["4000-4100"])]

Port = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 65535})]
SessionSeconds = Annotated[int, Meta(extra_json_schema={"minimum": LEAST_S})]
Hops = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": MOST_HOPS})]
PacketMs = Annotated[int, Meta(extra_json_schema={"minimum": 10, "maximum": LONGEST_MS, "multipleOf": 10})]
EventType = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 127})]
AudioLines = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MOST_AUDIO_LINES})]
Percent = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 100})]

PORTS_PER_CALL = 2
"""RTP and RTCP, of each m= line."""
_CLOCK_RATES = (8000, 16000, 32000, 48000)
OTHER_VERSION = {4: "set bind to an IPv4 address (--bind)", 6: "set ipv6 or an IPv6 address in bind (--ipv6)"}
"""How to use the other IP version too."""
_NAME = re.compile(r"[A-Za-z0-9._~!*+-]{1,64}")
WITHOUT = "-"
"""Prefix of a codec that is not offered."""
_CODEC = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9._+-]*(?:/[0-9]{1,6}(?:/[0-9]{1,2})?)?")


class EndpointConfig(AccountConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one endpoint, including its first account.

    The constructor expects values of the declared types; :meth:`with_options` and :func:`load_config` also
    convert the text of options and files. Empty text means None, except for passwords.
    """

    name: str = "srtpbot"
    """Name of the endpoint in logs and reports; without ``id`` also the user of its SIP URI."""
    bind: str | None = None
    """Local IP address for SIP and media; default: all interfaces."""
    port: Port = 0
    """Local SIP port; 0: a free port. With ``tcp`` and ``tls``, TLS listens on the next port."""
    transports: tuple[Transport, ...] = (Transport.UDP,)
    """SIP transports of the endpoint: ``udp``, ``tcp``, ``tls``."""
    accounts: tuple[AccountConfig, ...] = ()
    """Further accounts, for calls from and to their addresses of record."""
    accept_registrations: bool = False
    """Whether REGISTER gets 200 (the endpoint stores no bindings) instead of 405."""
    accept_subscriptions: bool = False
    """Whether SUBSCRIBE to the presence of an identity (RFC 3856) is accepted; otherwise it gets 489."""
    codecs: tuple[str, ...] = ()
    """Codecs in order of preference, such as ``PCMA``; ``-speex``: all but speex; default: all, with
    PCMA, PCMU and G722 first."""
    srtp: SrtpMode = SrtpMode.OPTIONAL
    """Use of SRTP: ``off``, ``optional`` (RTP/AVP) or ``mandatory`` (RTP/SAVP).

    With ``off``, ``suites``, ``accept``, ``srtp_requires`` and ``srtp_keying`` beside it are an error. Those
    that it overrides (in a file below an option, in ``defaults``) are ignored.
    """
    suites: tuple[CryptoSuite, ...] = tuple(CryptoSuite)
    """SRTP crypto suites in order of preference."""
    accept: tuple[AnswerDeviation, ...] = ()
    """Accepted deviations in SDP answers: ``avp-savp`` is an RTP/SAVP answer to RTP/AVP with a=crypto."""
    srtp_requires: SecureSignalling = SecureSignalling.NONE
    """Signalling that SRTP requires, because the SDP contains the keys: ``none``, ``tls`` or ``sips``."""
    srtp_keying: tuple[Keying, ...] = (Keying.SDES,)
    """Key exchanges of SRTP in order of preference: ``sdes`` (RFC 4568), ``dtls`` (RFC 5763).

    An offer has the first one, and an answer takes any of them. ``dtls`` needs a library build that supports
    DTLS-SRTP; its profiles (RFC 5764, RFC 7714) are among ``suites``.
    """
    ipv6: bool = False
    """Whether the endpoint uses IPv6 beside IPv4; with an IPv6 address in ``bind`` it uses IPv6 only.

    Needs a library build that supports IPv6.
    """
    tls: TlsConfig = msgspec.field(default_factory=TlsConfig)
    nat: NatConfig = msgspec.field(default_factory=NatConfig)
    limits: LimitsConfig = msgspec.field(default_factory=LimitsConfig)
    nameserver: tuple[str, ...] = ()
    """DNS servers for SRV and A records (RFC 3263): ``address`` or ``address:port``; default: system."""
    rtp_ports: PortRange | None = None
    """Range of local RTP ports, for instance ``4000-4100``; default: free ports."""
    rtcp_mux: bool = False
    """Whether the endpoint offers and accepts one port for RTP and RTCP (RFC 5761)."""
    ptime_ms: PacketMs | None = None
    """Duration of the audio in one packet (a=ptime) in ms; default: the ptime of the peer, or 20."""
    vad: bool = False
    """Whether silence is not sent (voice activity detection)."""
    telephone_event: EventType = LIBRARYS_EVENTS
    """Payload type of telephone-events (RFC 4733) in offers; 0: neither offered nor accepted."""
    audio_lines: AudioLines = 1
    """Number of m=audio lines, offered and accepted; the first active line carries playback and recording."""
    lock_codec: bool = True
    """Whether an answer with several codecs causes a new offer with one codec (RFC 3264 section 10.2)."""
    clock_rate: int | None = None
    """Clock rate of the conference bridge in Hz: 8000, 16000, 32000 or 48000.

    Audio is played and recorded at it. Default: that of the best codec; for many calls (``load``,
    ``answer --calls-at-once``, ``Fleet``) that of the preferred codec, because resampling doubles the
    processor time of a call.
    """
    detect_inband_dtmf: bool = False
    """Whether DTMF tones are detected in the received audio of every call."""
    accept_transfers: bool = False
    """Whether REFER (RFC 3515) and INVITE with Replaces (RFC 3891) are accepted; otherwise they get 603."""
    on_crash: OnCrash | None = None
    """Action after a crash of the agent process: ``restart`` (on the same ports) or ``fail``.

    The default is ``restart`` for ``srtpbot answer``, otherwise ``fail``.
    """
    media_address: MediaAddress | None = None
    """Destination of media before the ACK of an incoming call.

    ``verified``: none until a packet comes from the address of the offer; ``sdp``: the address of the offer.

    The default is ``verified`` for an endpoint with a controller (``srtpbot answer``), otherwise ``sdp``.
    """
    connect_to_contacts: bool | None = None
    """Whether a TCP or TLS connection is made to the Contact of a peer that has called, or to its Via.

    Otherwise messages go by the connection that its INVITE came by, and are dropped when that is closed. The
    default is false for an endpoint with a controller (``srtpbot answer``), otherwise true.
    """
    resolve_peers: ResolvePeers | None = None
    """DNS lookup of host names in messages of peers: ``never`` or ``async``.

    With ``async``, a message waits up to 2 s for the names in it; other calls do not wait. The default is
    ``never`` for an endpoint with a controller (``srtpbot answer``), otherwise ``async``.
    """
    reliable_provisional: ReliableProvisional = ReliableProvisional.SUPPORTED
    """Use of reliable provisional responses (100rel, RFC 3262): off, supported, preferred, required."""
    session_timer: SessionTimer = SessionTimer.SUPPORTED
    """Use of session timers (RFC 4028): off, supported, required, always."""
    session_expires_s: SessionSeconds = 1800
    """Requested session interval (Session-Expires) in seconds."""
    min_se_s: SessionSeconds = LEAST_S
    """Smallest accepted session interval (Min-SE) in seconds; a smaller interval gets 422."""
    follow_redirects: Hops = 0
    """Largest number of redirection targets (3xx) that an INVITE tries; 0: the 3xx ends the call."""
    user_agent: str = "srtpbot"
    """Value of the User-Agent header field."""
    headers: StampedHeaders = msgspec.field(default_factory=dict)
    """Header fields by message (INVITE, 183, 200 BYE, ``*`` for all); they replace the library's."""
    max_calls: int | None = None
    """Largest number of concurrent calls; default: the limit of the build and of ``rtp_ports``."""
    rx_drop_pct: Percent = 0
    """Simulated loss of received RTP packets in per cent; the library drops 1 % more (1 drops 2)."""
    tx_drop_pct: Percent = 0
    """Simulated loss of sent RTP packets in per cent; the library drops 1 % more."""

    def __post_init__(self) -> None:
        """Validate the settings; raises SettingError."""
        super().__post_init__()
        empty_is_none(self, "bind")
        for name in ("transports", "codecs", "suites", "srtp_keying", "accounts", "nameserver"):
            msgspec.structs.force_setattr(self, name, tuple(getattr(self, name)))
        self._check_names()
        self._check_addresses()
        self._check_nat()
        self._check_media()
        self._check_limits()
        check_intervals(self.session_expires_s, self.min_se_s)

    def _check_names(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SettingError(
                "name", "expected only letters, digits and . _ ~ ! * + -, because it is the user of a SIP URI"
            )
        check_text("user_agent", self.user_agent)
        check_stamped("headers", self.headers)
        addresses = [address_of_record(self.id)] if self.id else []
        for index, account in enumerate(self.accounts):
            key = f"accounts[{index}].id"
            if not account.id:
                raise SettingError(key, "is missing; an account needs an address of record")
            address = address_of_record(account.id)
            if address in addresses:
                raise SettingError(key, f"duplicate address of record {address}")
            addresses.append(address)

    def _check_addresses(self) -> None:
        if self.bind:
            msgspec.structs.force_setattr(self, "bind", checked_bind(self.bind))
        if self.ipv6 and 6 not in self.ip_versions:
            raise SettingError("ipv6", f"contradicts bind, the IPv4 address {self.bind}; remove one of them")
        if not 0 <= self.port <= 65535:
            raise SettingError("port", f"expected 0 (a free port) to 65535, got {self.port}")
        _check_list("transports", self.transports)
        self._check_routes()
        if self.port == 65535 and {Transport.TCP, Transport.TLS} <= set(self.transports):
            raise SettingError(
                "port", "expected at most 65534: with tcp and tls, TLS listens on the next port"
            )

    def _check_routes(self) -> None:
        """Check the transport to the first hop of each account: the library aborts without this transport."""
        for prefix, account in (
            ("", self),
            *((f"accounts[{index}].", account) for index, account in enumerate(self.accounts)),
        ):
            key = "proxy" if account.proxy else "registrar"
            uri = getattr(account, key)
            problem = self.unreachable(parse_uri(uri)) if uri else None
            if problem is not None:
                raise SettingError(prefix + key, f"{uri}: {problem}")
            transport = parse_uri(uri).transport if uri else ""
            if transport in set(Transport) - set(self.transports):
                available = ", ".join(self.transports)
                problem = f"{uri} needs the transport {transport}; transports of the endpoint: {available}"
                raise SettingError(
                    prefix + key, f"{problem}; add {transport} to transports (--transport {transport})"
                )

    def _check_nat(self) -> None:
        for index, server in enumerate(self.nameserver):
            check_server(f"nameserver[{index}]", server)
            ipv4_address(f"nameserver[{index}]", server.partition(":")[0])
        if self.nat.uses_ice and self.bind and ipaddress.ip_address(self.bind).is_loopback:
            key = "ice" if self.nat.ice else "turn"
            raise SettingError(
                f"nat.{key}", "ICE has no candidate on a loopback address; set bind to another address"
            )

    def _check_media(self) -> None:
        for index, codec in enumerate(self.codecs):
            if not _CODEC.fullmatch(codec):
                raise SettingError(
                    f"codecs[{index}]", f"expected a name such as PCMA or PCMA/8000, got {codec!r}"
                )
        if len({codec.startswith(WITHOUT) for codec in self.codecs}) > 1:
            raise SettingError(
                "codecs", "expected either codecs to offer or codecs to exclude (-NAME), got both"
            )
        if self.codecs:
            _check_list("codecs", tuple(codec.casefold() for codec in self.codecs))
        _check_list("suites", self.suites)
        _check_list("srtp_keying", self.srtp_keying)
        check_srtp(self, self.srtp)
        if not 1 <= self.audio_lines <= MOST_AUDIO_LINES:
            raise SettingError("audio_lines", f"expected 1 to {MOST_AUDIO_LINES}, got {self.audio_lines}")
        check_ptime("ptime_ms", self.ptime_ms)
        check_event_type("telephone_event", self.telephone_event)
        if self.rtp_ports is not None:
            msgspec.structs.force_setattr(self, "rtp_ports", checked_rtp_ports(self.rtp_ports))
            self._check_enough_ports(*self.rtp_ports)
        if self.clock_rate is not None and self.clock_rate not in _CLOCK_RATES:
            rates = ", ".join(map(str, _CLOCK_RATES))
            raise SettingError("clock_rate", f"expected one of {rates} Hz, got {self.clock_rate}")

    def _check_enough_ports(self, low: int, high: int) -> None:
        calls = self.max_calls or 1
        needed = PORTS_PER_CALL * self.audio_lines * calls
        if high - low + 1 < needed:
            need = f"{calls} call{'s' if calls > 1 else ''} need{'' if calls > 1 else 's'} {needed} ports"
            problem = f"{low}-{high} is too small: {need}, for instance {low}-{low + max(100, needed) - 1}"
            raise SettingError("rtp_ports", problem)

    @property
    def ip_versions(self) -> tuple[int, ...]:
        """The IP versions of SIP and media, 4 and 6."""
        if self.bind:
            return (ipaddress.ip_address(self.bind).version,)
        return (4, 6) if self.ipv6 else (4,)

    @property
    def gathers_everywhere(self) -> bool:
        """Whether ICE gathers candidates of all interfaces and both IP versions.

        With IPv6 the library binds the sockets of ICE to no address.
        """
        return self.nat.uses_ice and 6 in self.ip_versions

    def unreachable(self, uri: Uri) -> str | None:
        """Why a request cannot go to the host of this URI; None for a host that it can go to."""
        version = uri.ip_version
        if version is None or version in self.ip_versions:
            return None
        if version == 6:
            return f"the endpoint has no IPv6; use an IPv4 address, or {OTHER_VERSION[6]}"
        return f"the endpoint has no IPv4; use an IPv6 address, or {OTHER_VERSION[4]}"

    @property
    def most_calls(self) -> int | None:
        """Largest number of concurrent calls by the settings; None: the limit of the build."""
        if self.max_calls is not None or self.rtp_ports is None:
            return self.max_calls
        low, high = self.rtp_ports
        return (high - low + 1) // (PORTS_PER_CALL * self.audio_lines)

    def _check_limits(self) -> None:
        if self.max_calls is not None and self.max_calls < 1:
            raise SettingError("max_calls", f"expected 1 or more, got {self.max_calls}")
        if not 0 <= self.follow_redirects <= MOST_HOPS:
            raise SettingError("follow_redirects", f"expected 0 to {MOST_HOPS}, got {self.follow_redirects}")
        for key, percent in (("rx_drop_pct", self.rx_drop_pct), ("tx_drop_pct", self.tx_drop_pct)):
            if not 0 <= percent <= 100:
                raise SettingError(key, f"expected a percentage from 0 to 100, got {percent}")

    def with_options(self, **overrides: Unpack[EndpointSettings]) -> EndpointConfig:
        """A copy of the settings with some values replaced; None keeps a value.

        ``srtp="off"`` also replaces the other settings of SRTP by their defaults.
        A value may be text as in a file (``srtp="mandatory"``, ``rtp_ports="4000-4100"``). The settings of
        ``tls``, ``nat`` and ``limits`` have a prefix: ``tls_ca``, ``nat_stun``, ``limits_silence_s``.
        """
        given = {key: value for key, value in overrides.items() if value is not None}
        data = without_srtp(msgspec.to_builtins(self), given)
        data |= msgspec.to_builtins(given, enc_hook=os.fspath)
        for key in [key for key in given if key.startswith(("tls_", "nat_", "limits_"))]:
            group, _, part = key.partition("_")
            data[group][part] = data.pop(key)
        try:
            return msgspec.convert(data, EndpointConfig, strict=False)
        except msgspec.ValidationError as error:
            from bot.config.diagnostics import explain

            raise explain(error, data, EndpointConfig) from None

    def with_defaults(self, *, has_controller: bool) -> EndpointConfig:
        """The settings with the defaults that depend on whether a controller answers the calls."""
        peers = self.resolve_peers or (ResolvePeers.NEVER if has_controller else ResolvePeers.ASYNC)
        limits = self.limits.for_strangers() if has_controller else self.limits
        address = self.media_address or (MediaAddress.VERIFIED if has_controller else MediaAddress.SDP)
        connects = self.connect_to_contacts
        return msgspec.structs.replace(
            self,
            resolve_peers=peers,
            limits=limits,
            media_address=address,
            connect_to_contacts=not has_controller if connects is None else connects,
        )

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values for a report, without the passwords."""
        accounts = [account.redacted() for account in self.accounts]
        return super().redacted() | {"accounts": accounts, "nat": self.nat.redacted()}


def load_config(
    path: str | os.PathLike[str], check: Callable[[EndpointConfig], None] = lambda config: None
) -> EndpointConfig:
    """Read and validate the YAML file at ``path``; paths in the file are relative to its folder.

    ``check`` may raise ConfigError "key: ..." for further errors; the message gets file and line.
    """
    from bot.config.yaml_reader import load

    def finish(config: EndpointConfig) -> EndpointConfig:
        config = msgspec.structs.replace(config, tls=config.tls.in_folder(os.path.dirname(path)))
        config.tls.check_files()
        check(config)
        return config

    return load(path, EndpointConfig, finish)


def _check_list(key: str, values: tuple[str, ...]) -> None:
    if not values:
        raise SettingError(key, "is empty; name at least one or leave the key out")
    for index, value in enumerate(values):
        if value in values[:index]:
            raise SettingError(f"{key}[{index}]", f"duplicate value {value}")
