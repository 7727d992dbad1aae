"""Capabilities of the library build, measured by the agent, and the check of settings against them.

No other file has a limit of a particular build. Construction of the settings looks at the values alone;
:func:`check_build` compares them with the build, and its errors say the reason and the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from bot.config.endpoint import EndpointConfig
from bot.config.validation import SettingError
from bot.model import Codec, CryptoSuite, Keying
from bot.sip import parse_uri

__all__ = ["DTLS_PROFILES", "GUIDE", "Capabilities", "WorkaroundState", "check_build"]

DTLS_PROFILES = (
    CryptoSuite.AES_CM_128_HMAC_SHA1_80,
    CryptoSuite.AES_CM_128_HMAC_SHA1_32,
    CryptoSuite.AEAD_AES_128_GCM,
    CryptoSuite.AEAD_AES_256_GCM,
)
"""The protection profiles of DTLS-SRTP (RFC 5764 section 4.1.2, RFC 7714 section 14.2)."""
DEFAULT_HANDLES = 64
"""PJ_IOQUEUE_MAX_HANDLES of a build that does not say its own: the default of PJSIP."""
GUIDE = "docs/build-of-your-own.md"
"""How to make a build that has more."""


class WorkaroundState(msgspec.Struct, frozen=True, kw_only=True):
    """State of a workaround for a fault of the library, or of a part of the agent that needs C functions."""

    name: str
    """Name of the workaround."""
    state: Literal["active", "not needed", "not possible"]
    """Whether the workaround is active."""
    reason: str = ""
    """Reason of an inactive workaround: the PJSIP version with the correction, or a missing C function."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Capabilities of the library build; None or empty for an unknown value."""

    version: str
    """Version of PJSIP, such as ``2.15.1``."""
    calls: int | None = None
    """Largest number of concurrent calls of the endpoint, by the build and the settings."""
    conference_ports: int | None = None
    """Largest number of concurrent calls, players and recorders of one endpoint."""
    io_queue: str = ""
    """I/O queue of the library: ``select``, ``epoll`` or ``kqueue``."""
    handles: int | None = None
    """Largest number of sockets of an I/O queue; the library has one queue for SIP and one for media."""
    codecs: list[Codec] = []
    """Codecs in the library's order of preference."""
    suites: list[str] = []
    """SRTP crypto suites (RFC 4568, 6188, 7714) in the library's order of preference."""
    keyings: list[Literal["SDES", "DTLS"]] = []
    """Key exchanges of SRTP: SDES (RFC 4568), DTLS (RFC 5763)."""
    ipv6: bool = False
    """Whether the build supports IPv6."""
    tls_library: str = ""
    """Name and version of the TLS library."""
    tls: str = ""
    """Highest version of TLS; empty without TLS."""
    assertions: bool | None = None
    """Whether a failed assertion of the library aborts the process."""
    workarounds: list[WorkaroundState] = []
    """States of the workarounds."""
    missing: list[str] = []
    """C functions that srtpbot can use and this build does not export."""

    @property
    def build(self) -> str:
        """The build in the words of an error."""
        return f"this build of the library (PJSIP {self.version})"

    @property
    def sockets(self) -> int:
        """The sockets of an I/O queue that can be relied on."""
        return self.handles or DEFAULT_HANDLES

    def usable(self, suites: Sequence[CryptoSuite]) -> list[CryptoSuite]:
        """The suites of the build among these crypto suites, in their order."""
        return [suite for suite in suites if suite in self.suites]


def check_build(config: EndpointConfig, build: Callable[[], Capabilities]) -> None:
    """Raise SettingError for a setting that the build cannot carry out.

    ``build`` is called only where a setting depends on the build, for it may have to start an agent.
    """
    _check_ipv6(config, build)
    _check_dtls(config, build)
    if config.suites != tuple(CryptoSuite):
        for index, suite in enumerate(config.suites):
            if suite not in build().suites:
                have = ", ".join(build().usable(tuple(CryptoSuite)))
                raise SettingError(f"suites[{index}]", f"{build().build} has no {suite}; it has {have}")
    most = build().calls if config.max_calls is not None else None
    if config.max_calls is not None and most is not None and config.max_calls > most:
        what = f"expected 1 to {most}, got {config.max_calls}: {build().build} has {most} call slots"
        remedy = f"start more endpoints, or use a build with a larger PJSUA_MAX_CALLS ({GUIDE})"
        raise SettingError("max_calls", f"{what}; {remedy}")


def _check_dtls(config: EndpointConfig, build: Callable[[], Capabilities]) -> None:
    """A library without DTLS-SRTP would send plain RTP."""
    if Keying.DTLS not in config.srtp_keying:
        return
    key = f"srtp_keying[{config.srtp_keying.index(Keying.DTLS)}]"
    if "DTLS" not in build().keyings:
        what = f"{build().build} has no DTLS-SRTP and would send plain RTP; use sdes"
        raise SettingError(key, f"{what}, or a build with PJMEDIA_SRTP_HAS_DTLS ({GUIDE})")
    if not any(suite in DTLS_PROFILES for suite in build().usable(config.suites)):
        profiles = ", ".join(build().usable(DTLS_PROFILES))
        raise SettingError("suites", f"none of them is a profile of DTLS-SRTP; those are {profiles}")


def _check_ipv6(config: EndpointConfig, build: Callable[[], Capabilities]) -> None:
    """Addresses of IPv6 end a process whose library has none."""
    for key, address in _addresses(config):
        if not build().ipv6:
            what = f"{address} is an IPv6 address, and {build().build} has no IPv6"
            raise SettingError(key, f"{what}; use an IPv4 address, or a build with PJ_HAS_IPV6 ({GUIDE})")


def _addresses(config: EndpointConfig) -> list[tuple[str, str]]:
    """The settings with addresses of IPv6, each with its key; a route over IPv6 needs one of the others."""
    found = [("ipv6", "::")] if config.ipv6 else []
    if config.bind and ":" in config.bind:
        found.append(("bind", config.bind))
    identities = [
        ("", config),
        *((f"accounts[{at}].", account) for at, account in enumerate(config.accounts)),
    ]
    for prefix, identity in identities:
        if identity.id and parse_uri(identity.id).is_ipv6:
            found.append((f"{prefix}id", parse_uri(identity.id).host))
        for at, one in enumerate(identity.subscriptions):
            if parse_uri(one.uri).is_ipv6:
                found.append((f"{prefix}subscriptions[{at}].uri", parse_uri(one.uri).host))
    return found
