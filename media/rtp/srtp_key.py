"""SRTP crypto suites and master keys in SDP form (RFC 4568 section 6.1).

Suites: RFC 4568 section 6.2, RFC 6188 and RFC 7714. Session parameters: RFC 4568 section 6.3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

__all__ = ["SUITES", "AuthenticationFailed", "SrtpError", "SrtpKey", "Suite", "canonical"]

MAX_MKI = 128  # bytes
MAX_LIFETIME = 1 << 48  # packets, RFC 3711 section 9.2
MOST_SHOWN = 32  # characters of a word in a message; a key is longer

_LIFETIME = re.compile(r"(2\^)?([0-9]{1,15})")
_MKI = re.compile(r"([0-9]{1,310}):([0-9]{1,3})")
_LENGTH_LAST = re.compile(r"AES_CM_(192|256)_(HMAC_SHA1_(?:80|32))")
_LENGTH_FIRST = re.compile(r"AES_128_CM_(HMAC_SHA1_(?:80|32))")
_KDR = re.compile(r"KDR=([0-9]{1,2})")
_WSH = re.compile(r"WSH=([0-9]{1,5})")
MOST_KDR = 24  # RFC 4568 section 6.3.1: session keys are derived again every 2^n packets
LEAST_WINDOW, MOST_WINDOW = 64, 1 << 15  # packets, RFC 3711 section 3.3.2 and RFC 4568 section 6.3.6


class SrtpError(ValueError):
    """A key or a packet that is invalid for SRTP; the message names the fault and never shows a key."""


class AuthenticationFailed(SrtpError):
    """The packet was protected with another key, or modified in transit."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A crypto suite with the lengths of its keys and tags in bytes."""

    name: str
    key_length: int
    salt_length: int
    tag_length: int
    rtcp_tag_length: int
    """The tag length of SRTCP, never truncated to 32 bits (RFC 4568 section 6.2, RFC 3711 section 5.2)."""
    aead: bool = False
    """Whether the suite is AES-GCM (RFC 7714) instead of AES-CM with HMAC-SHA1 (RFC 3711)."""


SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            Suite("AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10),
            Suite("AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10),
            Suite("AES_192_CM_HMAC_SHA1_80", 24, 14, 10, 10),
            Suite("AES_192_CM_HMAC_SHA1_32", 24, 14, 4, 10),
            Suite("AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10),
            Suite("AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10),
            Suite("AEAD_AES_128_GCM", 16, 12, 16, 16, aead=True),
            Suite("AEAD_AES_256_GCM", 32, 12, 16, 16, aead=True),
            Suite("AEAD_AES_128_GCM_8", 16, 12, 8, 8, aead=True),
            Suite("AEAD_AES_256_GCM_8", 32, 12, 8, 8, aead=True),
        )
    }
)
"""Suites by their name in a=crypto lines, in the case of the RFCs; GCM_8 is from a draft, as in libsrtp."""


def canonical(suite: str) -> str:
    """The RFC's name of a suite; any case and any position of the key length are accepted.

    ``AES_CM_256_HMAC_SHA1_80`` (RFC 6188's drafts) becomes ``AES_256_CM_HMAC_SHA1_80``.
    """
    name = _LENGTH_LAST.sub(r"AES_\1_CM_\2", suite.upper())
    return _LENGTH_FIRST.sub(r"AES_CM_128_\1", name)


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """A master key with its parameters; its repr shows no key bytes.

    Raises SrtpError for an unknown suite or a wrong length.
    """

    suite: str
    master_key: bytes = field(repr=False)
    master_salt: bytes = field(repr=False)
    mki: bytes = b""
    """The master key identifier (MKI) in each packet; empty without an MKI."""
    lifetime: int | None = None
    """The lifetime of the key in packets; None if not stated."""
    encrypted: bool = True
    """False with UNENCRYPTED_SRTP: RTP is authenticated but not encrypted."""
    authenticated: bool = True
    """False with UNAUTHENTICATED_SRTP: RTP is encrypted without an authentication tag.

    SRTCP always has a tag.
    """
    derivation_rate: int = 0
    """KDR: the number of packets between key derivations (RFC 3711 section 4.3.1).

    0 for a single derivation.
    """
    window: int | None = None
    """WSH: the size of the replay window, in packets, that the sender of the key recommends."""

    def __post_init__(self) -> None:
        """Check the constraints of the class."""
        suite = _suite(self.suite)
        for what, bytes_, expected in (
            ("master key", self.master_key, suite.key_length),
            ("master salt", self.master_salt, suite.salt_length),
        ):
            if len(bytes_) != expected:
                raise SrtpError(
                    f"{suite.name}: the {what} has {len(bytes_)} bytes where {expected} are expected"
                )
        if len(self.mki) > MAX_MKI:
            raise SrtpError(f"an MKI has at most {MAX_MKI} bytes, not {len(self.mki)}")

    @property
    def tag_length(self) -> int:
        """Bytes of the authentication tag of an RTP packet; AES-GCM has no mode without one."""
        suite = SUITES[self.suite]
        return suite.tag_length if self.tagged else 0

    @property
    def tagged(self) -> bool:
        """Whether RTP packets have a tag."""
        return self.authenticated or SUITES[self.suite].aead

    def with_mki(self, mki: bytes) -> Self:
        """The same key for packets with this MKI."""
        return replace(self, mki=mki)

    @classmethod
    def from_inline(cls, suite: str, text: str, parameters: Iterable[str] = ()) -> Self:
        """Read the key parameters of an a=crypto line: ``inline:KEY[|LIFETIME][|MKI:LENGTH]``.

        The suite may be in any case (RFC 4568 section 4), and missing padding of the base64 is forgiven.
        ``parameters`` are the session parameters of the line; those that change no packet of this stream
        (FEC_ORDER, FEC_KEY, UNENCRYPTED_SRTCP, extensions) are passed over. Raises SrtpError, which says
        what is wrong.
        """
        name = _suite(canonical(suite))
        method, colon, rest = text.strip().partition(":")
        if not colon or method.lower() != "inline":
            raise SrtpError("the key parameters do not begin with 'inline:'")
        if ";" in rest:
            raise SrtpError(f"there are {rest.count(';') + 1} keys in one parameter; give one at a time")
        encoded, *options = rest.split("|")
        material = _decoded(encoded)
        expected = name.key_length + name.salt_length
        if len(material) != expected:
            parts = f"{name.key_length} of key and {name.salt_length} of salt"
            raise SrtpError(
                f"{name.name}: the key has {len(material)} bytes where {expected} are expected ({parts})"
            )
        lifetime, mki = _options(options)
        words = [parameter.upper() for parameter in parameters]
        return cls(
            name.name,
            material[: name.key_length],
            material[name.key_length :],
            mki,
            lifetime,
            encrypted="UNENCRYPTED_SRTP" not in words,
            authenticated="UNAUTHENTICATED_SRTP" not in words,
            derivation_rate=_derivation_rate(words),
            window=_window(words),
        )


def _suite(name: str) -> Suite:
    try:
        return SUITES[name]
    except KeyError:
        raise SrtpError(f"the suite {_shown(name)} is none of {', '.join(SUITES)}") from None


def _derivation_rate(words: Iterable[str]) -> int:
    for found in map(_KDR.fullmatch, words):
        if found:
            if not 1 <= int(found[1]) <= MOST_KDR:
                raise SrtpError(f"KDR={found[1]} is not from 1 to {MOST_KDR}")
            return 1 << int(found[1])
    return 0


def _window(words: Iterable[str]) -> int | None:
    for found in map(_WSH.fullmatch, words):
        if found:
            return min(max(int(found[1]), LEAST_WINDOW), MOST_WINDOW)
    return None


def _shown(word: str) -> str:
    """A malformed word for an error message; hidden if it may be a misplaced key."""
    return "given" if len(word) > MOST_SHOWN or word.lower().startswith("inline") else repr(word)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        pass  # the text of the error may contain part of the key
    raise SrtpError(f"the {len(encoded)} characters of the key are not base64")


def _options(options: list[str]) -> tuple[int | None, bytes]:
    lifetime: int | None = None
    mki = b""
    if options and ":" not in options[0]:
        lifetime = _lifetime(options.pop(0))
    if options:
        mki = _mki(options.pop(0))
    if options:
        raise SrtpError("after the key there is more than a lifetime and an MKI")
    return lifetime, mki


def _lifetime(text: str) -> int:
    found = _LIFETIME.fullmatch(text)
    if not found:
        raise SrtpError(f"the lifetime {_shown(text)} is no number of packets like '2^20' or '1048576'")
    number = int(found[2])
    if found[1]:
        number = 1 << number if number <= 48 else MAX_LIFETIME + 1
    if not 0 < number <= MAX_LIFETIME:
        raise SrtpError(f"the lifetime {_shown(text)} is not from 1 to 2^48 packets")
    return number


def _mki(text: str) -> bytes:
    found = _MKI.fullmatch(text)
    if not found:
        raise SrtpError(f"the MKI {_shown(text)} is not like '1:4' (value:bytes)")
    value, length = int(found[1]), int(found[2])
    if not 0 < length <= MAX_MKI:
        raise SrtpError(f"an MKI has 1 to {MAX_MKI} bytes, not {length}")
    if value.bit_length() > 8 * length:
        raise SrtpError(f"the MKI {_shown(text)} does not fit in {length} bytes")
    return value.to_bytes(length, "big")
