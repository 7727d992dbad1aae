"""The keyword arguments of ``Endpoint`` as TypedDicts, for type checkers and editors.

Made by ``make reference`` from the fields of ``EndpointConfig``: change those.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from bot.config.account import AccountConfig
    from bot.config.credentials import Credential
    from bot.config.limits import LimitsConfig
    from bot.config.nat import NatConfig, TurnConfig
    from bot.config.subscriptions import Subscription
    from bot.config.tls import TlsConfig
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

__all__ = ["AccountSettings", "EndpointSettings"]


class CredentialSettings(TypedDict, total=False):
    """User name and password for one realm."""

    user: str
    """User name for digest authentication."""
    password: str
    """Password; may be empty."""
    realm: str
    """Realm of the challenge; ``*`` is any realm without other credentials."""


class SubscriptionSettings(TypedDict, total=False):
    """Subscription to an event package of a resource (RFC 6665)."""

    uri: str
    """SIP URI of the resource."""
    package: str
    """Event package: ``presence`` (RFC 3856)."""


class TurnSettings(TypedDict, total=False):
    """TURN server that relays the media (RFC 8656)."""

    server: str
    """Address of the TURN server: ``host`` or ``host:port``; default port: 3478."""
    user: str | None
    """User name of the long-term credential (RFC 8489 section 9.2)."""
    password: str | None
    """Password of the long-term credential."""
    transport: Literal["tcp", "udp"]
    """Transport from the endpoint to the TURN server; the relayed media always use UDP."""
    only: bool
    """Whether ICE offers relay candidates only, so that all media pass the relay (RFC 8828 section 5.2)."""


class TlsSettings(TypedDict, total=False):
    """Settings of TLS (RFC 3261 section 26.3)."""

    ca: str | os.PathLike[str] | None
    """File with the CA certificates that verify peers, PEM; default: the CAs of the system."""
    cert: str | os.PathLike[str] | None
    """File with the certificate of this endpoint, PEM; needed to accept TLS connections."""
    key: str | os.PathLike[str] | None
    """File with the private key of ``cert``, PEM, without a passphrase."""
    insecure: bool
    """Whether any certificate of a peer is accepted."""
    verify_client: bool
    """Whether peers that connect must present a certificate."""


class NatSettings(TypedDict, total=False):
    """Settings for NAT traversal."""

    stun: str | None
    """STUN server (RFC 8489), ``host`` or ``host:port``; SIP over UDP and SDP have its mapped address."""
    turn: TurnConfig | TurnSettings | None
    """TURN server for the media; it enables ICE."""
    ice: bool
    """Whether ICE (RFC 8445) selects the media path."""
    ice_rtcp: bool
    """Whether ICE has a component for RTCP; without it, the peer must have one component too."""
    public_address: str | None
    """Public IPv4 address of the NAT, for Contact, Via and SDP."""
    rewrite_contact: bool
    """Whether REGISTER is repeated with the source address that the registrar reports in Via (RFC 3581)."""
    keep_alive_s: int | None
    """Interval of CRLF keep-alives (RFC 5626 4.4.1) in s; 0: none; default: 15 (UDP) or 90 (TCP, TLS)."""


class LimitsSettings(TypedDict, total=False):
    """Bounds on the use of the endpoint by peers; a source is an IP address. 0: no limit."""

    unacknowledged_s: float
    """Longest time from the answer of an incoming call to its ACK, in seconds; then the call is ended."""
    silence_s: float | None
    """Longest time without RTP in an incoming call that is not on hold, in seconds; then the call is ended.
    """
    call_length_s: float | None
    """The longest incoming call in seconds; None is 43200 for an endpoint with a controller."""
    calls_per_source: int
    """Incoming calls of one source at once."""
    invites_per_s: float
    """INVITEs of one source outside of calls, in a second; twice as many may come at once."""
    requests_per_s: float
    """Other requests with a transaction per second and source: MESSAGE, SUBSCRIBE, INFO."""
    messages_per_s: float
    """SIP messages of one source in a second, whatever they are; twice as many may come at once."""
    subscriptions: int
    """Subscriptions of all peers at once, where ``accept_subscriptions`` grants them: each takes 25 KB."""
    first_message_s: float
    """Longest time from the start of a TCP or TLS connection to its first SIP message, in seconds."""
    idle_connection_s: float
    """Longest idle time of a TCP or TLS connection, in seconds."""
    handshake_s: float
    """Longest TLS handshake in seconds."""
    connections_per_source: int | None
    """Concurrent TCP and TLS connections of one source; default: two thirds of the library's limit."""
    make_room: bool | None
    """Whether a new call ends a useless call when all calls are in use."""


class AccountSettings(TypedDict, total=False):
    """SIP account: an address of record with its credentials and its registrar."""

    id: str | None
    """Address of record, for instance ``"Alice" <sip:alice@example.org>``."""
    display_name: str | None
    """Display name in From: any text, without quotes."""
    user: str | None
    """User name for digest authentication; default: the user of ``id``."""
    password: str | None
    """Password for digest authentication; an empty text is an empty password."""
    realm: str | None
    """Realm of the user name and the password; default: any realm, as with ``*``."""
    credentials: Sequence[Credential | CredentialSettings] | None
    """Credentials for further realms."""
    registrar: str | None
    """SIP URI of the registrar; default: no registration."""
    proxy: str | None
    """SIP URI of the outbound proxy."""
    expires_s: int | None
    """Requested expiry of a registration, in seconds; the endpoint refreshes it before it expires."""
    register_at_start: bool | None
    """Whether the account registers when the endpoint starts; otherwise call ``Endpoint.register``."""
    initial_authorization: bool | None
    """Whether the first REGISTER has an Authorization without response, for IMS (3GPP TS 24.229 5.1.1.2)."""
    publish: bool | None
    """Whether presence is published with PUBLISH (RFC 3903), at ``proxy`` or the domain of ``id``."""
    subscriptions: Sequence[Subscription | SubscriptionSettings] | None
    """Subscriptions (RFC 6665), which the endpoint refreshes while it runs."""
    register_headers: Mapping[str, str | Sequence[str]] | None
    """Header fields for every REGISTER, by name."""
    mwi: bool | Literal["unsolicited"] | None
    """Whether to subscribe to MWI (RFC 3842) after registration; ``unsolicited``: only accept NOTIFY."""


class EndpointSettings(AccountSettings, total=False):
    """Settings of one endpoint, including its first account."""

    name: str | None
    """Name of the endpoint in logs and reports; without ``id`` also the user of its SIP URI."""
    bind: str | None
    """Local IP address for SIP and media; default: all interfaces."""
    port: int | None
    """Local SIP port; 0: a free port. With ``tcp`` and ``tls``, TLS listens on the next port."""
    transports: Sequence[Transport | Literal["udp", "tcp", "tls"]] | None
    """SIP transports of the endpoint: ``udp``, ``tcp``, ``tls``."""
    accounts: Sequence[AccountConfig | AccountSettings] | None
    """Further accounts, for calls from and to their addresses of record."""
    accept_registrations: bool | None
    """Whether REGISTER gets 200 (the endpoint stores no bindings) instead of 405."""
    accept_subscriptions: bool | None
    """Whether SUBSCRIBE to the presence of an identity (RFC 3856) is accepted; otherwise it gets 489."""
    codecs: Sequence[str] | None
    """Codecs in order of preference, such as ``PCMA``; ``-speex``: all but speex; default: all, with PCMA,
    PCMU and G722 first.
    """
    srtp: SrtpMode | Literal["off", "optional", "mandatory"] | None
    """Use of SRTP: ``off``, ``optional`` (RTP/AVP) or ``mandatory`` (RTP/SAVP)."""
    suites: (
        Sequence[
            CryptoSuite
            | Literal[
                "AES_CM_128_HMAC_SHA1_80",
                "AES_CM_128_HMAC_SHA1_32",
                "AES_256_CM_HMAC_SHA1_80",
                "AES_256_CM_HMAC_SHA1_32",
                "AEAD_AES_128_GCM",
                "AEAD_AES_256_GCM",
                "AEAD_AES_128_GCM_8",
                "AEAD_AES_256_GCM_8",
            ]
        ]
        | None
    )
    """SRTP crypto suites in order of preference."""
    accept: Sequence[AnswerDeviation | Literal["avp-savp"]] | None
    """Accepted deviations in SDP answers: ``avp-savp`` is an RTP/SAVP answer to RTP/AVP with a=crypto."""
    srtp_requires: SecureSignalling | Literal["none", "tls", "sips"] | None
    """Signalling that SRTP requires, because the SDP contains the keys: ``none``, ``tls`` or ``sips``."""
    srtp_keying: Sequence[Keying | Literal["sdes", "dtls"]] | None
    """Key exchanges of SRTP in order of preference: ``sdes`` (RFC 4568), ``dtls`` (RFC 5763)."""
    ipv6: bool | None
    """Whether the endpoint uses IPv6 beside IPv4; with an IPv6 address in ``bind`` it uses IPv6 only."""
    tls: TlsConfig | TlsSettings | None
    """Settings of TLS (RFC 3261 section 26.3)."""
    tls_ca: str | os.PathLike[str] | None
    """File with the CA certificates that verify peers, PEM; default: the CAs of the system."""
    tls_cert: str | os.PathLike[str] | None
    """File with the certificate of this endpoint, PEM; needed to accept TLS connections."""
    tls_key: str | os.PathLike[str] | None
    """File with the private key of ``cert``, PEM, without a passphrase."""
    tls_insecure: bool | None
    """Whether any certificate of a peer is accepted."""
    tls_verify_client: bool | None
    """Whether peers that connect must present a certificate."""
    nat: NatConfig | NatSettings | None
    """Settings for NAT traversal."""
    nat_stun: str | None
    """STUN server (RFC 8489), ``host`` or ``host:port``; SIP over UDP and SDP have its mapped address."""
    nat_turn: TurnConfig | TurnSettings | None
    """TURN server for the media; it enables ICE."""
    nat_ice: bool | None
    """Whether ICE (RFC 8445) selects the media path."""
    nat_ice_rtcp: bool | None
    """Whether ICE has a component for RTCP; without it, the peer must have one component too."""
    nat_public_address: str | None
    """Public IPv4 address of the NAT, for Contact, Via and SDP."""
    nat_rewrite_contact: bool | None
    """Whether REGISTER is repeated with the source address that the registrar reports in Via (RFC 3581)."""
    nat_keep_alive_s: int | None
    """Interval of CRLF keep-alives (RFC 5626 4.4.1) in s; 0: none; default: 15 (UDP) or 90 (TCP, TLS)."""
    limits: LimitsConfig | LimitsSettings | None
    """Bounds on the use of the endpoint by peers; a source is an IP address. 0: no limit."""
    limits_unacknowledged_s: float | None
    """Longest time from the answer of an incoming call to its ACK, in seconds; then the call is ended."""
    limits_silence_s: float | None
    """Longest time without RTP in an incoming call that is not on hold, in seconds; then the call is ended.
    """
    limits_call_length_s: float | None
    """The longest incoming call in seconds; None is 43200 for an endpoint with a controller."""
    limits_calls_per_source: int | None
    """Incoming calls of one source at once."""
    limits_invites_per_s: float | None
    """INVITEs of one source outside of calls, in a second; twice as many may come at once."""
    limits_requests_per_s: float | None
    """Other requests with a transaction per second and source: MESSAGE, SUBSCRIBE, INFO."""
    limits_messages_per_s: float | None
    """SIP messages of one source in a second, whatever they are; twice as many may come at once."""
    limits_subscriptions: int | None
    """Subscriptions of all peers at once, where ``accept_subscriptions`` grants them: each takes 25 KB."""
    limits_first_message_s: float | None
    """Longest time from the start of a TCP or TLS connection to its first SIP message, in seconds."""
    limits_idle_connection_s: float | None
    """Longest idle time of a TCP or TLS connection, in seconds."""
    limits_handshake_s: float | None
    """Longest TLS handshake in seconds."""
    limits_connections_per_source: int | None
    """Concurrent TCP and TLS connections of one source; default: two thirds of the library's limit."""
    limits_make_room: bool | None
    """Whether a new call ends a useless call when all calls are in use."""
    nameserver: Sequence[str] | None
    """DNS servers for SRV and A records (RFC 3263): ``address`` or ``address:port``; default: system."""
    rtp_ports: tuple[int, int] | str | None
    """Range of local RTP ports, for instance ``4000-4100``; default: free ports."""
    rtcp_mux: bool | None
    """Whether the endpoint offers and accepts one port for RTP and RTCP (RFC 5761)."""
    ptime_ms: int | None
    """Duration of the audio in one packet (a=ptime) in ms; default: the ptime of the peer, or 20."""
    vad: bool | None
    """Whether silence is not sent (voice activity detection)."""
    telephone_event: int | None
    """Payload type of telephone-events (RFC 4733) in offers; 0: neither offered nor accepted."""
    audio_lines: int | None
    """Number of m=audio lines, offered and accepted; the first active line carries playback and recording."""
    lock_codec: bool | None
    """Whether an answer with several codecs causes a new offer with one codec (RFC 3264 section 10.2)."""
    clock_rate: int | None
    """Clock rate of the conference bridge in Hz: 8000, 16000, 32000 or 48000."""
    detect_inband_dtmf: bool | None
    """Whether DTMF tones are detected in the received audio of every call."""
    accept_transfers: bool | None
    """Whether REFER (RFC 3515) and INVITE with Replaces (RFC 3891) are accepted; otherwise they get 603."""
    on_crash: OnCrash | Literal["restart", "fail"] | None
    """Action after a crash of the agent process: ``restart`` (on the same ports) or ``fail``."""
    media_address: MediaAddress | Literal["verified", "sdp"] | None
    """Destination of media before the ACK of an incoming call."""
    connect_to_contacts: bool | None
    """Whether a TCP or TLS connection is made to the Contact of a peer that has called, or to its Via."""
    resolve_peers: ResolvePeers | Literal["never", "async"] | None
    """DNS lookup of host names in messages of peers: ``never`` or ``async``."""
    reliable_provisional: ReliableProvisional | Literal["off", "supported", "preferred", "required"] | None
    """Use of reliable provisional responses (100rel, RFC 3262): off, supported, preferred, required."""
    session_timer: SessionTimer | Literal["off", "supported", "required", "always"] | None
    """Use of session timers (RFC 4028): off, supported, required, always."""
    session_expires_s: int | None
    """Requested session interval (Session-Expires) in seconds."""
    min_se_s: int | None
    """Smallest accepted session interval (Min-SE) in seconds; a smaller interval gets 422."""
    follow_redirects: int | None
    """Largest number of redirection targets (3xx) that an INVITE tries; 0: the 3xx ends the call."""
    user_agent: str | None
    """Value of the User-Agent header field."""
    headers: Mapping[str, Mapping[str, str | Sequence[str]]] | None
    """Header fields by message (INVITE, 183, 200 BYE, ``*`` for all); they replace the library's."""
    max_calls: int | None
    """Largest number of concurrent calls; default: the limit of the build and of ``rtp_ports``."""
    rx_drop_pct: int | None
    """Simulated loss of received RTP packets in per cent; the library drops 1 % more (1 drops 2)."""
    tx_drop_pct: int | None
    """Simulated loss of sent RTP packets in per cent; the library drops 1 % more."""
