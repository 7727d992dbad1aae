"""Owns SRTP's crypto suites and master keys as SDP writes them (RFC 4568 section 6.1); it encrypts nothing.

Suites: RFC 4568 section 6.2, RFC 6188 and RFC 7714.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

__all__ = ["SUITES", "AuthenticationFailed", "SrtpError", "SrtpKey", "Suite"]

MAX_MKI = 128  # bytes
MAX_LIFETIME = 1 << 48  # packets, RFC 3711 section 9.2
MOST_SHOWN = 32  # characters of a word in a message; a key has more

_LIFETIME = re.compile(r"(2\^)?([0-9]{1,15})")
_MKI = re.compile(r"([0-9]{1,310}):([0-9]{1,3})")


class SrtpError(ValueError):
    """A key or a packet that SRTP cannot use; the message says what is wrong and never shows a key."""


class AuthenticationFailed(SrtpError):
    """The packet was not protected with this key, or changed on the way."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A crypto suite: the bytes of its keys and tags."""

    name: str
    key_length: int
    salt_length: int
    tag_length: int
    rtcp_tag_length: int
    """Never truncated to 32 bits (RFC 4568 section 6.2, RFC 3711 section 5.2)."""
    aead: bool = False
    """Whether it is AES-GCM (RFC 7714) and not AES in counter mode with HMAC-SHA1 (RFC 3711)."""


SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            Suite("AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10),
            Suite("AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10),
            Suite("AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10),
            Suite("AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10),
            Suite("AEAD_AES_128_GCM", 16, 12, 16, 16, aead=True),
            Suite("AEAD_AES_256_GCM", 32, 12, 16, 16, aead=True),
        )
    }
)
"""By the names that a=crypto lines have, in the case of the RFCs."""


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """A master key and what goes with it; its repr shows none of its bytes.

    Raises SrtpError when the suite is unknown or a length is not the suite's.
    """

    suite: str
    master_key: bytes = field(repr=False)
    master_salt: bytes = field(repr=False)
    mki: bytes = b""
    """The master key identifier that each packet carries; empty when they carry none."""
    lifetime: int | None = None
    """For how many packets the key may be used; None when nothing was said."""

    def __post_init__(self) -> None:
        """Check what the class promises."""
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

    @classmethod
    def from_inline(cls, suite: str, text: str) -> Self:
        """Read the key parameters of an a=crypto line: ``inline:KEY[|LIFETIME][|MKI:LENGTH]``.

        The suite may be in any case (RFC 4568 section 4), and missing padding of the base64 is forgiven.
        Raises SrtpError, which says what is wrong.
        """
        known = _suite(suite.upper())
        method, colon, rest = text.strip().partition(":")
        if not colon or method.lower() != "inline":
            raise SrtpError("the key parameters do not begin with 'inline:'")
        if ";" in rest:
            raise SrtpError(f"there are {rest.count(';') + 1} keys in one parameter; give one at a time")
        encoded, *options = rest.split("|")
        material = _decoded(encoded)
        expected = known.key_length + known.salt_length
        if len(material) != expected:
            parts = f"{known.key_length} of key and {known.salt_length} of salt"
            raise SrtpError(
                f"{known.name}: the key has {len(material)} bytes where {expected} are expected ({parts})"
            )
        lifetime, mki = _options(options)
        return cls(known.name, material[: known.key_length], material[known.key_length :], mki, lifetime)


def _suite(name: str) -> Suite:
    try:
        return SUITES[name]
    except KeyError:
        raise SrtpError(f"the suite {_shown(name)} is none of {', '.join(SUITES)}") from None


def _shown(word: str) -> str:
    """A word that is not what it should be; nothing of it when it may be the key at the wrong place."""
    return "given" if len(word) > MOST_SHOWN or word.lower().startswith("inline") else repr(word)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        pass  # its own words may hold a part of the key
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
