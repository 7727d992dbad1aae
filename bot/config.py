"""The settings of an endpoint, checked; it knows neither the library nor who uses them.

Construction looks at the values only; :meth:`TlsConfig.check_files` looks at the disk.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .errors import ConfigError
from .identity import Identity, address_of_record
from .media_settings import LIBRARYS_EVENTS, LONGEST_MS, check_event_type, check_ptime
from .model import CryptoSuite, ReliableProvisional, SecureSignalling, SessionTimer, SrtpMode, Transport
from .nat import NatConfig, check_server, ipv4_address
from .session_timer import LEAST_S, check_intervals
from .settings import Secret, SettingError, check_text, empty_is_none
from .sip import parse_uri
from .stamped_headers import StampedHeaders, check_stamped

__all__ = [
    "MOST_HOPS",
    "EndpointConfig",
    "Secret",
    "SettingError",
    "TlsConfig",
    "load_config",
    "parse_port_range",
]

MOST_HOPS = 70
"""As many as Max-Forwards allows a request (RFC 3261 8.1.1.6)."""

if TYPE_CHECKING:
    PortRange = tuple[int, int]
else:  # a file and an option write "4000-4100", which construction turns into a pair
    PortRange = tuple[int, int] | Annotated[str, Meta(examples=["4000-4100"])]

Port = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 65535})]
SessionSeconds = Annotated[int, Meta(extra_json_schema={"minimum": LEAST_S})]
Hops = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": MOST_HOPS})]
PacketMs = Annotated[int, Meta(extra_json_schema={"minimum": 10, "maximum": LONGEST_MS, "multipleOf": 10})]
EventType = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 127})]
Percent = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 100})]

_MAX_CALLS = 4
_MIN_RTP_PORTS = 2 * _MAX_CALLS
_CLOCK_RATES = (8000, 16000, 32000, 48000)
_NAME = re.compile(r"[A-Za-z0-9._~!*+-]{1,64}")
_CODEC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?:/[0-9]{1,6}(?:/[0-9]{1,2})?)?")


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How TLS proves who is who; the files are PEM."""

    ca: str | None = None
    """The CAs that peers are verified with; None is the system's."""
    cert: str | None = None
    """This endpoint's certificate, which a listener needs."""
    key: str | None = None
    """The private key of ``cert``, without a passphrase."""
    insecure: bool = False
    """Do not verify the peer's certificate and name."""
    verify_client: bool = False
    """Demand a certificate from peers that connect."""

    def __post_init__(self) -> None:
        """Refuse half a key pair."""
        empty_is_none(self, "ca", "cert", "key")
        if self.cert and not self.key:
            raise SettingError("cert", "is set without its private key; set key too")
        if self.key and not self.cert:
            raise SettingError("key", "is set without its certificate; set cert too")

    def in_folder(self, folder: str | os.PathLike[str]) -> TlsConfig:
        """The same with its relative paths taken from ``folder``."""
        paths = {
            name: os.path.join(folder, os.path.expanduser(path))
            for name, path in (("ca", self.ca), ("cert", self.cert), ("key", self.key))
            if path
        }
        return msgspec.structs.replace(self, **paths)

    def check_files(self) -> None:
        """Raise ConfigError unless the files can be read and the key is that of the certificate."""
        for name, path in (("ca", self.ca), ("cert", self.cert), ("key", self.key)):
            if path:
                _check_readable(f"tls.{name}", path)
        if not (self.ca or self.cert):
            return
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name, path in (("ca", self.ca), ("cert", self.cert)):
            try:
                if path:
                    context.load_verify_locations(cafile=path)
            except ssl.SSLError:
                raise SettingError(f"tls.{name}", f"{path} holds no certificate in PEM form") from None
        if self.cert and self.key:
            _check_key(context, self.cert, self.key)


class EndpointConfig(Identity, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one endpoint, among them its first identity.

    Construct it with values of the declared types; :meth:`with_options` and :func:`load_config` also
    take what people write. An empty text means the same as None.
    """

    name: str = "srtpbot"
    """Names the endpoint in logs and reports, and is the user of its URI when there is no ``id``."""
    bind: str | None = None
    """The IPv4 address on which SIP and media listen; None is all interfaces."""
    port: Port = 0
    """The SIP port; 0 is a free one. TLS beside TCP listens one port higher."""
    transports: tuple[Transport, ...] = (Transport.UDP,)
    accounts: tuple[Identity, ...] = ()
    """Further identities, for calls from and to each of them."""
    accept_registrations: bool = False
    """Answer REGISTER with 200, as a registrar that keeps nothing; else it gets 405."""
    codecs: tuple[str, ...] = ()
    """Codecs in order of preference, such as ``PCMA`` or ``speex/16000``; none is the library's own order."""
    srtp: SrtpMode = SrtpMode.OPTIONAL
    suites: tuple[CryptoSuite, ...] = tuple(CryptoSuite)
    """The crypto suites in order of preference."""
    srtp_requires: SecureSignalling = SecureSignalling.NONE
    """The signalling that SRTP needs, since the keys travel in it."""
    keying: Literal["sdes", "dtls"] = "sdes"
    ipv6: bool = False
    tls: TlsConfig = msgspec.field(default_factory=TlsConfig)
    nat: NatConfig = msgspec.field(default_factory=NatConfig)
    nameserver: tuple[str, ...] = ()
    """Name servers for SRV and A records (RFC 3263), ``address`` or ``address:port``; none: the system's."""
    rtp_ports: PortRange | None = None
    """The first and the last RTP port; None is free ports. In a file and in options ``4000-4100``."""
    rtcp_mux: bool = False
    """Offer and accept one port for RTP and RTCP (RFC 5761)."""
    ptime_ms: PacketMs | None = None
    """What a sent packet lasts, and what peers are asked for; None is what the peer asks for, or 20."""
    vad: bool = False
    """Send nothing while it is silent (voice activity detection)."""
    telephone_event: EventType = LIBRARYS_EVENTS
    """The payload type of telephone-events (RFC 4733) in offers; 0 neither offers nor accepts them."""
    lock_codec: bool = True
    """Offer again with one codec when an answer leaves several."""
    clock_rate: int | None = None
    """Of the conference bridge, in Hz; None suits the codecs."""
    detect_inband_dtmf: bool = False
    """Listen for DTMF tones in the audio of every call, as ``Call.listen`` does for one."""
    accept_transfers: bool = False
    """Do what a REFER asks for, and let an INVITE with Replaces take over a call; else they get 603, for the
    one makes the endpoint call whomever the peer names, and the other gives its call to whoever knows it."""
    reliable_provisional: ReliableProvisional = ReliableProvisional.SUPPORTED
    """Provisional responses that are acknowledged with PRACK (100rel, RFC 3262)."""
    session_timer: SessionTimer = SessionTimer.SUPPORTED
    """Whether a call ends when nobody refreshes it (RFC 4028)."""
    session_expires_s: SessionSeconds = 1800
    """The session interval that calls ask for, in seconds."""
    min_se_s: SessionSeconds = LEAST_S
    """The least interval that is accepted, in seconds; the peer hears 422 for a smaller one."""
    follow_redirects: Hops = 0
    """How many targets an INVITE is sent on to, at most, when it is redirected; 0 reports the 3xx."""
    user_agent: str = "srtpbot"
    """The value of the User-Agent header."""
    headers: StampedHeaders = msgspec.field(default_factory=dict)
    """Header fields for each message of a kind (INVITE, 183, 200 BYE, * for all), in place of its own."""
    max_calls: int = _MAX_CALLS
    rx_drop_pct: Percent = 0
    """Simulated loss of received RTP packets; the library drops one per cent more (1 drops 2)."""
    tx_drop_pct: Percent = 0
    """Simulated loss of sent RTP packets; the library drops one per cent more."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        super().__post_init__()
        empty_is_none(self, "bind")
        for name in ("transports", "codecs", "suites", "accounts", "nameserver"):
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
                "name", "expected letters, digits and . _ ~ ! * + - only: it becomes a SIP user"
            )
        check_text("user_agent", self.user_agent)
        check_stamped("headers", self.headers)
        names = [address_of_record(self.id)] if self.id else []
        for index, account in enumerate(self.accounts):
            key = f"accounts[{index}].id"
            if not account.id:
                raise SettingError(key, "is missing; an identity needs an address of record")
            name = address_of_record(account.id)
            if name in names:
                raise SettingError(key, f"{name} is another identity's already")
            names.append(name)

    def _check_addresses(self) -> None:
        if self.ipv6:
            raise SettingError("ipv6", "this library build has no IPv6 (it would abort); leave it false")
        if self.bind:
            msgspec.structs.force_setattr(self, "bind", _bind_address(self.bind))
        if not 0 <= self.port <= 65535:
            raise SettingError("port", f"expected 0 (a free port) to 65535, got {self.port}")
        _check_list("transports", self.transports)
        self._check_routes()
        if self.port == 65535 and {Transport.TCP, Transport.TLS} <= set(self.transports):
            raise SettingError("port", "TLS beside TCP listens one port higher: at most 65534")

    def _check_routes(self) -> None:
        """Where every identity's requests go first; the library aborts after a REGISTER without a way."""
        for prefix, identity in (
            ("", self),
            *((f"accounts[{place}].", one) for place, one in enumerate(self.accounts)),
        ):
            key = "proxy" if identity.proxy else "registrar"
            uri = getattr(identity, key)
            asked = parse_uri(uri).transport if uri else ""
            if asked in set(Transport) - set(self.transports):
                have = ", ".join(self.transports)
                what = f"{uri} asks for {asked}, the endpoint has {have}; add it to transports"
                raise SettingError(prefix + key, f"{what} (--transport {asked})")

    def _check_nat(self) -> None:
        for index, server in enumerate(self.nameserver):
            check_server(f"nameserver[{index}]", server)
            ipv4_address(f"nameserver[{index}]", server.partition(":")[0])
        if self.nat.uses_ice and self.bind and ipaddress.ip_address(self.bind).is_loopback:
            key = "ice" if self.nat.ice else "turn"
            raise SettingError(f"nat.{key}", "ICE has no candidate on a loopback address; bind another")

    def _check_media(self) -> None:
        for index, codec in enumerate(self.codecs):
            if not _CODEC.fullmatch(codec):
                raise SettingError(
                    f"codecs[{index}]", f"expected a name such as PCMA or PCMA/8000, got {codec!r}"
                )
        if self.codecs:
            _check_list("codecs", tuple(codec.casefold() for codec in self.codecs))
        _check_list("suites", self.suites)
        check_ptime("ptime_ms", self.ptime_ms)
        check_event_type("telephone_event", self.telephone_event)
        if self.keying == "dtls":
            reason = "this library build has no DTLS-SRTP and would silently send plain RTP"
            raise SettingError("keying", f"{reason}; only sdes is possible")
        if self.rtp_ports is not None:
            msgspec.structs.force_setattr(self, "rtp_ports", _rtp_ports(self.rtp_ports))
        if self.clock_rate is not None and self.clock_rate not in _CLOCK_RATES:
            rates = ", ".join(map(str, _CLOCK_RATES))
            raise SettingError("clock_rate", f"expected one of {rates} Hz, got {self.clock_rate}")

    def _check_limits(self) -> None:
        if not 1 <= self.max_calls <= _MAX_CALLS:
            reason = f"the library build has {_MAX_CALLS} call slots for each endpoint"
            raise SettingError("max_calls", f"expected 1 to {_MAX_CALLS}, got {self.max_calls}: {reason}")
        if not 0 <= self.follow_redirects <= MOST_HOPS:
            raise SettingError("follow_redirects", f"expected 0 to {MOST_HOPS}, got {self.follow_redirects}")
        for key, percent in (("rx_drop_pct", self.rx_drop_pct), ("tx_drop_pct", self.tx_drop_pct)):
            if not 0 <= percent <= 100:
                raise SettingError(key, f"expected a percentage from 0 to 100, got {percent}")

    def with_options(self, **overrides: Any) -> EndpointConfig:
        """The same with some settings replaced; None leaves a setting as it is.

        Values may be written as in a file (``srtp="mandatory"``, ``rtp_ports="4000-4100"``). The parts of
        ``tls`` are ``tls_ca``, ``tls_cert``, ``tls_key``, ``tls_insecure`` and ``tls_verify_client``, and
        those of ``nat`` are ``nat_stun``, ``nat_turn`` and so on.
        """
        given = {key: value for key, value in overrides.items() if value is not None}
        data = msgspec.to_builtins(self)
        data |= msgspec.to_builtins(given, enc_hook=os.fspath)
        for key in [key for key in given if key.startswith(("tls_", "nat_"))]:
            group, _, part = key.partition("_")
            data[group][part] = data.pop(key)
        try:
            return msgspec.convert(data, EndpointConfig, strict=False)
        except msgspec.ValidationError as error:
            from .document import explain

            raise explain(error, data, EndpointConfig) from None

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values for a report, without the passwords."""
        accounts = [account.redacted() for account in self.accounts]
        return super().redacted() | {"accounts": accounts, "nat": self.nat.redacted()}


def load_config(path: str | os.PathLike[str]) -> EndpointConfig:
    """Read the YAML file at ``path``; paths in it are relative to its folder, and their files are checked."""
    from .document import load

    def finish(config: EndpointConfig) -> EndpointConfig:
        config = msgspec.structs.replace(config, tls=config.tls.in_folder(os.path.dirname(path)))
        config.tls.check_files()
        return config

    return load(path, EndpointConfig, finish)


def parse_port_range(text: str) -> tuple[int, int]:
    """Read ``4000-4100``."""
    found = re.fullmatch(r"\s*([0-9]{1,5})\s*-\s*([0-9]{1,5})\s*", text)
    if not found:
        raise ConfigError(f"expected a range of ports such as 4000-4100, got {text!r}")
    return int(found[1]), int(found[2])


def _rtp_ports(ports: tuple[int, int] | str) -> tuple[int, int]:
    try:
        low, high = parse_port_range(ports) if isinstance(ports, str) else ports
    except ConfigError as error:
        raise SettingError("rtp_ports", str(error)) from None
    if not 1024 <= low <= high <= 65535:
        raise SettingError(
            "rtp_ports", f"expected a range from 1024 to 65535, lowest first, got {low}-{high}"
        )
    if low % 2:
        raise SettingError("rtp_ports", f"RTP begins at an even port (RFC 3550), got {low}-{high}")
    if high - low + 1 < _MIN_RTP_PORTS:
        need = f"{_MAX_CALLS} calls take {_MIN_RTP_PORTS} ports"
        raise SettingError("rtp_ports", f"{low}-{high} is too narrow: {need}, for instance {low}-{low + 99}")
    return low, high


def _check_list(key: str, values: tuple[str, ...]) -> None:
    if not values:
        raise SettingError(key, "is empty; name at least one or leave the key out")
    for index, value in enumerate(values):
        if value in values[:index]:
            raise SettingError(f"{key}[{index}]", f"{value} is in the list already")


def _bind_address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        port = re.fullmatch(r"[0-9.]+:[0-9]+", text)
        hint = (
            "the port is a setting of its own, port" if port else "a host name will not do, nor an interface"
        )
        raise SettingError(
            "bind", f"expected an IPv4 address such as 127.0.0.1, got {text!r}: {hint}"
        ) from None
    if address.version == 6:
        raise SettingError("bind", f"{text} is an IPv6 address, and this library build has no IPv6; use IPv4")
    if address.is_multicast or text == "255.255.255.255":
        raise SettingError("bind", f"{text} is no address of an interface")
    return None if address.is_unspecified else str(address)


def _check_readable(key: str, path: str) -> None:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise SettingError(key, f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise SettingError(
            key, f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None


def _check_key(context: Any, cert: str, key: str) -> None:
    import ssl

    def refuse() -> str:
        raise SettingError("tls.key", f"{key} is protected by a passphrase; write it out without one")

    try:
        context.load_cert_chain(cert, key, password=refuse)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingError("tls.key", f"{key} is not the key of the certificate {cert}") from None
        raise SettingError("tls.key", f"{key} holds no private key in PEM form") from None
